"""An account that ends soon, for a drill on the local stack: watch gets another ACCOUNT_EXPIRES.

Usage: python -m local.expiring_account break|repair   (drill.sh calls it, with the stack's settings as environment)
"""

import os
import sys
from datetime import UTC, datetime, timedelta

import boto3

_FUNCTION = "{PROJECT}-{STAGE}-watch"


def main() -> None:
    [what] = sys.argv[1:]
    functions, name = boto3.client("lambda"), _FUNCTION.format_map(os.environ)
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    soon = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    variables["ACCOUNT_EXPIRES"] = soon if what == "break" else os.environ["ACCOUNT_EXPIRES"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


if __name__ == "__main__":
    main()
