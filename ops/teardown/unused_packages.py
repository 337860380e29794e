"""List the packages and layer versions that no function uses any more: `delete WORD NAME ID`, with tabs.

    python -m ops.teardown.unused_packages FOLDER CURRENT...

FOLDER/actual/uploads.json lists the keys under deploy/, layers.json the versions of the layer. CURRENT are the keys of
the packages and the ARN of the layer version, which is empty when a dry run has not created it. Lambda copies a
package, so it is needed only until its functions are updated. Objects with other names under deploy/ belong to others
and are kept.
"""

import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from ops.package.uploads import keys
from ops.stack.resources.base import StackState
from ops.stack.topology import DEPLOY_PREFIX
from ops.teardown.planned_removal import PlannedRemoval

PACKAGE = re.compile(re.escape(DEPLOY_PREFIX) + r"(?:code|layer)-[0-9a-f]{16}\.zip")


def unused(stack: StackState, current: Collection[str]) -> Iterator[PlannedRemoval]:
    for version in stack.listed("layers", "LayerVersions"):
        if version["LayerVersionArn"] not in current:
            name = ":".join(version["LayerVersionArn"].split(":")[6:])
            yield PlannedRemoval("delete", "layer", name, name)
    for key in keys(stack.folder / "actual" / "uploads.json"):
        if PACKAGE.fullmatch(key) and key not in current:
            yield PlannedRemoval("delete", "package", key, key)


def main() -> None:
    folder, *current = sys.argv[1:]
    for line in unused(StackState(Path(folder)), current):
        print("\t".join(line))


if __name__ == "__main__":
    main()
