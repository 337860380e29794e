"""Says which packages and layer versions no function runs on any more: `delete WORD NAME ID`, with tabs.

    python -m ops.teardown.former_packages FOLDER CURRENT...

FOLDER/have/uploads.json and layers.json are what the bucket has under deploy/, and the versions of the layer. CURRENT
are the packages' keys and the layer version's ARN, empty when a dry run has not made it. Lambda copies what it is
given, so a package is only needed until its functions are updated. Other objects under deploy/ are other people's.
"""

import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from ops.package.uploads import keys
from ops.stack.topology import DEPLOY_PREFIX
from ops.stack.verdicts import StackDifferences

PACKAGE = re.compile(re.escape(DEPLOY_PREFIX) + r"(?:code|layer)-[0-9a-f]{16}\.zip")

Line = tuple[str, str, str, str]


def former(stack: StackDifferences, current: Collection[str]) -> Iterator[Line]:
    for version in stack.have("layers").get("LayerVersions", []):
        if version["LayerVersionArn"] not in current:
            name = ":".join(version["LayerVersionArn"].split(":")[6:])
            yield "delete", "layer", name, name
    for key in keys(stack.folder / "have" / "uploads.json"):
        if PACKAGE.fullmatch(key) and key not in current:
            yield "delete", "package", key, key


def main() -> None:
    folder, *current = sys.argv[1:]
    for line in former(StackDifferences(Path(folder)), current):
        print("\t".join(line))


if __name__ == "__main__":
    main()
