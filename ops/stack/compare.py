"""Compare desired and actual resources: a line per resource, `create|update|delete|stays|ok NAME DETAIL`, with tabs.

    python -m ops.stack.compare FOLDER <KINDS

One process compares all kinds of a deploy: for each line KIND on stdin it writes FOLDER/KIND.diff, and `done` or
`failed` into the pipe FOLDER/KIND.reply. It ends when stdin is closed.

FOLDER/KIND/*.json are the desired requests, FOLDER/actual/ holds AWS's answers: one file per list, one folder per kind
whose resources are read one by one. DETAIL has the fields that differ, or the id that a change needs.
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
        (folder / f"{kind}.diff").write_text("".join(lines))
    except Exception:  # noqa: BLE001 - after any error the deploy still waits for an answer
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
