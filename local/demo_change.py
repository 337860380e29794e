"""The change that the demo follows: a new colleague takes over a sale, in one transaction of the source."""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from pg8000.native import Connection

from local import name_lists
from local.errors import LocalError

_DRAWS = 50  # tries for an unused name; they all fail only if nearly all names are used

# The department is that of the colleague who had the sale.
_NEW_COLLEAGUE = """
    INSERT INTO staff (first_name, last_name, department_id, email_address, created_at, last_updated)
    SELECT :first, :last, department_id, :email, :now, :now FROM staff WHERE staff_id = :old RETURNING staff_id"""
_TAKES_OVER = "UPDATE sales_order SET staff_id = :staff, last_updated = :now WHERE sales_order_id = :order"


@dataclass(frozen=True)
class DemoChange:
    """A sales order that went from `old_staff` to the new colleague `staff`.

    `xid` is the transaction's id. `at` is the source's clock just before the COMMIT, so no duration measured from it is
    too short.
    """

    order: int
    old_staff: int
    staff: int
    name: str
    xid: int
    at: datetime


def commit_change(connection: Connection, order: int, rng: Random, now: datetime) -> DemoChange:
    """Commit the change. `now` is UTC without a zone, in whole milliseconds, as the source's application writes it."""
    connection.run("BEGIN")
    try:
        made = _handed_over(connection, order, rng, now)
    except BaseException:
        connection.run("ROLLBACK")
        raise
    connection.run("COMMIT")
    return made


def _handed_over(connection: Connection, order: int, rng: Random, now: datetime) -> DemoChange:
    found = connection.run("SELECT staff_id FROM sales_order WHERE sales_order_id = :order FOR UPDATE", order=order)
    if not found:
        raise LocalError(f"sales order {order} has just been deleted; run it again")
    [[old_staff]] = found
    first, last = _new_name(connection, rng)
    email = f"{first}.{last}@terrifictotes.com".lower()
    hired = connection.run(_NEW_COLLEAGUE, first=first, last=last, email=email, now=now, old=old_staff)
    [[staff]] = hired or []
    connection.run(_TAKES_OVER, staff=staff, now=now, order=order)
    [[xid, at]] = connection.run("SELECT pg_current_xact_id()::text::bigint, clock_timestamp()") or []
    return DemoChange(order, old_staff, staff, f"{first} {last}", xid, at.astimezone(UTC))


def _new_name(connection: Connection, rng: Random) -> tuple[str, str]:
    taken = {(first, last) for first, last in connection.run("SELECT first_name, last_name FROM staff") or []}
    names = ((rng.choice(name_lists.FIRST_NAMES), rng.choice(name_lists.LAST_NAMES)) for _ in range(_DRAWS))
    return next((name for name in names if name not in taken), ("Newcomer", f"{len(taken) + 1}"))
