"""Check whether the alert function has notified a person of an incident. The exit code is 0 if it has, else 1.

python -m ops.notified begun|ended KIND SUBJECT <MESSAGES   MESSAGES is a JSON list of its log lines
"""

import json
import sys

from ops.screens.logs import facts_of

# The channels that reach a person; with "nothing" or "nobody" the message has reached none.
CHANNELS = ("slack", "mail")


def is_notified(messages: list[str], event: str, kind: str, subject: str) -> bool:
    about = {"event": event, "kind": kind, "subject": subject}
    return any(fields.get("via") in CHANNELS and about.items() <= fields.items() for fields in map(facts_of, messages))


def main() -> int:
    event, kind, subject = sys.argv[1:]
    text = sys.stdin.read()
    return 0 if is_notified(json.loads(text) if text.strip() else [], event, kind, subject) else 1


if __name__ == "__main__":
    sys.exit(main())
