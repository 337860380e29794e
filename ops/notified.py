"""Find out whether the alert function has notified a person of an incident.

python -m ops.notified begun|ended KIND SUBJECT <MESSAGES   MESSAGES is a JSON list of what it logged
"""

import json
import sys

from ops.screens.logs import facts_of

# The channels that reach a person; with "nothing" or "nobody" the message has reached none.
CHANNELS = ("slack", "mail")


def is_notified(messages: list[str], event: str, kind: str, subject: str) -> bool:
    about = {"event": event, "kind": kind, "subject": subject}
    return any(said.get("via") in CHANNELS and about.items() <= said.items() for said in map(facts_of, messages))


def main() -> int:
    event, kind, subject = sys.argv[1:]
    text = sys.stdin.read()
    return 0 if is_notified(json.loads(text) if text.strip() else [], event, kind, subject) else 1


if __name__ == "__main__":
    sys.exit(main())
