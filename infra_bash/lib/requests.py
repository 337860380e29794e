"""Writes the topology as the requests that deploy.sh sends: one --cli-input-json file per AWS call.

    python -m infra_bash.lib.requests FOLDER KIND...

writes FOLDER/KIND/NAME.json for each KIND, which is a method in infra_bash/lib/wanted/. Settings come from the
environment, as do ACCOUNT_ID, PARTITION and, for functions, CODE_KEY and LAYER_ARN.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from infra_bash.lib.wanted import base
from infra_bash.lib.wanted.alerts import Alerts
from infra_bash.lib.wanted.buckets import Buckets
from infra_bash.lib.wanted.functions import Functions
from infra_bash.lib.wanted.queues import Queues
from infra_bash.lib.wanted.roles import Roles
from shared import topology
from shared.errors import BadDeclaration


class Requests(Buckets, Queues, Roles, Functions, Alerts):
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
