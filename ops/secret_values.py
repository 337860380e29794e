"""Complete a Secrets Manager request with the secret's content. Only this process and AWS read the content.

    python -m ops.secret_values SECRETS_FILE OPERATION SETTING REQUEST

The content is SETTING_VALUE of the environment or of SECRETS_FILE, which only its owner may read. OPERATION is
create-secret, put-secret-value, or restore-secret, which writes the content if there is one. The reader's login without
content becomes an empty secret, which the function migrate fills. Prints the request, or one line of error that never
contains the content.
"""

import json
import os
import shlex
import stat
import sys
from pathlib import Path

Request = dict[str, object]
MADE_BY_MIGRATE, EMPTY = "WAREHOUSE_READER_SECRET", "{}"
LOGIN, SLACK = {"host", "port", "dbname", "username", "password"}, {"url"}


def file_values(path: Path) -> dict[str, str]:
    """Return the KEY=VALUE lines of the file. A value is plain JSON, or quoted for a shell. Raises ValueError."""
    if not path.exists():
        return {}
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ValueError(f"{path} can be read by others; run: chmod 600 {path}")
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and line[0] != "#")
    return {name.strip(): value if value.startswith("{") else "".join(shlex.split(value)) for name, value in pairs}


def check(name: str, content: str) -> None:
    fields = SLACK if name.startswith("SLACK_") else LOGIN
    try:
        missing = fields - json.loads(content).keys()
    except (json.JSONDecodeError, AttributeError):
        raise ValueError(f"{name} is not JSON with {', '.join(sorted(fields))}") from None
    if missing:
        raise ValueError(f"{name} lacks {', '.join(sorted(missing))}")


def request_with_content(path: Path, operation: str, setting: str, request: Request) -> Request | None:
    """Return the completed request; None when no content is to be written. Raises ValueError."""
    name = f"{setting}_VALUE"
    content = os.environ.get(name) or file_values(path).get(name)
    if not content and operation == "restore-secret":
        return None
    if not content and setting == MADE_BY_MIGRATE:
        content = EMPTY
    elif content:
        check(name, content)
    else:
        raise ValueError(f"there is no value for secret {request['Name']}; write {name}={{…}} into {path} (mode 600)")
    if operation == "create-secret":
        return request | {"SecretString": content}
    return {"SecretId": request["Name"], "SecretString": content}


def main() -> int:
    path, operation, setting, request = sys.argv[1:]
    try:
        completed = request_with_content(Path(path), operation, setting, json.loads(Path(request).read_text()))
    except ValueError as problem:
        print(f"{'FAILED':<8}{problem}", file=sys.stderr)
        return 1
    if completed:
        print(json.dumps(completed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
