"""Single changes that the source's application commits, each a small transaction; by name, for ticker, tests and demo.

The SQL is put together from names of this module's own; values always travel as parameters.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from pg8000.native import Connection, identifier

from local import invention, words
from local.errors import LocalError

_DRAWS = 50  # for a value unlike the present one; in vain only where there is a single one to choose


@dataclass(frozen=True)
class Change:
    """What was committed: which kind, the first table it touched, the key there, and what became of the row."""

    kind: str
    table: str
    key: int
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.table} {self.key}, {self.what}"


def tick(connection: Connection, dice: Random, now: datetime, kinds: Iterable[str]) -> list[Change]:
    """Commit one change of each kind named. `now` is UTC without a zone, in whole milliseconds.

    A kind that finds nothing to change (no payment is left unpaid) is left out.
    """
    made = [_committed(connection, kind, dice, now) for kind in kinds]
    return [change for change in made if change is not None]


def _committed(connection: Connection, kind: str, dice: Random, now: datetime) -> Change | None:
    change = KINDS[kind]
    connection.run("BEGIN")
    try:
        made = change(connection, dice, now)
    except BaseException:
        connection.run("ROLLBACK")
        raise
    connection.run("COMMIT")
    return made


def _sale(connection: Connection, dice: Random, now: datetime) -> Change:
    """A sale, its transaction and its payment, all with the same created_at."""
    units, price = invention.sale(dice)
    row = {
        "design_id": _any(connection, dice, "design"),
        "units_sold": units,
        "unit_price": invention.money(price),
    }
    return _ordered(connection, dice, now, "sales_order", "SALE", row, units * price)


def _purchase(connection: Connection, dice: Random, now: datetime) -> Change:
    """A purchase, its transaction and its payment, all with the same created_at."""
    items, price = invention.purchase(dice)
    code = invention.item_code(dice)
    row = {"item_code": code, "item_quantity": items, "item_unit_price": invention.money(price)}
    return _ordered(connection, dice, now, "purchase_order", "PURCHASE", row, items * price)


def _ordered(
    connection: Connection,
    dice: Random,
    now: datetime,
    table: str,
    kind: str,
    row: Mapping[str, object],
    hundredths: int,
) -> Change:
    shared = {name: _any(connection, dice, name.removesuffix("_id")) for name in ("counterparty_id", "currency_id")}
    payment_date = f"{now.date() + timedelta(days=invention.payment_days(dice))}"
    order = _insert(connection, now, table, {**row, **shared, **_agreed(connection, dice, now, payment_date)})
    transaction = _insert(connection, now, "transaction", {"transaction_type": kind, f"{table}_id": order})
    payment = {
        "transaction_id": transaction,
        **shared,
        "payment_amount": invention.money(hundredths),
        "payment_type_id": 1 if kind == "SALE" else 3,
        "paid": False,
        "payment_date": payment_date,
        "company_ac_number": invention.account_number(dice),
        "counterparty_ac_number": invention.account_number(dice),
    }
    _insert(connection, now, "payment", payment)
    return Change(kind.lower(), table, order, "new, with its transaction and payment")


def _agreed(connection: Connection, dice: Random, now: datetime, payment_date: str) -> Mapping[str, object]:
    return {
        "staff_id": _any(connection, dice, "staff"),
        "agreed_delivery_date": f"{now.date() + timedelta(days=invention.delivery_days(dice))}",
        "agreed_payment_date": payment_date,
        "agreed_delivery_location_id": _any(connection, dice, "address"),
    }


def _payment(connection: Connection, dice: Random, now: datetime) -> Change | None:
    """A payment turns paid, and last_updated says when."""
    key = _chosen(connection, dice, "payment", "NOT paid")
    settled = {"paid": True, "last_updated": now}
    return None if key is None else _changed(connection, "payment", "payment", key, settled)


def _design(connection: Connection, dice: Random, now: datetime) -> Change:
    name, location, file = invention.design(dice, now.date())
    row = {"design_name": name, "file_location": location, "file_name": file}
    return Change("design", "design", _insert(connection, now, "design", row), "new")


def _silent_edit(connection: Connection, dice: Random, now: datetime) -> Change | None:
    """A row changes and its last_updated stays as it was: one of the columns this really happens to."""
    table = dice.choice(tuple(_SILENT))
    column, draw = dice.choice(tuple(_SILENT[table].items()))
    key = _chosen(connection, dice, table)
    if key is None:
        return None
    [[present]] = _rows(connection, f"SELECT {column} FROM {table} WHERE {table}_id = :key", key)  # noqa: S608
    values = (draw(connection, dice, now) for _ in range(_DRAWS))
    new = next((value for value in values if value != present), None)
    return None if new is None else _changed(connection, "silent edit", table, key, {column: new})


def _department(connection: Connection, dice: Random, now: datetime) -> Change | None:
    """A department gets another name."""
    taken = {name for (name,) in connection.run("SELECT department_name FROM department") or []}
    name = dice.choice([new for new in words.NEW_DEPARTMENT_NAMES if new not in taken] or [f"Department {now:%H%M%S}"])
    key = _chosen(connection, dice, "department")
    renamed = {"department_name": name, "last_updated": now}
    return None if key is None else _changed(connection, "department", "department", key, renamed)


def _address(connection: Connection, dice: Random, now: datetime) -> Change | None:
    """An address moves down the road and gets another number."""
    moved = {"address_line_1": invention.street(dice), "phone": invention.phone(dice), "last_updated": now}
    key = _chosen(connection, dice, "address")
    return None if key is None else _changed(connection, "address", "address", key, moved)


def _delete(connection: Connection, dice: Random, now: datetime) -> Change | None:
    """A payment goes; every other time its transaction and its order go with it."""
    key = _chosen(connection, dice, "payment")
    if key is None:
        return None
    [[transaction]] = _rows(connection, "DELETE FROM payment WHERE payment_id = :key RETURNING transaction_id", key)
    if dice.random() < 0.5:
        return Change("delete", "payment", key, "deleted")
    _delete_order(connection, transaction)
    return Change("delete", "payment", key, f"deleted with transaction {transaction} and its order")


def _delete_order(connection: Connection, transaction: int) -> None:
    """The payment is gone already; the transaction refers to the order, so it goes first."""
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
    return lambda connection, dice, now: _any(connection, dice, table)


def _later(connection: Connection, dice: Random, now: datetime) -> str:
    return f"{now.date() + timedelta(days=invention.delivery_days(dice))}"


_SILENT: Mapping[str, Mapping[str, _New]] = {
    "sales_order": {
        "design_id": _another("design"),
        "staff_id": _another("staff"),
        "agreed_delivery_date": _later,
        "agreed_delivery_location_id": _another("address"),
    },
    "purchase_order": {
        "staff_id": _another("staff"),
        "item_code": lambda connection, dice, now: invention.item_code(dice),
        "agreed_delivery_date": _later,
        "agreed_delivery_location_id": _another("address"),
    },
    "design": {"file_location": lambda connection, dice, now: dice.choice(words.FOLDERS)},
}


def _rows(connection: Connection, sql: str, key: int) -> list[list[Any]]:
    return connection.run(sql, key=key) or []


def _insert(connection: Connection, now: datetime, table: str, row: Mapping[str, object]) -> int:
    """Insert a row made now; its key."""
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


def _chosen(connection: Connection, dice: Random, table: str, condition: str = "true") -> int | None:
    """The key of a row that the dice choose among those which meet the condition; None when none does."""
    among = f"FROM {identifier(table)} WHERE {condition}"
    [[count]] = connection.run(f"SELECT count(*) {among}") or []
    if not count:
        return None
    offset = dice.randrange(count)
    [[key]] = connection.run(f"SELECT {table}_id {among} ORDER BY 1 OFFSET :offset LIMIT 1", offset=offset) or []
    return int(key)


def _any(connection: Connection, dice: Random, table: str) -> int:
    """The key of some row of a table that is never empty."""
    key = _chosen(connection, dice, table)
    if key is None:
        raise LocalError(f"{table} is empty, so nothing can refer to it; add a row to it")
    return key
