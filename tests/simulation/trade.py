"""The source: writers who keep transactions open across runs, and what each run's snapshot could see."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple

from pg8000.exceptions import DatabaseError
from pg8000.native import Connection as Native

from conftest import Database
from shared.lake.documents import PostgresCursor, RunRecord
from shared.postgres.times import time_of
from tests.road.test_history import FACTS, Versions
from tests.simulation.world import World

WRITERS = 3
FIRST_NEW_KEY = 1_000_000
NEW_KEYS = 10_000
"""Each writer's own keys, so that they never wait for one another."""

SALE = """
INSERT INTO sales_order SELECT (jsonb_populate_record(t, jsonb_build_object('sales_order_id', {key}))).*
FROM sales_order t WHERE sales_order_id = (SELECT min(sales_order_id) FROM sales_order);
INSERT INTO transaction VALUES ({key}, 'SALE', {key}, NULL, now(), now());
INSERT INTO payment SELECT (jsonb_populate_record(t, jsonb_build_object(
    'payment_id', {key}, 'transaction_id', {key}, 'paid', false, 'created_at', now()))).*
FROM payment t WHERE payment_id = (SELECT min(payment_id) FROM payment)"""
STAFF = """
INSERT INTO staff SELECT (jsonb_populate_record(t, jsonb_build_object('staff_id', {key}))).* FROM staff t
WHERE staff_id = 1;
UPDATE sales_order SET staff_id = {key} WHERE sales_order_id = {old}"""
# `old` is one of the keys that this writer alone changes, `key` is new, `any` a small number.
CHANGES = (
    SALE,
    STAFF,
    "UPDATE payment SET paid = NOT paid WHERE payment_id = {old}",
    "UPDATE payment SET paid = paid WHERE payment_id = {old}",
    "UPDATE payment SET last_updated = '2000-01-01' WHERE payment_id = {old}",
    "UPDATE sales_order SET units_sold = {any} WHERE sales_order_id = {old}",
    "UPDATE purchase_order SET item_code = 'A{any}', last_updated = now() WHERE purchase_order_id = {old}",
    "DELETE FROM payment WHERE payment_id = {old}",
    "INSERT INTO payment SELECT * FROM kept WHERE payment_id = {old} ON CONFLICT DO NOTHING",
    "UPDATE design SET file_name = 'f{any}' WHERE design_id = {old}",
    "UPDATE department SET location = 'l{any}' WHERE department_id = {writer}",
    "UPDATE address SET city = 'c{any}' WHERE address_id = {old}",
    "DO $$ BEGIN UPDATE payment SET paid = NOT paid WHERE payment_id = {old};"
    " UPDATE payment SET paid = NOT paid WHERE payment_id = {old}; RAISE 'undone';"
    " EXCEPTION WHEN OTHERS THEN UPDATE payment SET company_ac_number = {any} WHERE payment_id = {old}; END $$",
)
# Facts that name what a dimension refuses, and what mends it: `refused` is 901 or 902.
REFUSED = (
    "UPDATE sales_order SET staff_id = {refused} WHERE sales_order_id = {old}",
    "UPDATE sales_order SET staff_id = 1 WHERE sales_order_id = {old}",
    "UPDATE payment SET currency_id = {refused} WHERE payment_id = {old}",
    "UPDATE payment SET currency_id = 1 WHERE payment_id = {old}",
    "UPDATE purchase_order SET staff_id = {refused} WHERE purchase_order_id = {old}",
    "UPDATE currency SET currency_code = 'CHF' WHERE currency_id = {refused}",
)
# These want the table for themselves, so they are tried while nobody else has it.
ALONE = (
    "TRUNCATE payment",
    "ALTER TABLE purchase_order ALTER COLUMN item_quantity TYPE integer USING item_quantity + 1",
    "ALTER TABLE sales_order ALTER COLUMN units_sold TYPE integer USING units_sold + 1",
    "VACUUM FULL design",
)


UNTOLD = {"company_ac_number", "counterparty_ac_number"}


Place = tuple[str, int]
"""(source table, key)"""


class Version(NamedTuple):
    """A row, and which transaction made it where."""

    row: Any
    maker: str


class Writer:
    def __init__(self, number: int, trade: "Trade") -> None:
        self._number, self._trade, self._world = number, trade, trade.world
        self._next_key = FIRST_NEW_KEY + number * NEW_KEYS
        self._prepared: list[str] = []
        self._ended = 0
        self.connect()

    def connect(self) -> None:
        """What it commits, nobody has written yet."""
        self._connection = self._trade.connection()
        self._connection.run("SET synchronous_commit = off")
        self._open = self._saved = False

    def act(self) -> None:
        """One step of a transaction, or several; what the server refuses ends the transaction."""
        dice = self._world.dice
        acts = [self._change] * 5 + [self._end]
        if not self._open:
            acts = [self._begin, self._begin, self._change, self._end_prepared]
        elif not self._saved:
            acts.append(self._save)
        else:
            acts.append(self._go_back)
        try:
            dice.choice(acts)()
        except DatabaseError as error:
            self._world.tell(f"writer {self._number}: {error.args[0].get('C')}")
            self._finish("ROLLBACK")

    def settle(self) -> None:
        """End what is open."""
        if self._open:
            self._end()
        while self._prepared:
            self._end_prepared()

    def _begin(self) -> None:
        self._connection.run("BEGIN")
        self._open = True

    def _change(self) -> None:
        dice = self._world.dice
        self._next_key += 1
        old = dice.choice(self._trade.keys[self._number])
        change = dice.choice(self._trade.changes).format(
            key=self._next_key,
            old=old,
            any=dice.randrange(9),
            writer=self._number + 1,
            refused=901 + self._next_key % 2,
        )
        for statement in change.split(";\n"):
            self._connection.run(statement)

    def _save(self) -> None:
        self._connection.run("SAVEPOINT here")
        self._saved = True

    def _go_back(self) -> None:
        self._connection.run(self._world.dice.choice(("ROLLBACK TO SAVEPOINT here", "RELEASE SAVEPOINT here")))
        self._saved = False

    def _end(self) -> None:
        self._ended += 1
        name = f"w{self._number}_{self._ended}_{self._trade.name}"
        end = self._world.dice.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK", f"PREPARE TRANSACTION '{name}'"))
        self._finish(end)
        if end.startswith("PREPARE"):
            self._prepared.append(name)

    def _end_prepared(self) -> None:
        if self._prepared:
            end = self._world.dice.choice(("COMMIT", "COMMIT", "ROLLBACK"))
            self._connection.run(f"{end} PREPARED '{self._prepared.pop()}'")

    def _finish(self, end: str) -> None:
        self._connection.run(end)
        self._open = self._saved = False


@dataclass
class Trade:
    """`seen` is what each snapshot could see of the facts: {(xmin, xmax, time): {(table, key): Version}}."""

    world: World
    database: Database
    seen: dict[tuple[Any, ...], dict[Place, Version]] = field(default_factory=dict)
    changes: tuple[str, ...] = CHANGES

    def __post_init__(self) -> None:
        self.name = self.database.name
        self._owner = self.connection()
        self._owner.run("CREATE TABLE kept AS SELECT * FROM payment")
        self.is_held = False
        keys = sorted(key for (key,) in self._owner.run("SELECT payment_id FROM payment") or [])
        self.keys = [keys[number::WRITERS] for number in range(WRITERS)]
        self.writers = [Writer(number, self) for number in range(WRITERS)]

    def connect(self) -> None:
        """After a crash, which undid all that was open."""
        self._owner = self.connection()
        for writer in self.writers:
            writer.connect()

    def connection(self) -> Native:
        """It never waits long: whoever is in its way is standing still."""
        connection = self.database.owner()
        connection.run("SET lock_timeout = '20ms'")
        return connection

    def act(self) -> None:
        dice = self.world.dice
        if dice.chance(0.1):
            self._alone(dice.choice(ALONE))
        elif dice.chance(0.03):
            self.hold(not self.is_held)
        else:
            dice.choice(self.writers).act()

    def hold(self, is_held: bool) -> None:
        """A column gets another name, which holds staff; and back."""
        names = ("email_address", "mail") if is_held else ("mail", "email_address")
        if self.is_held != is_held and self._alone("ALTER TABLE staff RENAME COLUMN {} TO {}".format(*names)):
            self.is_held = is_held
            self.world.counts["holds"] += is_held

    def settle(self) -> None:
        for writer in self.writers:
            writer.settle()
        self.hold(False)

    def _alone(self, statement: str) -> bool:
        try:
            self._owner.run(statement)
        except DatabaseError as error:
            self.world.tell(f"{statement}: {error.args[0].get('C')}")
            return False
        self.world.tell(statement)
        return True

    # ---- what the runs could see

    def look(self, native: Native, snapshot: list[Any]) -> None:
        """In the extraction's own transaction, and leaving no lock: to take them is its own business."""
        xmin, xmax, taken_at, *_ = snapshot
        native.run("SAVEPOINT looking")
        states: dict[Place, Version] = {}
        for table in FACTS:
            rows = native.run(f"SELECT {table}_id, to_jsonb(t), xmin::text || ctid::text FROM public.{table} t")
            states |= {(table, key): Version(row, maker) for key, row, maker in rows or []}
        native.run("ROLLBACK TO SAVEPOINT looking; RELEASE SAVEPOINT looking")
        self.seen[xmin, xmax, time_of(taken_at)] = states

    def seen_by(self, record: RunRecord, table: str) -> dict[Place, Version] | None:
        """What this run could see of the table; None when it did not read it."""
        snapshot = record.snapshot
        if not was_read(record, table):
            return None
        states = self.seen[snapshot.xmin, snapshot.xmax, snapshot.taken_at]
        return {place: version for place, version in states.items() if place[0] == table}

    def versions(self, records: list[RunRecord]) -> dict[Place, Versions]:
        """Each key's states as the committed runs saw them."""
        found: dict[Place, Versions] = defaultdict(list)
        for record, table in product(records, FACTS):
            states = self.seen_by(record, table)
            if states is None:
                continue
            for place in {place for place in (*states, *found) if place[0] == table}:
                version = states.get(place)
                _add(found[place], record.snapshot.taken_at, version.row if version else None)
        return found

    def new_rows(self, records: list[RunRecord]) -> dict[tuple[int, str], int]:
        """How many rows each run could see that the run that read the table before could not."""
        found: dict[tuple[int, str], int] = {}
        for table in FACTS:
            before: dict[Place, Version] = {}
            for record in records:
                states = self.seen_by(record, table)
                if states is not None:
                    found[record.run, table] = sum(before.get(place) != version for place, version in states.items())
                    before = states
        return found


def was_read(record: RunRecord, table: str) -> bool:
    cursor = record.tables[table].cursor
    return (
        isinstance(cursor, PostgresCursor) and cursor.xmin == record.snapshot.xmin and record.tables[table].hold is None
    )


def _add(versions: Versions, at: datetime, row: Any) -> None:
    if _told(row) != _told(versions[-1][1] if versions else None):
        versions.append((at, row))


def _told(row: Any) -> Any:
    """What the warehouse hears of it."""
    return row and {column: value for column, value in row.items() if column not in UNTOLD}
