"""The doors to AWS and what is built on them, called as the scripts call them, without a stack."""

import os
import subprocess
from pathlib import Path

from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import ROOT

USUAL = "script arguments settings aws state invoke follow pausing proof schedules events lambda"
SETTINGS = "PROJECT=totestream STAGE=test IS_LOCAL=no DRY_RUN=no WAIT_FOR_SCHEDULES=yes"


def run(aws: FakeAws, script: str, sources: str = USUAL) -> subprocess.CompletedProcess[str]:
    """Run bash code with the libraries; `sleep` takes no time and records its calls."""
    sleep = aws.folder / "bin" / "sleep"
    sleep.parent.mkdir(exist_ok=True)
    sleep.write_text(f"#!/bin/sh\necho $1 >>{aws.folder}/slept\n")
    sleep.chmod(0o755)
    folders = {name: "aws" if (ROOT / f"infra_bash/aws/{name}.sh").exists() else "lib" for name in sources.split()}
    lines = [f"source infra_bash/{folder}/{name}.sh" for name, folder in folders.items()]
    environment = {
        "PATH": f"{sleep.parent}:{os.environ['PATH']}",
        "HOME": "/nonexistent",
        "TOTESTREAM_AWS": str(aws.program),
    }
    text = "\n".join([*lines, *SETTINGS.split(), script])
    return subprocess.run(
        ["bash", "-c", text], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def slept(folder: Path) -> int:
    file = folder / "slept"
    return len(file.read_text().split()) if file.exists() else 0
