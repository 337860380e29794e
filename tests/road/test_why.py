"""From each row of the warehouse back to what it was made of, and forward again from the source's keys."""

import random
from typing import Any

import pytest

from local.ticker import KINDS
from shared.source.request import ExtractRequest
from tests.conftest import Ticks
from tests.road.asking import ALL, Files, asking, assert_holds
from tests.road.road import Road

ODD = """E'Cô te\\t"d''Ivoire" 🧵'"""
CHANGES = (
    "UPDATE payment SET paid = NOT paid WHERE payment_id % 40 = 3",
    "UPDATE sales_order SET units_sold = units_sold + 1 WHERE sales_order_id % 30 = 1",
    "UPDATE department SET department_name = department_name || '.' WHERE department_id = 2",
    "UPDATE staff SET first_name = 'Zoe' WHERE staff_id = 1",
    "UPDATE staff SET first_name = 'Ann' WHERE staff_id = 1",
    "DELETE FROM payment WHERE payment_id = 5",
    "INSERT INTO payment SELECT * FROM kept WHERE payment_id = 5 ON CONFLICT DO NOTHING",
    "UPDATE address SET country = 'Chad' WHERE address_id = 4",
    f"UPDATE address SET country = {ODD} WHERE address_id = 6",
    "UPDATE transaction SET transaction_type = 'PURCHASE' WHERE transaction_id = 9",
)


class Witness:
    """Knows which run made each row, since it looks after each load: one run each."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self.runs: dict[tuple[str, str], int] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self._rows: dict[tuple[str, str], list[Any]] = {}

    def see(self, run: int) -> None:
        for target in self._road.targets.values():
            columns = ", ".join(f"{column.name}::text" for column in target.columns)
            statement = (
                f"SELECT {target.record_id or target.key}::text, {target.key}::text, {columns} FROM {target.name}"
            )
            for id_, key, *row in self._road.there.run(statement) or []:
                place = (target.name, id_)
                if self._rows.get(place) != row:
                    self._rows[place], self.runs[place], self.keys[place] = row, run, key


@pytest.fixture
def lived(road: Road, tick: Ticks) -> tuple[Road, Witness]:
    """A road with a table more, and some random runs on it."""
    dice, witness = random.Random(5), Witness(road)
    road.targets = ALL
    road.migrate()
    road.source.run("CREATE TABLE kept AS SELECT * FROM payment")
    for _ in range(8):
        tick(*dice.sample(sorted(KINDS), k=2))
        for change in dice.sample(CHANGES, k=3):
            road.source.run(change)
        outcome = road.extract(
            ExtractRequest(cause="resync", full={"design": "resync"}) if dice.random() < 0.2 else None
        )
        road.deliver()
        road.load()
        road.add_foreign_keys()
        if outcome.run:
            witness.see(outcome.run)
    return road, witness


def test_from_every_row_back_to_the_source_and_forward_again(lived: tuple[Road, Witness]) -> None:
    road, witness = lived
    assert_back(road, witness)
    assert_forward(road, witness)
    seen = {(ALL[table].kind, run > 1) for (table, _), run in witness.runs.items()}
    assert seen == {(kind, later) for kind in ("fact", "dimension", "calendar") for later in (True, False)}


def assert_back(road: Road, witness: Witness) -> None:
    files = Files()
    with asking(road) as asked:
        for (table, id_), run in witness.runs.items():
            chain = asked(table=table, id=id_)
            assert (chain["load"]["run"], chain["inferred"], chain["notes"]) == (run, False, [])
            assert chain["key"] == witness.keys[table, id_]
            assert_holds(road, files, ALL[table], chain)


def assert_forward(road: Road, witness: Witness) -> None:
    """From a key of the source come the same records."""
    with asking(road) as asked:
        for source in ("payment", "sales_order", "purchase_order", "transaction", "staff", "address"):
            for (key,) in road.source.run(f"SELECT {source}_id::text FROM {source}") or []:
                for arrival in asked(table=source, id=key)["arrivals"]:
                    found = {(arrival["table"], it["id"]): it["load"]["run"] for it in arrival["versions"]}
                    expected = {
                        place: run
                        for place, run in witness.runs.items()
                        if place[0] == arrival["table"] and witness.keys[place] == key
                    }
                    assert found == expected != {}
                    assert all(it["cause"] in ("schedule", "resync") and it["batches"] for it in arrival["versions"])


def test_a_restored_dimension_is_inferred_from_the_manifests(lived: tuple[Road, Witness]) -> None:
    """Every row and ledger row has another transaction than the one that first wrote it, or all have one."""
    road, witness = lived
    dimensions = [target for target in ALL.values() if target.kind != "fact"]
    touched = [f"UPDATE {target.name} SET {target.key} = {target.key}" for target in dimensions]
    for statement in touched:
        road.there.run(statement)
    assert_inferred(road, witness, {target.name for target in dimensions})
    road.there.run("; ".join(["BEGIN", "UPDATE etl_ledger SET run = run", *touched, "COMMIT"]))
    assert_inferred(road, witness, {"dim_staff"})


def assert_inferred(road: Road, witness: Witness, tables: set[str]) -> None:
    """Of each run the first rows of each table."""
    firsts = {(place[0], run): place for place, run in reversed(witness.runs.items()) if place[0] in tables}
    assert len(firsts) > len(tables)
    with asking(road) as asked:
        for (table, run), (_, id_) in firsts.items():
            chain = asked(table=table, id=id_)
            assert (table, id_, chain["load"]["run"], chain["inferred"]) == (table, id_, run, True)
            assert chain["notes"][0].startswith("the warehouse does not say which load wrote this row")
