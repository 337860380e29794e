"""Write the policies for deploying, planning and operating, and the permissions boundary of the deployed functions.

    python -m ops.people FOLDER

writes deploy.json, plan.json, operate.json and boundary.json into FOLDER, as docs/policies/ has them for a fictitious
account. PROJECT, STAGE, AWS_REGION, ACCOUNT_ID, PARTITION, PERMISSIONS_BOUNDARY and the names of the secrets come from
the environment; the default boundary is the one that github.sh creates.
"""

import json
import os
import sys
from pathlib import Path

from ops.settings.declarations import example_values
from ops.stack import people
from ops.stack.statements import Document
from ops.stack.topology import Settings, Targets, known_targets
from shared.names import Names

# The settings of docs/policies/.
FICTITIOUS = example_values() | {
    "ACCOUNT_ID": "123456789012",
    "PARTITION": "aws",
    "WAREHOUSE_OWNER_SECRET": "totestream/owner",
    "WAREHOUSE_READER_SECRET": "totestream-dev-reader",
    "SLACK_SECRET": "totestream/slack",
}


def documents(settings: Settings, targets: Targets) -> dict[str, Document]:
    names = Names(*(settings[name] for name in ("PROJECT", "STAGE", "AWS_REGION", "ACCOUNT_ID", "PARTITION")))
    own = names.global_arn("iam", f"policy/{names('boundary')}")
    settings = {**settings, "PERMISSIONS_BOUNDARY": settings.get("PERMISSIONS_BOUNDARY") or own}
    return {
        "deploy": people.deployer(names, settings),
        "plan": people.planner(names, settings),
        "operate": people.operator(names, settings),
        "boundary": people.boundary(names, settings, targets),
    }


def text(document: Document) -> str:
    return json.dumps(document, indent=2) + "\n"


def main() -> None:
    (folder,) = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents(FICTITIOUS | dict(os.environ), known_targets()).items():
        (folder / f"{name}.json").write_text(text(document))


if __name__ == "__main__":
    main()
