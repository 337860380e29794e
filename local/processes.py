"""Background processes with a pid file; a pid counts only while it still is the process that we started."""

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

from local import folders
from local.errors import LocalError

_POLL_S = 0.02
_STARTED: list[subprocess.Popen[bytes]] = []  # kept, because Python warns about a running process without a reference


def python_command(module: str, mark: Path) -> list[str]:
    """Return the command that runs a module on this interpreter, marked with a path of its stack for recognition.

    -X accepts any name, and ignores unknown ones.
    """
    return [sys.executable, "-X", f"totestream={mark}", "-m", module]


def sign_of(command: Sequence[str]) -> str:
    """Return the part of such a command line that identifies the process."""
    return " ".join(command[1:])


def command_of(pid: int) -> str:
    """Return a process's command line, '' if there is no such process."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    command = ["ps", "-o", "command=", "-p", str(pid)]  # macOS
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def running_pid(pid_file: Path, sign: str) -> int | None:
    """Return the pid in the file's first line, if that process runs and its command line contains `sign`.

    After a crash or a reboot another process may have the number.
    """
    try:
        pid = int(folders.read_server_file(pid_file).split("\n", 1)[0])
    except ValueError:
        return None
    return pid if sign in command_of(pid) else None


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Poll until it happened (True) or the time is over (False)."""
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
    stdin_text: str = "",
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, which neither our end nor a Ctrl-C ends.

    It runs as `user`, who alone can read what it writes. Its stdin is `stdin_text`, which no process list shows.
    """
    with folders.open_log(log) as output, tempfile.TemporaryFile() as stdin:
        stdin.write(stdin_text.encode())
        stdin.seek(0)
        process = subprocess.Popen(
            command,
            env=environment,
            cwd="/",
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            **folders.identity(user),
        )
    _STARTED.append(process)
    folders.write_private(pid_file, f"{process.pid}\n")
    return process


def terminate(pid_file: Path, sign: str, name: str, timeout_s: float) -> bool:
    """Terminate the process, wait for it, then kill the rest of its group. Returns False if it did not run."""
    pid = running_pid(pid_file, sign)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        ended = wait_until(lambda: _ended(pid, sign), timeout_s)
        _end_group(pid)
        if not ended:
            raise LocalError(f"{name} did not stop within {timeout_s:.0f} s and was killed; its last state is lost")
    pid_file.unlink(missing_ok=True)
    return pid is not None


def _ended(pid: int, sign: str) -> bool:
    """Return whether the process has ended; one that is our own child is also reaped."""
    ours = next((process for process in _STARTED if process.pid == pid), None)
    return ours.poll() is not None if ours else sign not in command_of(pid)


def _end_group(group: int) -> None:
    with suppress(ProcessLookupError):  # the whole group has ended
        os.killpg(group, signal.SIGKILL)
