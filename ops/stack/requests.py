"""Writes the topology as the requests that deploy.sh sends: one --cli-input-json file per AWS call.

    python -m ops.stack.requests FOLDER KIND...

writes FOLDER/KIND/NAME.json for each KIND, which is a method in ops/stack/desired/. Settings come from the
environment, as do ACCOUNT_ID, PARTITION and, for functions, CODE_KEY and LAYER_ARN.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from ops.stack import topology
from ops.stack.desired import base
from ops.stack.desired.alerts import DesiredAlerts
from ops.stack.desired.buckets import DesiredBuckets
from ops.stack.desired.functions import DesiredFunctions
from ops.stack.desired.queues import DesiredQueues
from ops.stack.desired.roles import DesiredRoles
from shared.errors import BadDeclaration


class Requests(DesiredBuckets, DesiredQueues, DesiredRoles, DesiredFunctions, DesiredAlerts):
    """Every kind of request."""


def main() -> int:
    folder, *kinds = sys.argv[1:]
    try:
        requests = Requests(dict(os.environ), topology.known_targets())
    except (BadDeclaration, SyntaxError) as error:
        print(f"{'FAILED':<8}{error}", file=sys.stderr)
        return 1
    for kind in kinds:
        place = Path(folder) / kind
        place.mkdir(parents=True, exist_ok=True)
        write: Callable[[], base.Requests] = getattr(requests, kind)
        for name, request in write():
            (place / f"{name}.json").write_text(json.dumps(request, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
