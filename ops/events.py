"""Print the events with which bash invokes functions.

python -m ops.events describe TABLE                     what a declaration of a source table needs
python -m ops.events tables resync|reconcile TABLE...   these tables, whole
python -m ops.events keys TABLE KEY[,KEY...]            these rows of a table
python -m ops.events quarantined TABLE                  the rows in quarantine, as inspect answers on stdin;
                                                        nothing when there are none
python -m ops.events new_log                            a new log after all used numbers, as inspect answers on stdin
python -m ops.events preview                            a preview of the event on stdin
"""

import json
import re
import sys
from typing import Any

Event = dict[str, Any]


def tables_event(do: str, tables: list[str]) -> Event:
    return {"do": do, "tables": tables} if tables else {"do": do}


def keys_event(table: str, keys: list[str]) -> Event:
    return {"do": "resync", "tables": [table], "keys": sorted(map(int, set(keys)))}


def quarantine_event(table: str, answer: dict[str, list[dict[str, str]]]) -> Event | None:
    """Return the event that reads the quarantined rows; the whole table when a key is unknown or not a number."""
    keys = [entry["key"] for entry in answer["entries"]]
    if not keys:
        return None
    by_key = all(re.fullmatch(r"-?[0-9]+", key) for key in keys)
    return keys_event(table, keys) if by_key else tables_event("resync", [table])


def main() -> None:
    event: Event | None
    match sys.argv[1:]:
        case ["describe", table]:
            event = {"do": "catalogue", "describe": table}
        case ["tables", do, *tables]:
            event = tables_event(do, tables)
        case ["keys", table, keys]:
            event = keys_event(table, keys.split(","))
        case ["quarantined", table]:
            event = quarantine_event(table, json.load(sys.stdin))
        case ["new_log"]:
            event = {"do": "new_log", "after": json.load(sys.stdin)["used"]}
        case ["preview"]:
            event = {"do": "preview", "of": json.load(sys.stdin)}
        case wrong:
            raise SystemExit(f"events has no {wrong}")
    if event:
        print(json.dumps(event))


if __name__ == "__main__":
    main()
