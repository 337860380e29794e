"""Whether the alert function has told a person of an incident.

python -m ops.notified begun|ended KIND SUBJECT <MESSAGES   MESSAGES is a JSON list of what it logged
"""

import json
import sys

from ops.screens.logs import facts_of

# The ways that lead to a person; what the function calls "nothing" or "nobody" has reached none.
WAYS = ("slack", "mail")


def is_told(messages: list[str], event: str, kind: str, subject: str) -> bool:
    about = {"event": event, "kind": kind, "subject": subject}
    return any(said.get("via") in WAYS and about.items() <= said.items() for said in map(facts_of, messages))


def main() -> int:
    event, kind, subject = sys.argv[1:]
    text = sys.stdin.read()
    return 0 if is_told(json.loads(text) if text.strip() else [], event, kind, subject) else 1


if __name__ == "__main__":
    sys.exit(main())
