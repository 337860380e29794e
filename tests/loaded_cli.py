"""The AWS CLI, loaded once for the scripts of many tests: a call is a fork of it and costs a third of a new `aws`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_START_S = 60.0  # 2 s on an idle machine


@contextmanager
def loaded(folder: Path) -> Iterator[Path]:
    """Yield a program for TOTESTREAM_AWS or the PATH, called `aws`, that is the CLI of .venv as long as this lasts."""
    socket, program = folder / "cli", folder / "aws"
    serve = [sys.executable, "-P", "-m", "ops.cli.server", str(socket)]
    server = subprocess.Popen(serve, env={**os.environ, "PYTHONPATH": str(ROOT)})
    client = f"{sys.executable} -I -S {ROOT}/ops/cli/client.py {socket}"
    program.write_text(f'#!/bin/sh\nexec {client} "$@"\n')
    program.chmod(0o755)
    try:
        deadline = time.monotonic() + LONGEST_START_S
        while not socket.exists():
            assert server.poll() is None and time.monotonic() < deadline, "the AWS CLI was not loaded"
            time.sleep(0.05)
        yield program
    finally:
        server.kill()  # it ignores SIGTERM
        server.wait()
