"""Writers who do to a source all that has ever made an extraction lose a row, each in a thread of its own."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from pg8000.exceptions import DatabaseError
from pg8000.native import Connection as Native

from conftest import Database

WRITERS = 6
PAUSE_S = 0.004
"""Between two transactions of a writer: else the extraction, in the same process, would hardly have its turn."""
HOLDS_S = (0.0, 0.0, 0.02, 0.3, 1.5)
"""How long a transaction of several statements stays open: a run takes about 0.2 s."""
BURST = 10
"""Short transactions that a writer sends in one statement, as a client of another process would be quicker."""
LOCK_NOT_AVAILABLE = "55P03"

STAMPED = {
    "sales_order": "units_sold",
    "purchase_order": "item_quantity",
    "payment": "company_ac_number",
    "staff": "last_name",
}
"""The column of each table that is written in which every version of a row is given a number of its own."""

STAMP = """
CREATE FUNCTION stamp_{table}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.{column} := nextval('version'); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stamp_{table}();
UPDATE {table} SET {column} = {column}"""

# `old` and `writer` are keys that this writer alone changes. Of sales_order nobody forgets last_updated.
CHANGES = (
    *("UPDATE sales_order SET unit_price = unit_price, last_updated = now() WHERE sales_order_id = {old}",) * 4,
    "UPDATE purchase_order SET last_updated = date_trunc('second', now()) WHERE purchase_order_id = {old}",
    "UPDATE purchase_order SET last_updated = '2000-01-01' WHERE purchase_order_id = {old}",
    "UPDATE purchase_order SET item_code = item_code WHERE purchase_order_id = {old}",
    "INSERT INTO purchase_order SELECT nextval('new_key'), now(), now(), staff_id, counterparty_id, item_code, 0,"
    " item_unit_price, currency_id, agreed_delivery_date, agreed_payment_date, agreed_delivery_location_id"
    " FROM purchase_order WHERE purchase_order_id = {old}",
    "UPDATE payment SET paid = NOT paid WHERE payment_id = {old}",
    "DELETE FROM payment WHERE payment_id = {old}",
    "INSERT INTO payment SELECT * FROM kept WHERE payment_id = {old} ON CONFLICT DO NOTHING",
    "DELETE FROM payment WHERE payment_id = {old};\n"
    "INSERT INTO payment SELECT * FROM kept WHERE payment_id = {old} ON CONFLICT DO NOTHING",
    "UPDATE staff SET last_updated = now() WHERE staff_id = {writer}",
)
KINDS = 7 + 4
"""Of transactions, rolled back ones among them; and what a keeper does."""
BLOCK = "DO $$ BEGIN {change}; {oops} EXCEPTION WHEN OTHERS THEN {other}; END $$"
# They want their table for themselves, or to pass over all of it.
ALONE = (
    "VACUUM (FREEZE) sales_order, purchase_order, staff",
    "VACUUM FULL staff",
    "TRUNCATE payment; INSERT INTO payment SELECT * FROM kept",
    "ALTER TABLE payment ALTER COLUMN payment_amount TYPE numeric(10,2) USING payment_amount + 0.01",
    "ALTER TABLE payment ADD COLUMN note_{number} text DEFAULT 'x'",
)


def prepare(owner: Native) -> None:
    """Every version of a row bears a number of its own, also of an update that changes nothing."""
    owner.run("CREATE SEQUENCE version START 100000; CREATE SEQUENCE new_key START 1000000")
    for table, column in STAMPED.items():
        owner.run(STAMP.format(table=table, column=column))
    owner.run("CREATE TABLE kept AS SELECT * FROM payment")


@dataclass
class Writer:
    number: int
    connection: Native
    other: Native
    keys: list[int]
    dice: random.Random
    counts: Counter[str]
    prepared: int = 0

    def act(self) -> None:
        """One transaction, or two that overtake one another."""
        acts = [self._at_once] * 12 + [
            self._together,
            self._saved,
            self._saved,
            self._block,
            self._two_phases,
            self._overtaken,
        ]
        self.dice.choice(acts)()
        time.sleep(PAUSE_S)

    def _change(self) -> str:
        return self.dice.choice(CHANGES).format(old=self.dice.choice(self.keys), writer=self.number + 1)

    def _run(self, statements: str) -> None:
        for statement in statements.split(";\n"):
            self.connection.run(statement)

    def _hold(self, seconds: tuple[float, ...] = HOLDS_S) -> None:
        time.sleep(self.dice.choice(seconds))

    def _end(self, kind: str) -> None:
        end = self.dice.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK"))
        self.connection.run(end)
        self.counts[kind if end == "COMMIT" else "rolled back"] += 1

    def _at_once(self) -> None:
        changes = [self._change().replace(";\n", "; ") for _ in range(BURST)]
        self.connection.run(f"DO $$ BEGIN {'; COMMIT; '.join(changes)}; END $$")
        self.counts["at once"] += BURST

    def _together(self) -> None:
        self.connection.run("BEGIN")
        self._run(self._change())
        self._hold()
        self._run(self._change())
        self._end("together")

    def _saved(self) -> None:
        self.connection.run("BEGIN")
        for depth in range(self.dice.choice((1, 2, 5))):
            self.connection.run(f"SAVEPOINT s{depth}")
            self._run(self._change())
        self.connection.run(self.dice.choice(("ROLLBACK TO SAVEPOINT s0", "RELEASE SAVEPOINT s0", "SELECT 1")))
        self._hold(HOLDS_S[-2:])  # so that most of them are open while a run reads
        self._end("savepoints")

    def _block(self) -> None:
        change, other = (self._change().replace(";\n", "; ") for _ in range(2))
        oops = self.dice.choice(("", "RAISE 'undone';"))
        self.connection.run("BEGIN")
        self.connection.run(BLOCK.format(change=change, oops=oops, other=other))
        self._hold()
        self._end("exception blocks")

    def _two_phases(self) -> None:
        self.prepared += 1
        name = f"{self.number}_{self.prepared}"
        self.connection.run("BEGIN; SAVEPOINT one")
        self._run(self._change())
        self.connection.run(f"PREPARE TRANSACTION '{name}'")
        self._hold()
        end = self.dice.choice(("COMMIT", "COMMIT", "ROLLBACK"))
        self.connection.run(f"{end} PREPARED '{name}'")
        self.counts["two-phase" if end == "COMMIT" else "rolled back"] += 1

    def _overtaken(self) -> None:
        """A long transaction writes over a short one that began later: last_updated goes backwards."""
        update = f"UPDATE sales_order SET last_updated = now() WHERE sales_order_id = {self.dice.choice(self.keys)}"
        self.connection.run("BEGIN; SELECT now()")
        self._hold()
        self.other.run(update)
        self._hold()
        self.connection.run(update)
        self._end("overtaken")


@dataclass
class Keeper:
    """Whoever looks after the tables; what it cannot have at once it tries again."""

    connection: Native
    counts: Counter[str]
    number: int = 0

    def act(self) -> None:
        statement = ALONE[self.number % len(ALONE)].format(number=self.number)
        try:
            self.connection.run(statement)
            self.counts[" ".join(statement.split()[:2])] += 1
            self.number += 1
        except DatabaseError as error:
            if error.args[0]["C"] != LOCK_NOT_AVAILABLE:
                raise
        time.sleep(0.3)  # seldom enough that most runs find the table as it was


KEYS = """
SELECT sales_order_id FROM sales_order JOIN purchase_order ON purchase_order_id = sales_order_id
JOIN payment ON payment_id = sales_order_id"""
"""Those that are in each table, so that one key serves for every change."""


@dataclass
class Crowd:
    database: Database
    seed: int
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        owner = self.database.owner()
        keys = [key for (key,) in owner.run(KEYS) or []]
        self._all: list[Writer | Keeper] = [self._writer(number, keys[number::WRITERS]) for number in range(WRITERS)]
        owner.run("SET lock_timeout = '1s'")  # whoever writes waits behind it as long
        self._all.append(Keeper(owner, self.counts))

    def _writer(self, number: int, keys: list[int]) -> Writer:
        dice = random.Random(f"{self.seed} {number}")
        return Writer(number, self.database.owner(), self.database.owner(), keys, dice, self.counts)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """All of them write until the block is left; what they had begun they end."""
        done = threading.Event()

        def work(one: Writer | Keeper) -> None:
            while not done.is_set():
                one.act()

        with ThreadPoolExecutor(len(self._all)) as pool:
            working = [pool.submit(work, one) for one in self._all]
            try:
                yield
            finally:
                done.set()
        for each in working:
            each.result()
