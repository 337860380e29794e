"""Manifests, waiting rows and records of another version of the declarations are loaded, and nothing waits for ever."""

from dataclasses import replace

import pytest

from shared.columns import INTEGER, TEXT, Column
from shared.warehouse.registry import Target
from tests.shared.load.ground import COLOUR, DAY, DEAL, RED, SALE, TARGETS, YEARS, Ground, declared, delta, full, sale

pytestmark = pytest.mark.fast

NOTE = Column("remark", TEXT, nullable=True)
DAYS = (("2020-01-05", "Sunday"), ("2020-01-06", "Monday"))


def upgraded(ground: Ground, target: Target) -> Ground:
    """The next version declares one table otherwise, and was deployed."""
    ground.targets = {**ground.targets, target.name: target}
    ground.migrate()
    return ground


def longer(target: Target) -> Target:
    return declared(target, *target.columns, NOTE)


class TestColumns:
    def test_one_that_is_new_is_null_in_former_parts(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED, (2, "blue")))
        upgraded(ground, longer(COLOUR)).load()
        assert ground.colours() == [[1, "red", None], [2, "blue", None]]
        ground.run(2, dim_colour=full((1, "red", "warm"), (2, "blue", None)))
        ground.load()
        assert ground.colours() == [[1, "red", "warm"], [2, "blue", None]]

    def test_one_that_is_no_more_is_passed_over(self, ground: Ground) -> None:
        ground.run(1, under=declared(COLOUR, *COLOUR.columns, NOTE), dim_colour=full((1, "red", "warm")))
        ground.load()
        assert ground.colours() == [[1, "red"]]

    def test_one_that_may_not_be_null_stops_its_table_alone_until_a_full_batch(self, ground: Ground) -> None:
        former = declared(DEAL, DEAL.columns[0])
        ground.run(1, under=former, dim_deal=full((1,)), dim_colour=full(RED))
        said = ground.load().waiting["dim_deal"]
        assert said.startswith("tables/dim_deal/") and said.endswith(
            "was written under declaration deal_id of dim_deal: it has no column name, which may not be null; "
            "declare it optional, or resync transaction"
        )
        assert ground.colours() == [[1, "red"]]
        ground.run(2, dim_deal=full((1, "a deal")))
        outcome = ground.load()
        assert (outcome.complete_run, outcome.waiting) == (2, {})
        assert ground.ask("SELECT * FROM dim_deal") == [[1, "a deal"]]

    def test_one_of_another_type_is_said_to_be_so(self, ground: Ground) -> None:
        former = declared(COLOUR, COLOUR.columns[0], Column("name", INTEGER, nullable=True))
        ground.run(1, under=former, dim_colour=full((1, 7)))
        said = ground.load().waiting["dim_colour"]
        assert "its column name is not text as we write it; resync currency" in said

    def test_under_today_s_declaration_a_lacking_one_is_damage(self, ground: Ground) -> None:
        former = replace(declared(COLOUR, COLOUR.columns[0]), fingerprint=COLOUR.fingerprint)
        ground.run(1, under=former, dim_colour=full((1,)))
        assert "is corrupt: it has no column name" in ground.load().waiting["dim_colour"]


class TestSets:
    """They take their runs in any order, and so those of two versions."""

    @pytest.mark.parametrize("first", [1, 2])
    def test_what_was_null_is_filled_whichever_came_first(self, ground: Ground, first: int) -> None:
        ground.commit(1, dim_day=delta(*DAYS))
        ground.commit(2, dim_day=delta(*((*day, "filled") for day in DAYS)))
        later = longer(DAY)
        upgraded(ground, later)
        for run in (first, 3 - first):
            ground.transform(run, "dim_day", under=DAY if run == 1 else later)
            ground.load(grace_period_s=YEARS)
        assert ground.ask("SELECT name, remark FROM dim_day ORDER BY day") == [
            ["Sunday", "filled"],
            ["Monday", "filled"],
        ]
        counts = ground.ask("SELECT run, inserted, updated, unchanged FROM etl_ledger ORDER BY run")
        assert counts == ([[1, 2, 0, 0], [2, 0, 2, 0]] if first == 1 else [[1, 0, 0, 2], [2, 2, 0, 0]])

    def test_what_was_said_stays(self, ground: Ground) -> None:
        ground.run(1, dim_day=delta(DAYS[0]))
        ground.run(2, dim_day=delta((DAYS[0][0], "Sonntag")))
        ground.load()
        assert ground.ask("SELECT name FROM dim_day") == [["Sunday"]]


class TestFacts:
    @pytest.fixture
    def begun(self, ground: Ground) -> Ground:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1), sale(2), sale(3)))
        ground.load()
        ground.run(2, fact_sale=delta(sale(2, "changed")))
        return upgraded(ground, longer(SALE))

    def test_a_full_batch_adds_a_record_where_the_new_column_says_something(self, begun: Ground) -> None:
        for run in (3, 4):
            rows = ((*sale(1), "one"), (*sale(2, "changed"), "two"), (*sale(3), None))
            begun.run(run, fact_sale=full(*rows))
        begun.load()
        records = begun.ask("SELECT sale_id, note, remark FROM fact_sale ORDER BY sale_record_id")
        assert records == [
            [1, None, None],
            [2, None, None],
            [3, None, None],
            [2, "changed", None],
            [1, None, "one"],
            [2, "changed", "two"],
        ]
        assert begun.history(1) == [(None, "created", 3, None), (None, 3, None, None)]
        assert begun.ask("SELECT sale_id, remark FROM current_fact_sale ORDER BY 1") == [
            [1, "one"],
            [2, "two"],
            [3, None],
        ]

    def test_rows_that_waited_are_released_without_it(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "waits", colour=2)))
        ground.load()
        upgraded(ground, longer(SALE))
        ground.run(2, dim_colour=full(RED, (2, "blue")))
        ground.load()
        assert ground.ask("SELECT note, remark FROM fact_sale") == [["waits", None]]


class TestTables:
    """Those that this version does not know, or knows no more."""

    def test_one_of_the_next_version_is_left_for_it(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), dim_deal=full((1, "a deal")))
        ground.run(2, dim_colour=full(RED))
        known = {name: target for name, target in TARGETS.items() if name != "dim_deal"}
        outcome = ground.load(targets=known)
        assert (outcome.loaded, outcome.complete_run, outcome.waiting) == (2, 0, {})
        outcome = ground.load()
        assert (outcome.loaded, outcome.complete_run) == (1, 2)
        assert ground.ask("SELECT * FROM dim_deal") == [[1, "a deal"]]

    def test_one_of_the_version_before_is_not_waited_for(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), dim_deal=full((1, "a deal")))
        ground.targets = {"dim_deal": DEAL}
        ground.run(2, dim_deal=full((1, "a deal")))
        assert ground.load().complete_run == 2
