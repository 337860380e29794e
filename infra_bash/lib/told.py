"""Whether the alert function has told of an incident.

python -m infra_bash.lib.told begun|ended KIND <MESSAGES   MESSAGES is a JSON list of what it logged
"""

import json
import sys

from infra_bash.lib.log_lines import facts_of


def is_told(messages: list[str], event: str, kind: str) -> bool:
    return any((said.get("event"), said.get("kind")) == (event, kind) for said in map(facts_of, messages))


def main() -> int:
    event, kind = sys.argv[1:]
    text = sys.stdin.read()
    return 0 if is_told(json.loads(text) if text.strip() else [], event, kind) else 1


if __name__ == "__main__":
    sys.exit(main())
