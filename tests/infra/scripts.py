"""The scripts as a person runs them, in an environment of nothing but a PATH."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "infra_bash").glob("*.sh"))
EXAMPLE = ROOT / "settings.example.env"
MINIMUM = (
    "PROJECT=totestream\nSTAGE=test\nAWS_REGION=eu-west-2\nSOURCE_SECRET=s\nWAREHOUSE_SECRET=w\nWAREHOUSE_SCHEMA=star\n"
)


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    command = [str(ROOT / "infra_bash" / script), *arguments]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, timeout=900, check=False)


def settings_file(folder: Path, text: str = MINIMUM) -> str:
    file = folder / "settings.env"
    file.write_text(text)
    return str(file)


def example_settings() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
