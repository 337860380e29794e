"""What was done by hand to a loaded table is found by the next pass, and nothing that was not."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from conftest import SCHEMA
from shared.lake import keys
from shared.load.damage import COUNTED_EACH, CountedTables, Damage
from shared.load.health import LoadHealth
from shared.load.loader import load_pass
from shared.load.memory import LoadMemory
from shared.load.warehouse import WarehouseSession
from tests.shared.load.ground import BLUE, RED, Ground, delta, full, sale

DAYS = delta((datetime(2020, 1, 5), "Sunday"))


def damages(ground: Ground) -> dict[str, Damage]:
    """As the last pass has told them."""
    told = msgspec.json.decode(ground.ingestion.get(keys.LOAD_HEALTH), type=LoadHealth)
    return {table: health.damage for table, health in told.tables.items() if health.damage}


def rows_of(ground: Ground) -> dict[str, tuple[int | None, int | None]]:
    """(there, loaded) by damaged table."""
    return {table: (each.there.rows, each.loaded.rows) for table, each in damages(ground).items()}


@pytest.fixture
def loaded(ground: Ground) -> Ground:
    """Three sales, one of them changed once, two colours and a deal."""
    ground.run(
        1,
        dim_colour=full(RED, BLUE),
        dim_day=DAYS,
        dim_deal=full((1, "one")),
        fact_sale=full(sale(1), sale(2), sale(3)),
    )
    ground.run(2, fact_sale=delta(sale(2, "changed")))
    ground.load()
    assert damages(ground) == {}
    ground.load()
    assert damages(ground) == {}
    return ground


BY_HAND = {
    "emptied": ("TRUNCATE fact_sale", {"fact_sale": (0, 4)}),
    "emptied, and its numbers begun again": ("TRUNCATE fact_sale RESTART IDENTITY", {"fact_sale": (0, 4)}),
    "all rows deleted": ("DELETE FROM fact_sale", {"fact_sale": (0, 4)}),
    "one version deleted, whose key is still there": (
        "DELETE FROM fact_sale WHERE sale_id = 2 AND note IS NULL",
        {"fact_sale": (3, 4)},
    ),
    "a dimension's row deleted": ("DELETE FROM dim_deal", {"dim_deal": (0, 1)}),
    "a set's row deleted": ("DELETE FROM dim_day", {"dim_day": (0, 1)}),
    "a dimension emptied, and with it the fact": (
        "TRUNCATE dim_colour, fact_sale",
        {"dim_colour": (0, 2), "fact_sale": (0, 4)},
    ),
    "a row put in": ("INSERT INTO dim_deal VALUES (9, 'by hand')", {"dim_deal": (2, 1)}),
    "an older copy put back": (
        "CREATE TEMP TABLE copy AS SELECT * FROM fact_sale WHERE sale_record_id < 4;"
        " TRUNCATE fact_sale; INSERT INTO fact_sale SELECT * FROM copy",
        {"fact_sale": (3, 4)},
    ),
    "values changed in place": ("UPDATE fact_sale SET note = 'x' WHERE sale_id = 1", {"fact_sale": (4, 4)}),
    "a value changed of a dimension": ("UPDATE dim_deal SET name = 'x'", {"dim_deal": (1, 1)}),
    "a table in another's place": (
        "ALTER TABLE dim_deal RENAME TO former; CREATE TABLE dim_deal (LIKE former INCLUDING ALL);"
        " GRANT SELECT, INSERT, UPDATE ON dim_deal TO totestream_load",
        {"dim_deal": (0, 1)},
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_what_was_done_to_a_table_by_hand_is_found_in_the_next_pass(loaded: Ground, case: str) -> None:
    statements, found = BY_HAND[case]
    by_hand(loaded, statements)
    loaded.load()
    assert rows_of(loaded) == found
    # Whether the function is warm or not, and for as long as it is so.
    loaded.memory = LoadMemory()
    loaded.load()
    assert rows_of(loaded) == found


NOTHING = {
    "rewritten": "VACUUM FULL fact_sale",
    "in another order": "CLUSTER fact_sale USING fact_sale_pkey",
    "rolled back": "BEGIN; DELETE FROM fact_sale; TRUNCATE dim_deal; ROLLBACK",
    "vacuumed": "VACUUM (ANALYZE) fact_sale",
    "a column of somebody's own": "ALTER TABLE fact_sale ADD COLUMN mine text DEFAULT 'x'",
    "renamed and back": "ALTER TABLE dim_deal RENAME TO former; ALTER TABLE former RENAME TO dim_deal",
    "another table": "CREATE TABLE mine AS SELECT * FROM fact_sale; DELETE FROM mine",
}


def test_rows_that_are_loaded_under_a_savepoint_are_no_damage(loaded: Ground) -> None:
    """A table that may refuse rows by itself is written in sub-transactions, whose numbers are higher."""
    by_hand(loaded, "CREATE UNIQUE INDEX ON dim_deal (name); ALTER TABLE fact_sale ADD CHECK (note <> 'never')")
    loaded.run(3, dim_deal=full((1, "one"), (2, "two")), fact_sale=delta(sale(1, "again")))
    loaded.load()
    loaded.load()
    assert damages(loaded) == {}


@pytest.mark.parametrize("case", NOTHING)
def test_what_takes_no_row_is_no_damage(loaded: Ground, case: str) -> None:
    by_hand(loaded, NOTHING[case])
    loaded.load()
    assert damages(loaded) == {}


def test_a_copy_with_as_many_rows_is_told_until_it_was_compared_with_the_source(loaded: Ground) -> None:
    for statement in (
        "CREATE TABLE copy (LIKE dim_deal INCLUDING ALL)",
        "INSERT INTO copy SELECT deal_id, 'of yesterday' FROM dim_deal",
        "DROP TABLE dim_deal CASCADE",
        "ALTER TABLE copy RENAME TO dim_deal",
        "GRANT SELECT, INSERT, UPDATE ON dim_deal TO totestream_load",
    ):
        loaded.there.run(statement)
    for _ in range(2):
        loaded.load()
        [damage] = damages(loaded).values()
        assert (damage.there.rows, damage.there.changed, damage.loaded.changed) == (1, 1, 0)
    loaded.run(3, dim_deal=full((1, "one")))
    loaded.load()
    loaded.load()
    assert damages(loaded) == {}
    assert loaded.ask("SELECT name FROM dim_deal") == [["one"]]


def test_what_was_changed_in_place_is_told_until_all_was_compared_whatever_is_loaded_meanwhile(loaded: Ground) -> None:
    by_hand(loaded, "UPDATE fact_sale SET note = 'by hand' WHERE sale_id = 3")
    loaded.run(3, fact_sale=delta(sale(4)))
    loaded.load()
    loaded.memory = LoadMemory()
    loaded.load()
    assert damages(loaded)["fact_sale"].there.changed == 1
    loaded.run(4, fact_sale=full(sale(1), sale(2, "changed"), sale(3), sale(4)))
    loaded.load()
    loaded.load()
    assert damages(loaded) == {}
    assert (3, None) in loaded.current()


@pytest.mark.parametrize("statement", ["DROP TABLE dim_deal CASCADE", "REVOKE ALL ON dim_deal FROM totestream_load"])
def test_a_table_that_is_gone_or_cannot_be_read_is_found(loaded: Ground, statement: str) -> None:
    loaded.there.run(statement)
    loaded.load()
    assert rows_of(loaded) == {"dim_deal": (None, 1)}
    loaded.migrate()
    loaded.load()
    assert rows_of(loaded) == ({"dim_deal": (0, 1)} if statement.startswith("DROP") else {})


@pytest.mark.parametrize(
    ("statement", "there", "was"),
    [
        ("DELETE FROM etl_ledger WHERE table_name = 'fact_sale' AND run = 1", (1, 1), (2, 1)),
        ("TRUNCATE etl_deletion", (2, 0), (2, 1)),
        ("DELETE FROM etl_quarantine WHERE table_name = 'fact_sale'", (2, 0), (2, 1)),
        ("TRUNCATE etl_waiting", (2, 0), (2, 1)),
    ],
)
def test_what_was_taken_from_the_bookkeeping_is_found(
    ground: Ground, statement: str, there: tuple[int, int], was: tuple[int, int]
) -> None:
    ground.run(1, dim_colour=full(RED), dim_deal=full((1, "one")), fact_sale=full(sale(1), sale(2)))
    if "deletion" in statement:
        ground.run(2, fact_sale=full(sale(1)))
    elif "waiting" in statement:
        ground.run(2, fact_sale=delta(sale(3, colour=9)))
    else:
        refused = [("9", "a reason")] if "quarantine" in statement else []
        ground.run(2, fact_sale=delta(sale(3), refused=refused))
        was = (2, len(refused))
        there = (1, 0) if "ledger" in statement else there
    ground.load()
    assert damages(ground) == {}
    ground.there.run(statement)
    ground.load()
    [damage] = damages(ground).values()
    assert ((damage.there.entries, damage.there.others), (damage.loaded.entries, damage.loaded.others)) == (there, was)
    assert damage.there.rows == damage.loaded.rows


def test_the_loads_that_follow_neither_hide_nor_widen_it(loaded: Ground) -> None:
    loaded.there.run("DELETE FROM fact_sale WHERE sale_id = 3")
    loaded.run(3, fact_sale=delta(sale(4), sale(5)))
    loaded.load()
    assert rows_of(loaded) == {"fact_sale": (3, 4)}
    loaded.load()
    assert rows_of(loaded) == {"fact_sale": (5, 6)}


def test_a_full_batch_puts_back_what_is_missing_and_ends_it(loaded: Ground) -> None:
    loaded.there.run("TRUNCATE fact_sale RESTART IDENTITY")
    loaded.load()
    loaded.run(3, fact_sale=full(sale(1), sale(2, "changed"), sale(3)))
    loaded.load()
    loaded.load()
    assert damages(loaded) == {}
    assert loaded.current() == [(1, None), (2, "changed"), (3, None)]


def test_a_full_batch_of_another_table_ends_nothing(loaded: Ground) -> None:
    loaded.there.run("TRUNCATE dim_deal, fact_sale")
    loaded.run(3, dim_deal=full((1, "one")))
    loaded.load()
    loaded.load()
    assert rows_of(loaded) == {"fact_sale": (0, 4)}


def test_what_is_put_back_by_hand_is_over_when_it_was_compared(loaded: Ground) -> None:
    """A full batch adds no record to what was put back as it was."""
    before = loaded.notes()
    loaded.there.run("CREATE TABLE kept AS SELECT * FROM fact_sale")
    loaded.there.run("DELETE FROM fact_sale")
    loaded.load()
    assert rows_of(loaded) == {"fact_sale": (0, 4)}
    loaded.there.run("INSERT INTO fact_sale SELECT * FROM kept")
    loaded.load()
    assert rows_of(loaded) == {"fact_sale": (4, 4)}
    loaded.run(3, fact_sale=full(sale(1), sale(2, "changed"), sale(3)))
    loaded.load()
    loaded.load()
    assert damages(loaded) == {}
    assert loaded.notes() == before


def test_rows_that_were_there_before_the_first_load_are_taken_as_they_are(ground: Ground) -> None:
    ground.there.run("INSERT INTO dim_deal VALUES (7, 'prepared'), (8, 'prepared')")
    ground.load()
    ground.run(1, dim_colour=full(RED), dim_deal=full((1, "one")), fact_sale=full(sale(1)))
    ground.load()
    ground.load()
    assert damages(ground) == {}
    ground.there.run("DELETE FROM dim_deal WHERE deal_id = 7")
    ground.load()
    assert rows_of(ground) == {"dim_deal": (2, 3)}


def test_rows_that_wait_are_counted_when_they_are_released(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED), dim_deal=full((1, "one")), fact_sale=full(sale(1), sale(2, colour=2)))
    for number in (1, 2):
        ground.load()
        assert damages(ground) == {}, number
    ground.run(2, dim_colour=full(RED, BLUE))
    for number in (3, 4, 5):
        ground.load()
        assert damages(ground) == {}, number
    assert len(ground.notes()) == 2


def test_a_table_that_somebody_holds_is_as_it_was_found_last(loaded: Ground) -> None:
    loaded.there.run("DELETE FROM dim_deal")
    loaded.load()
    holder = loaded.database.owner()
    holder.run(f"SET search_path TO {SCHEMA}")
    holder.run("BEGIN; LOCK TABLE dim_deal, fact_sale IN ACCESS EXCLUSIVE MODE")
    loaded.load()
    assert rows_of(loaded) == {"dim_deal": (0, 1)}
    holder.run("ROLLBACK")


def test_a_table_of_the_bookkeeping_that_somebody_holds_stops_no_load(loaded: Ground) -> None:
    loaded.there.run("DELETE FROM dim_day")
    loaded.load()
    holder = loaded.database.owner()
    holder.run(f"SET search_path TO {SCHEMA}")
    holder.run("BEGIN; LOCK TABLE etl_deletion IN ACCESS EXCLUSIVE MODE")
    loaded.run(3, dim_day=delta((datetime(2020, 1, 6), "Monday")))
    loaded.load()
    # A set has nothing to do with deletions, but the numbers that are kept at the end have.
    assert rows_of(loaded) == {"dim_day": (0, 1)}
    holder.run("ROLLBACK")
    loaded.load()
    loaded.load()
    assert rows_of(loaded) == {"dim_day": (1, 2)}


def test_a_lost_row_of_the_numbers_begins_them_anew(loaded: Ground) -> None:
    """They are no condition of loading."""
    loaded.there.run("TRUNCATE etl_table")
    loaded.run(3, fact_sale=delta(sale(4)))
    loaded.load()
    loaded.load()
    assert damages(loaded) == {}
    assert loaded.ask("SELECT rows FROM etl_table WHERE table_name = 'fact_sale'") == [[5]]


# ---- large tables, which are counted when PostgreSQL's own numbers ask for it


@pytest.fixture
def large(loaded: Ground) -> Ground:
    """None is small."""
    loaded.memory.counted = CountedTables(small_pages=-10)
    loaded.load()
    return loaded


def by_hand(ground: Ground, statements: str) -> None:
    """In a session of its own: PostgreSQL writes its numbers when it ends, and else within seconds."""
    database, name = ground.database, ground.database.owner_name
    with closing(database.server.connect(name, database.passwords[name], database.name)) as hand:
        for statement in [f"SET search_path TO {SCHEMA}", *statements.split(";")]:
            hand.run(statement)


@pytest.mark.parametrize("case", [case for case in BY_HAND if "put in" not in case])
def test_of_a_large_table_it_is_found_by_what_postgresql_counts_itself(large: Ground, case: str) -> None:
    statements, found = BY_HAND[case]
    by_hand(large, statements)
    large.load()
    assert rows_of(large) == found


class Listening(WarehouseSession):
    """A warehouse that keeps what it was asked."""

    asked: list[str]

    def run(self, statement: str, **params: object) -> list[list[Any]]:
        self.asked.append(statement)
        return super().run(statement, **params)


def counts(ground: Ground, now: datetime) -> int:
    """How many tables a pass has counted."""
    with ground.database.connect() as connection:
        Listening.asked = []
        load_pass(ground.outside(Listening(connection, SCHEMA), now=lambda: now), ground.memory)
        return sum(text.count("FILTER (WHERE age") for text in Listening.asked)


def test_a_large_table_that_has_not_changed_is_counted_once_an_hour(large: Ground) -> None:
    now = datetime.now(UTC)
    later = now + COUNTED_EACH + timedelta(seconds=60)
    assert [counts(large, at) for at in (now, later, later)] == [0, len(large.targets), 0]


def test_what_no_number_of_postgresql_shows_is_found_within_the_hour(large: Ground) -> None:
    by_hand(large, "INSERT INTO dim_deal VALUES (9, 'by hand')")
    large.load()
    assert rows_of(large) == {}
    later = datetime.now(UTC) + COUNTED_EACH + timedelta(seconds=1)
    large.load(now=lambda: later)
    assert rows_of(large) == {"dim_deal": (2, 1)}
