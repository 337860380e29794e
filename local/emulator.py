"""MiniStack's process: its server behind our guard, with function credentials that nobody can guess.

Usage: python -m local.emulator <KEY-AND-SECRET   (the local stack starts it, with MiniStack's settings as environment)
"""

import hashlib
import hmac
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.errors import LocalError, end_with

Credentials = Callable[[Mapping[str, Any]], dict[str, str]]


def main() -> None:
    """Serve until the process is terminated."""
    try:
        key, secret = sys.stdin.read().split()
    except ValueError as error:
        raise LocalError("the emulator needs a key and a secret on its stdin; the local stack starts it") from error
    # MiniStack treats callers with this key as root. Functions get keys of their own.
    os.environ |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    del os.environ["PYTHONPATH"]  # functions inherit the environment, and must not import our modules

    from ministack import app as emulator  # reads the environment while it is imported
    from ministack.core import lambda_runtime

    from local.guard import AccessKey, Guard
    from local.layers import unpacked_once

    zipfile.ZipFile = unpacked_once(Path(tempfile.gettempdir()) / "layers")  # type: ignore[misc]
    lambda_runtime.execution_credentials = function_sessions(secret)
    emulator.app = Guard(emulator.app, AccessKey(key, secret))
    sys.argv[1:] = []
    emulator.main()


def function_sessions(secret: str) -> Credentials:
    """Return a replacement for MiniStack's function credentials, which it derives from the function's name alone.

    All processes of a function share one session, which stays the same after a restart.
    """
    from ministack.core.lambda_runtime import _account_region_from_function_config as place_of
    from ministack.services import sts

    def made_of(*parts: str) -> str:
        return hmac.new(secret.encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()

    def execution_credentials(config: Mapping[str, Any]) -> dict[str, str]:
        account, _ = place_of(config)
        function, role = config["FunctionArn"], config["Role"]
        partition = role.split(":")[1]
        name, role_name = config["FunctionName"][:64], role.rsplit("/", 1)[-1]
        session = {
            "AWS_ACCESS_KEY_ID": f"ASIA{made_of('key', function, role)[:16].upper()}",
            "AWS_SECRET_ACCESS_KEY": made_of("secret", function, role),
            "AWS_SESSION_TOKEN": made_of("token", function, role),
        }
        sts.register_session(
            session["AWS_ACCESS_KEY_ID"],
            {
                "Arn": f"arn:{partition}:sts::{account}:assumed-role/{role_name}/{name}",
                "UserId": f"{role_name}:{name}",
                "SecretAccessKey": session["AWS_SECRET_ACCESS_KEY"],
                "SessionToken": session["AWS_SESSION_TOKEN"],
            },
        )
        return session

    return execution_credentials


if __name__ == "__main__":
    end_with(main)
