"""Write and assess the lock of a deploy: its owner, its beginning and its end at the latest.

    python -m ops.deploy_lock new PROCESS SECONDS
    python -m ops.deploy_lock assess <LOCK

`new` prints a lock for a process on this machine. `assess` prints `held OWNER` or `stale OWNER`: a lock is stale when
it has expired, or when its process ran on this machine and has ended.
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


def new_lock(process: int, seconds: int, owner: str, machine: str, now: datetime) -> dict[str, str | int]:
    until = now + timedelta(seconds=seconds)
    return {
        "owner": owner,
        "machine": machine,
        "process": process,
        "since": now.isoformat(timespec="seconds"),
        "until": until.isoformat(timespec="seconds"),
    }


def assessment(text: str, machine: str, is_alive: Callable[[int], bool], now: datetime) -> str:
    """Return `held` or `stale`, and the owner. A lock that cannot be read is held: only a person can delete it."""
    try:
        lock = json.loads(text)
        until = datetime.fromisoformat(lock["until"])
        words = f"{lock['owner']}, since {datetime.fromisoformat(lock['since']):%Y-%m-%d %H:%M:%S} UTC"
        is_here = lock["machine"] == machine
        is_stale = now >= until or (is_here and not is_alive(int(lock["process"])))
    except (ValueError, KeyError, TypeError):
        return "held an unknown owner, whose lock cannot be read"
    return f"{'stale' if is_stale else 'held'} {words}"


def machine() -> str:
    """Return an identity of this machine since its boot, and of its process namespace."""
    namespace = PROCESSES.readlink() if PROCESSES.exists() else ""
    return f"{socket.gethostname()} {BOOT.read_text().strip() if BOOT.exists() else ''} {namespace}"


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def owner(process: int) -> str:
    """Return the owner's name, for the person who has to wait."""
    if run := os.environ.get("GITHUB_RUN_ID"):
        return f"GitHub run {run} of {os.environ.get('GITHUB_REPOSITORY', '')}"
    return f"{getpass.getuser()} on {socket.gethostname()}, process {process}"


def main() -> None:
    now = datetime.now(UTC)
    if sys.argv[1] == "new":
        process, seconds = map(int, sys.argv[2:])
        print(json.dumps(new_lock(process, seconds, owner(process), machine(), now), indent=1))
    else:
        print(assessment(sys.stdin.read(), machine(), is_alive, now))


if __name__ == "__main__":
    main()
