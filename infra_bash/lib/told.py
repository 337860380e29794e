"""Whether the alert function has told of an incident.

python -m infra_bash.lib.told begun|ended KIND <MESSAGES   MESSAGES is a JSON list of what it logged
"""

import json
import sys
from typing import Any


def is_told(messages: list[str], event: str, kind: str) -> bool:
    return any((said.get("event"), said.get("kind")) == (event, kind) for said in map(_facts, messages))


def _facts(message: str) -> dict[str, Any]:
    try:
        said = json.loads(message)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def main() -> int:
    event, kind = sys.argv[1:]
    text = sys.stdin.read()
    return 0 if is_told(json.loads(text) if text.strip() else [], event, kind) else 1


if __name__ == "__main__":
    sys.exit(main())
