"""Background processes known by a pid file; a pid counts only while it still is the process we started."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from local import places
from local.errors import LocalError

_POLL_S = 0.02
_STARTED: list[subprocess.Popen[bytes]] = []  # held, as Python warns of one it forgets while it runs


def python_command(module: str, mark: Path) -> list[str]:
    """How to run a module on this interpreter, marked with a path of its stack so that it is known again.

    -X takes any name, and what it does not know it passes over.
    """
    return [sys.executable, "-X", f"totestream={mark}", "-m", module]


def sign_of(command: Sequence[str]) -> str:
    """What of such a command line tells it from every other process."""
    return " ".join(command[1:])


def command_of(pid: int) -> str:
    """A process's command line, '' when there is no such process."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    asked = ["ps", "-o", "command=", "-p", str(pid)]  # macOS
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def running_pid(pid_file: Path, sign: str) -> int | None:
    """The pid in the file's first line, if that process lives and `sign` stands in its command line.

    After a crash or a reboot the number may belong to anybody: the sign tells.
    """
    try:
        pid = int(places.read_given(pid_file).split("\n", 1)[0])
    except ValueError:
        return None
    return pid if sign in command_of(pid) else None


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until it happened (True) or the time is over (False)."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    pid_file: Path,
    user: pwd.struct_passwd | None = None,
    told: str = "",
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, which neither our end nor a Ctrl-C ends.

    It runs as `user`, reads `told` from its stdin, which no list of processes shows, and what it writes is its own.
    """
    with places.open_log(log) as output, tempfile.TemporaryFile() as words:
        words.write(told.encode())
        words.seek(0)
        process = subprocess.Popen(
            command,
            env=environment,
            cwd="/",
            stdin=words,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            **places.identity(user),
        )
    _STARTED.append(process)
    places.write_private(pid_file, f"{process.pid}\n")
    return process


def terminate(pid_file: Path, sign: str, name: str, patience_s: float) -> bool:
    """Ask the process to end, wait for it, then end what is left of its group. False: it did not run."""
    pid = running_pid(pid_file, sign)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        ended = wait_until(lambda: _ended(pid, sign), patience_s)
        _end_group(pid)
        if not ended:
            raise LocalError(f"{name} did not stop within {patience_s:.0f} s and was killed; its last state is lost")
    pid_file.unlink(missing_ok=True)
    return pid is not None


def _ended(pid: int, sign: str) -> bool:
    """Whether the process has ended; one that is our own child is also buried."""
    ours = next((process for process in _STARTED if process.pid == pid), None)
    return ours.poll() is not None if ours else sign not in command_of(pid)


def _end_group(group: int) -> None:
    with suppress(ProcessLookupError):  # all of it has ended by itself
        os.killpg(group, signal.SIGKILL)
