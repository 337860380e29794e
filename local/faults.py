"""The faults that a drill causes in the two databases of the local stack, and their repairs.

Usage: python -m local.faults break|repair|touch NAME   (drill.sh calls it)

On AWS our login may only read the source, and no drill breaks a warehouse.
"""

import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import identifier

from local import folders, logins
from local.errors import LocalError, end_with, reason
from local.postgres import Server
from local.settings import chosen


@dataclass(frozen=True)
class Fault:
    """Statements that `login` runs in its database, to cause a fault and to repair it."""

    login: str
    breaks: tuple[str, ...]
    repairs: tuple[str, ...]


# dim_currency rejects an unknown code, so a payment in that currency waits.
_WAITING = (
    "INSERT INTO currency (currency_code, created_at, last_updated)"
    " VALUES ('ZZZ', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')",
    "UPDATE payment SET currency_id = (SELECT max(currency_id) FROM currency)"
    " WHERE payment_id = (SELECT max(payment_id) FROM payment)",
)
# Two stacks on one warehouse: only the log that began last is loaded.
_TWO_LOGS = "INSERT INTO etl_log SELECT 'drill', now(), max(began_no) + 1, 0 FROM etl_log"
# A ledger entry for a run after the end of the log.
_WENT_BACK = (
    "INSERT INTO etl_ledger (log_id, table_name, run, status, attempt, loaded_at)"
    " SELECT log_id, 'drill', complete_run + 1, 'loaded', 'drill', now() FROM etl_log ORDER BY began_no DESC LIMIT 1"
)

FAULTS: Mapping[str, Fault] = {
    "table-held": Fault(
        logins.SOURCE_OWNER,
        ("ALTER TABLE design RENAME COLUMN file_name TO file_name_drill",),
        ("ALTER TABLE design RENAME COLUMN file_name_drill TO file_name",),
    ),
    "rows-quarantined": Fault(
        logins.SOURCE_OWNER,
        ("UPDATE payment SET payment_date = '2024-02-30' WHERE payment_id = (SELECT min(payment_id) FROM payment)",),
        ("UPDATE payment SET payment_date = '2024-02-29' WHERE payment_date = '2024-02-30'",),
    ),
    "rows-waiting": Fault(
        logins.SOURCE_OWNER, _WAITING, ("UPDATE currency SET currency_code = 'CHF' WHERE currency_code = 'ZZZ'",)
    ),
    "reconcile-differences": Fault(
        logins.WAREHOUSE_OWNER,
        ("UPDATE dim_design SET design_name = '' WHERE design_id = (SELECT min(design_id) FROM dim_design)",),
        (),
    ),
    "table-damaged": Fault(
        logins.WAREHOUSE_OWNER,
        # The newest versions: a resync loads them again.
        ("DELETE FROM fact_payment WHERE payment_record_id > (SELECT max(payment_record_id) - 10 FROM fact_payment)",),
        (),
    ),
    "two-logs": Fault(logins.WAREHOUSE_OWNER, (_TWO_LOGS,), ("DELETE FROM etl_log WHERE log_id = 'drill'",)),
    "run-log-went-back": Fault(
        logins.WAREHOUSE_OWNER, (_WENT_BACK,), ("DELETE FROM etl_ledger WHERE table_name = 'drill'",)
    ),
}
# An ordinary change, so that a run can be late.
TOUCH = "UPDATE payment SET paid = NOT paid WHERE payment_id = (SELECT min(payment_id) FROM payment)"


def run(login: str, statements: tuple[str, ...]) -> None:
    folder = folders.stack_folder()
    passwords = logins.kept_passwords(folder / "logins.json")
    with closing(logins.connect(Server(folders.postgres_home(folder)), passwords, login)) as connection:
        if login == logins.WAREHOUSE_OWNER:
            schema = chosen(folder / "settings.env")["WAREHOUSE_SCHEMA"]
            connection.run(f"SET search_path TO {identifier(schema)}")
        connection.run("BEGIN")
        for statement in statements:
            connection.run(statement)
        connection.run("COMMIT")


def main() -> None:
    what, name = sys.argv[1:]
    try:
        if what == "touch":
            run(logins.SOURCE_OWNER, (TOUCH,))
        else:
            fault = FAULTS[name]
            run(fault.login, {"break": fault.breaks, "repair": fault.repairs}[what])
    except (DatabaseError, InterfaceError, OSError) as error:
        raise LocalError(f"{what} {name}: PostgreSQL: {reason(error)}; see ./infra_bash/status.sh --local") from error


if __name__ == "__main__":
    end_with(main)
