"""How the programs of local/ end when a person interrupts them, or has seen enough: without a traceback."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from local import folders, ports, processes
from local.processes import wait_until

pytestmark = pytest.mark.fast


def test_ctrl_c_is_no_traceback(tmp_path: Path) -> None:
    port = ports.pick()
    command = processes.python_command("local.slack", tmp_path)
    running = subprocess.Popen(
        ["env", "--default-signal=INT", *command, "--port", str(port), "--folder", str(tmp_path)],
        cwd=folders.REPOSITORY,
        stderr=subprocess.PIPE,
    )
    assert wait_until(lambda: ports.is_open(port), 30)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, said) == (130, b"")


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_an_output_that_nobody_reads_is_no_traceback(tmp_path: Path, closed: str) -> None:
    """As under `| head`, which has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*processes.python_command("local.stack", tmp_path), "status" if closed == "stdout" else "reset"],
        cwd=folders.REPOSITORY,
        env={**os.environ, "TOTESTREAM_LOCAL": str(tmp_path / "none")},
        stdout=writer if closed == "stdout" else subprocess.PIPE,
        stderr=writer if closed == "stderr" else subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (141, b"", b"")


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [*processes.python_command("local.stack", tmp_path), "start"],
        cwd=folders.REPOSITORY,
        env={**os.environ, "TOTESTREAM_LOCAL": str(tmp_path / "file/below")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"FAILED  {tmp_path}/file/below: Not a directory\n"
