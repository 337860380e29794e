"""Single changes that the source's application commits, each one small transaction, by name; for ticker, tests and
demo.

This module's own names form the SQL text; values are always parameters.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from pg8000.native import Connection, identifier

from local import name_lists, random_values
from local.errors import LocalError

_DRAWS = 50  # tries for another value than the present one; they all fail only if there is no other


@dataclass(frozen=True)
class Change:
    """A committed change: its kind, the first table that it touched, the key there, and what happened to the row."""

    kind: str
    table: str
    key: int
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.table} {self.key}, {self.what}"


def tick(connection: Connection, rng: Random, now: datetime, kinds: Iterable[str]) -> list[Change]:
    """Commit one change of each named kind, and return them. `now` is UTC without a zone, in whole milliseconds.

    A kind that finds nothing to change (for example, no unpaid payment) is skipped.
    """
    made = [_committed(connection, kind, rng, now) for kind in kinds]
    return [change for change in made if change is not None]


def _committed(connection: Connection, kind: str, rng: Random, now: datetime) -> Change | None:
    change = KINDS[kind]
    connection.run("BEGIN")
    try:
        made = change(connection, rng, now)
    except BaseException:
        connection.run("ROLLBACK")
        raise
    connection.run("COMMIT")
    return made


def _sale(connection: Connection, rng: Random, now: datetime) -> Change:
    """Insert a sale, its transaction and its payment, all with the same created_at."""
    units, price = random_values.sale(rng)
    row = {
        "design_id": _any(connection, rng, "design"),
        "units_sold": units,
        "unit_price": random_values.money(price),
    }
    return _ordered(connection, rng, now, "sales_order", "SALE", row, units * price)


def _purchase(connection: Connection, rng: Random, now: datetime) -> Change:
    """Insert a purchase, its transaction and its payment, all with the same created_at."""
    items, price = random_values.purchase(rng)
    code = random_values.item_code(rng)
    row = {"item_code": code, "item_quantity": items, "item_unit_price": random_values.money(price)}
    return _ordered(connection, rng, now, "purchase_order", "PURCHASE", row, items * price)


def _ordered(
    connection: Connection,
    rng: Random,
    now: datetime,
    table: str,
    kind: str,
    row: Mapping[str, object],
    hundredths: int,
) -> Change:
    shared = {name: _any(connection, rng, name.removesuffix("_id")) for name in ("counterparty_id", "currency_id")}
    payment_date = f"{now.date() + timedelta(days=random_values.payment_days(rng))}"
    order = _insert(connection, now, table, {**row, **shared, **_agreed(connection, rng, now, payment_date)})
    transaction = _insert(connection, now, "transaction", {"transaction_type": kind, f"{table}_id": order})
    payment = {
        "transaction_id": transaction,
        **shared,
        "payment_amount": random_values.money(hundredths),
        "payment_type_id": 1 if kind == "SALE" else 3,
        "paid": False,
        "payment_date": payment_date,
        "company_ac_number": random_values.account_number(rng),
        "counterparty_ac_number": random_values.account_number(rng),
    }
    _insert(connection, now, "payment", payment)
    return Change(kind.lower(), table, order, "new, with its transaction and payment")


def _agreed(connection: Connection, rng: Random, now: datetime, payment_date: str) -> Mapping[str, object]:
    return {
        "staff_id": _any(connection, rng, "staff"),
        "agreed_delivery_date": f"{now.date() + timedelta(days=random_values.delivery_days(rng))}",
        "agreed_payment_date": payment_date,
        "agreed_delivery_location_id": _any(connection, rng, "address"),
    }


def _payment(connection: Connection, rng: Random, now: datetime) -> Change | None:
    """Mark a payment as paid, and set last_updated."""
    key = _chosen(connection, rng, "payment", "NOT paid")
    settled = {"paid": True, "last_updated": now}
    return None if key is None else _changed(connection, "payment", "payment", key, settled)


def _design(connection: Connection, rng: Random, now: datetime) -> Change:
    name, location, file = random_values.design(rng, now.date())
    row = {"design_name": name, "file_location": location, "file_name": file}
    return Change("design", "design", _insert(connection, now, "design", row), "new")


def _silent_edit(connection: Connection, rng: Random, now: datetime) -> Change | None:
    """Change a row and leave its last_updated as it was, in one of the columns where the real source does this."""
    table = rng.choice(tuple(_SILENT))
    column, draw = rng.choice(tuple(_SILENT[table].items()))
    key = _chosen(connection, rng, table)
    if key is None:
        return None
    [[present]] = _rows(connection, f"SELECT {column} FROM {table} WHERE {table}_id = :key", key)  # noqa: S608
    values = (draw(connection, rng, now) for _ in range(_DRAWS))
    new = next((value for value in values if value != present), None)
    return None if new is None else _changed(connection, "silent edit", table, key, {column: new})


def _department(connection: Connection, rng: Random, now: datetime) -> Change | None:
    """Rename a department."""
    taken = {name for (name,) in connection.run("SELECT department_name FROM department") or []}
    name = rng.choice(
        [new for new in name_lists.NEW_DEPARTMENT_NAMES if new not in taken] or [f"Department {now:%H%M%S}"]
    )
    key = _chosen(connection, rng, "department")
    renamed = {"department_name": name, "last_updated": now}
    return None if key is None else _changed(connection, "department", "department", key, renamed)


def _address(connection: Connection, rng: Random, now: datetime) -> Change | None:
    """Give an address another street, number and phone."""
    moved = {"address_line_1": random_values.street(rng), "phone": random_values.phone(rng), "last_updated": now}
    key = _chosen(connection, rng, "address")
    return None if key is None else _changed(connection, "address", "address", key, moved)


def _delete(connection: Connection, rng: Random, now: datetime) -> Change | None:
    """Delete a payment; every other time, its transaction and its order as well."""
    key = _chosen(connection, rng, "payment")
    if key is None:
        return None
    [[transaction]] = _rows(connection, "DELETE FROM payment WHERE payment_id = :key RETURNING transaction_id", key)
    if rng.random() < 0.5:
        return Change("delete", "payment", key, "deleted")
    _delete_order(connection, transaction)
    return Change("delete", "payment", key, f"deleted with transaction {transaction} and its order")


def _delete_order(connection: Connection, transaction: int) -> None:
    """Delete a transaction and its order, in this order because the transaction refers to the order."""
    gone = "DELETE FROM transaction WHERE transaction_id = :key RETURNING sales_order_id, purchase_order_id"
    [[sale, purchase]] = _rows(connection, gone, transaction)
    connection.run("DELETE FROM sales_order WHERE sales_order_id = :key", key=sale)
    connection.run("DELETE FROM purchase_order WHERE purchase_order_id = :key", key=purchase)


KINDS: Mapping[str, Callable[[Connection, Random, datetime], Change | None]] = {
    "sale": _sale,
    "purchase": _purchase,
    "payment": _payment,
    "silent edit": _silent_edit,
    "design": _design,
    "department": _department,
    "address": _address,
    "delete": _delete,
}

_New = Callable[[Connection, Random, datetime], object]


def _another(table: str) -> _New:
    return lambda connection, rng, now: _any(connection, rng, table)


def _later(connection: Connection, rng: Random, now: datetime) -> str:
    return f"{now.date() + timedelta(days=random_values.delivery_days(rng))}"


_SILENT: Mapping[str, Mapping[str, _New]] = {
    "sales_order": {
        "design_id": _another("design"),
        "staff_id": _another("staff"),
        "agreed_delivery_date": _later,
        "agreed_delivery_location_id": _another("address"),
    },
    "purchase_order": {
        "staff_id": _another("staff"),
        "item_code": lambda connection, rng, now: random_values.item_code(rng),
        "agreed_delivery_date": _later,
        "agreed_delivery_location_id": _another("address"),
    },
    "design": {"file_location": lambda connection, rng, now: rng.choice(name_lists.FOLDERS)},
}


def _rows(connection: Connection, sql: str, key: int) -> list[list[Any]]:
    return connection.run(sql, key=key) or []


def _insert(connection: Connection, now: datetime, table: str, row: Mapping[str, object]) -> int:
    """Insert a row created now, and return its key."""
    full = {**row, "created_at": now, "last_updated": now}
    columns, values = ", ".join(full), ", ".join(f":{name}" for name in full)
    sql = f"INSERT INTO {identifier(table)} ({columns}) VALUES ({values}) RETURNING {table}_id"  # noqa: S608
    [[key]] = connection.run(sql, **full) or []
    return int(key)


def _changed(connection: Connection, kind: str, table: str, key: int, values: Mapping[str, object]) -> Change:
    sets = ", ".join(f"{name} = :{name}" for name in values)
    sql = f"UPDATE {identifier(table)} SET {sets} WHERE {table}_id = :key"  # noqa: S608
    connection.run(sql, key=key, **values)
    return Change(kind, table, key, f"changed {', '.join(values)}")


def _chosen(connection: Connection, rng: Random, table: str, condition: str = "true") -> int | None:
    """Return the key of a random row that meets the condition; None if no row does."""
    among = f"FROM {identifier(table)} WHERE {condition}"
    [[count]] = connection.run(f"SELECT count(*) {among}") or []
    if not count:
        return None
    offset = rng.randrange(count)
    [[key]] = connection.run(f"SELECT {table}_id {among} ORDER BY 1 OFFSET :offset LIMIT 1", offset=offset) or []
    return int(key)


def _any(connection: Connection, rng: Random, table: str) -> int:
    """Return the key of a random row of a table that is never empty. Raises LocalError if it is empty."""
    key = _chosen(connection, rng, table)
    if key is None:
        raise LocalError(f"{table} is empty, so nothing can refer to it; add a row to it")
    return key
