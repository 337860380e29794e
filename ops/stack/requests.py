"""Write the desired stack as the requests that deploy.sh sends: one --cli-input-json file per AWS call.

    python -m ops.stack.requests FOLDER [KIND...]

writes FOLDER/KIND/NAME.json for each kind that is named. Without a name the kinds are those of
ops/stack/resources/kinds.py that need the packages if CODE_KEY is set, else those that do not. It also writes
FOLDER/phases/PHASE: the names of the phase's kinds, in order.
Settings come from the environment, as do ACCOUNT_ID, PARTITION and, for functions, CODE_KEY and LAYER_ARN.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from ops.stack import topology
from ops.stack.resources.base import DesiredStack, Requests, ResourceKind
from ops.stack.resources.kinds import KINDS, NEED_PACKAGES, PHASES
from shared.errors import BadDeclaration


def kinds_to_write(names: Iterable[str], has_packages: bool) -> Iterable[type[ResourceKind]]:
    if named := [KINDS[name] for name in names]:
        return named
    return NEED_PACKAGES if has_packages else [kind for kind in KINDS.values() if kind not in NEED_PACKAGES]


def write(folder: Path, name: str, requests: Requests) -> None:
    subfolder = folder / name
    subfolder.mkdir(parents=True, exist_ok=True)
    for each, request in requests:
        (subfolder / f"{each}.json").write_text(json.dumps(request, indent=1))


def write_kinds(folder: Path, stack: DesiredStack, kinds: Iterable[type[ResourceKind]]) -> None:
    for kind in kinds:
        write(folder, kind.name, kind.desired(stack))
        if kind.changes_name:
            write(folder, kind.changes_name, kind.changes(stack))


def write_phases(folder: Path) -> None:
    subfolder = folder / "phases"
    subfolder.mkdir(parents=True, exist_ok=True)
    for phase, kinds in PHASES.items():
        (subfolder / phase).write_text("".join(f"{kind.name}\n" for kind in kinds))


def main() -> int:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    try:
        stack = DesiredStack(dict(os.environ), topology.known_targets())
    except (BadDeclaration, SyntaxError) as error:
        print(f"{'FAILED':<8}{error}", file=sys.stderr)
        return 1
    write_kinds(folder, stack, kinds_to_write(names, bool(os.environ.get("CODE_KEY"))))
    write_phases(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
