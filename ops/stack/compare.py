"""Compare desired and actual resources: one line per resource, `create|update|delete|stays|ok NAME WHAT`, with tabs.

    python -m ops.stack.compare FOLDER <KINDS

One process compares all kinds of a deploy: for each line KIND on stdin it writes FOLDER/KIND.verdicts, and `done` or
`failed` into the pipe FOLDER/KIND.reply. It ends with its stdin.

FOLDER/KIND/*.json are the desired requests, FOLDER/have/ holds AWS's answers: one file per list, one folder per kind
that is read one by one. WHAT is what differs, or the id that a change needs.
"""

import sys
import traceback
from pathlib import Path

from ops.stack.resources.base import StackState
from ops.stack.resources.kinds import COMPARED


def compare(folder: Path, kind: str) -> str:
    """Write the lines of one kind. A failure must not end the process: other steps wait for their answers."""
    try:
        lines = ["\t".join(line) + "\n" for line in COMPARED[kind].difference(StackState(folder))]
        (folder / f"{kind}.verdicts").write_text("".join(lines))
    except Exception:  # noqa: BLE001 - whatever it is, the deploy waits for an answer
        traceback.print_exc()
        return "failed"
    return "done"


def main() -> None:
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        kind = line.strip()
        answer = compare(folder, kind)
        (folder / f"{kind}.reply").write_text(f"{answer}\n")


if __name__ == "__main__":
    main()
