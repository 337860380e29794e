"""What any user of this machine can see of a process while it lives: /proc."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

# A process is a copy of its parent until it becomes another program.
LOOKS = 6
# Most live for tenths of a second.
EVERY_S = 0.01


@dataclass
class Seen:
    """Command lines and environments of processes."""

    commands: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)


class Watched(threading.Thread):
    """Collects the command lines and the environments of all processes that begin while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen = Seen()
        self._over = threading.Event()
        self._looked = dict.fromkeys(_pids(), LOOKS)

    def __enter__(self) -> Seen:
        self.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(EVERY_S):
            for pid in _pids():
                looked = self._looked.setdefault(pid, 0)
                if looked < LOOKS:
                    self._looked[pid] = looked + 1
                    self.seen.commands.add(_read(pid, "cmdline"))
                    self.seen.environments.add(_read(pid, "environ"))


def _pids() -> list[str]:
    with os.scandir("/proc") as entries:
        return [entry.name for entry in entries if entry.name.isdigit()]


def _read(pid: str, file: str) -> str:
    try:
        return Path("/proc", pid, file).read_bytes().decode(errors="replace")
    except OSError:
        return ""
