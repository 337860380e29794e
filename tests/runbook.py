"""docs/runbook.md, as its tests read it."""

import re
from pathlib import Path

_TEXT = (Path(__file__).parent.parent / "docs/runbook.md").read_text()
ENTRIES: dict[str, str] = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", _TEXT, re.MULTILINE | re.DOTALL))


def commands(entry: str) -> list[str]:
    """The commands of an entry, in order, from the script's name on."""
    return re.findall(r"^\$ \./infra_bash/(.+)$", ENTRIES[entry], re.MULTILINE)
