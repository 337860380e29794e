"""Commit one change in the source and follow it into the warehouse.

Usage: python -m local.demo [--within SECONDS]   (demo.sh starts it, with the settings in the environment)
"""

import argparse
import os
from contextlib import closing
from random import Random

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection, identifier

from local import folders, logins
from local.change_trace import ChangeTrace, TraceObjects
from local.demo_change import commit_change
from local.errors import LocalError, Parser, end_with, reason
from local.stack import RunningStack
from local.ticker import utc_now

WITHIN_S = 1800.0  # the brief
_DEPLOY = "run ./infra_bash/deploy.sh --local"


def _stack_name() -> str:
    return f"{os.environ['PROJECT']}-{os.environ['STAGE']}"


def _require_deployed() -> None:
    """Raise LocalError unless the extract schedule is enabled: a deploy creates the schedules last."""
    rule = f"{_stack_name()}-extract"
    try:
        state = boto3.client("events").describe_rule(Name=rule)["State"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise LocalError(f"nothing is deployed on the local stack; {_DEPLOY}") from error
    if state != "ENABLED":
        raise LocalError(f"the schedule {rule} is off; {_DEPLOY}")


def _newest_sale(warehouse: Connection) -> int:
    """Return the newest sales order that the warehouse shows, so that its old value can be shown as well."""
    [[order]] = warehouse.run("SELECT max(sales_order_id) FROM current_fact_sales_order") or []
    if order is None:
        raise LocalError("the warehouse has no sales order yet; run ./infra_bash/status.sh --local")
    return int(order)


def demo(stack: RunningStack, within_s: float) -> None:
    states = stack.states()
    if not (states["PostgreSQL"] and states["MiniStack"]):
        raise LocalError(f"the local stack is not running; {_DEPLOY}")
    _require_deployed()
    server, passwords = stack.postgres, stack.passwords
    with (
        closing(logins.connect(server, passwords, logins.WAREHOUSE_OWNER)) as warehouse,
        closing(logins.connect(server, passwords, logins.SOURCE_OWNER)) as source,
    ):
        schema = identifier(os.environ["WAREHOUSE_SCHEMA"])
        warehouse.run(f"SET default_transaction_read_only = on; SET search_path TO {schema}")
        lake, order = TraceObjects(_stack_name()), _newest_sale(warehouse)
        last_run = max(lake.times("ingestion", "runs/"))
        change = commit_change(source, order, Random(), utc_now())
        print(f"A new colleague, {change.name} (staff {change.staff}), takes over a sale.")
        print(f"sales_order {order}: staff_id {change.old_staff} -> {change.staff}\n")
        print(f"{'AFTER':>9}  {'CLOCK OF':<11}{'STEP':<13}WHAT")
        for step in ChangeTrace(lake, warehouse, change, within_s).steps(last_run):
            print(step.since(change.at), flush=True)
    print(f"visible after {(step.at - change.at).total_seconds():.1f} s (the brief: within 30 minutes)")


def main() -> None:
    """Run the demo with the options of the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--within", type=float, default=WITHIN_S, metavar="SECONDS", help="default: 1800")
    options = parser.parse_args()
    try:
        demo(RunningStack(folders.stack_folder()), options.within)
    except BrokenPipeError:
        raise
    except (BotoCoreError, ClientError, DatabaseError, InterfaceError, OSError) as error:
        raise LocalError(f"the local stack failed ({type(error).__name__}: {reason(error)}); {_DEPLOY}") from error


if __name__ == "__main__":
    end_with(main)
