"""The lock of a deploy: who has it, since when, and for how long at most.

    python -m ops.deploy_lock written PROCESS SECONDS
    python -m ops.deploy_lock judged <LOCK

`written` prints the lock of a process on this machine. `judged` prints `held WORDS` or `left WORDS`: a lock is left
when its time is over, or when its process was on this machine and is no more.
"""

import getpass
import json
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc/self/ns/pid")


def written(process: int, seconds: int, owner: str, machine: str, now: datetime) -> dict[str, str | int]:
    until = now + timedelta(seconds=seconds)
    return {
        "owner": owner,
        "machine": machine,
        "process": process,
        "since": now.isoformat(timespec="seconds"),
        "until": until.isoformat(timespec="seconds"),
    }


def judged(text: str, machine: str, is_alive: Callable[[int], bool], now: datetime) -> str:
    """A lock that cannot be read holds: who has put it there is to take it away."""
    try:
        lock = json.loads(text)
        until = datetime.fromisoformat(lock["until"])
        words = f"{lock['owner']}, since {datetime.fromisoformat(lock['since']):%Y-%m-%d %H:%M:%S} UTC"
        is_here = lock["machine"] == machine
        is_over = now >= until or (is_here and not is_alive(int(lock["process"])))
    except (ValueError, KeyError, TypeError):
        return "held somebody whose lock cannot be read"
    return f"{'left' if is_over else 'held'} {words}"


def machine() -> str:
    """This machine until it is started again, as far as its processes can see each other."""
    seen = PROCESSES.readlink() if PROCESSES.exists() else ""
    return f"{socket.gethostname()} {BOOT.read_text().strip() if BOOT.exists() else ''} {seen}"


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def owner(process: int) -> str:
    """Who it is, for the person who has to wait."""
    if run := os.environ.get("GITHUB_RUN_ID"):
        return f"GitHub run {run} of {os.environ.get('GITHUB_REPOSITORY', '')}"
    return f"{getpass.getuser()} on {socket.gethostname()}, process {process}"


def main() -> None:
    now = datetime.now(UTC)
    if sys.argv[1] == "written":
        process, seconds = map(int, sys.argv[2:])
        print(json.dumps(written(process, seconds, owner(process), machine(), now), indent=1))
    else:
        print(judged(sys.stdin.read(), machine(), is_alive, now))


if __name__ == "__main__":
    main()
