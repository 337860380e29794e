"""What hands did to the ledger, or to a fact, is no reason to stop, to load a run twice or to tell a wrong history."""

import random
import re

import pytest
from msgspec.structs import replace

from shared.load.plan import Apply, Enter, next_step
from shared.warehouse.registry import TARGETS
from tests.shared.load.ground import BLUE, RED, YEARS, Ground, delta, full, sale
from tests.shared.load.test_arrival import PLACES, RUNS, committed, emptied, in_order
from tests.shared.load.test_plan import FACT, SET, payments, runs, view
from tests.shared.load.test_waiting import waiting

ETL = ("etl_deletion", "etl_text_deletion", "etl_waiting", "etl_quarantine", "etl_difference")


@pytest.fixture
def begun(ground: Ground) -> Ground:
    """Sale 4 was deleted and came back, sale 7 was deleted, with record ids 4 and 7."""
    ground.run(1, dim_colour=full(RED, BLUE), fact_sale=full(*(sale(key, "a") for key in range(1, 8))))
    ground.run(2, fact_sale=full(*(sale(key, "a") for key in (1, 2, 3, 5, 6))))
    ground.run(3, fact_sale=delta(sale(4, "back"), sale(1, "b")))
    ground.load()
    assert ground.ask("SELECT key, last_record_id, ended_run FROM etl_deletion ORDER BY key") == [
        [4, 4, 3],
        [7, 7, None],
    ]
    return ground


class TestRecordIdsGivenOutAgain:
    NOW = (sale(1, "b"), sale(2, "a"), sale(3, "a"), sale(4, "back"), sale(5, "a"), sale(6, "a"), sale(8, "new"))

    @pytest.mark.fast
    def test_of_an_emptied_table(self, begun: Ground) -> None:
        begun.ask("TRUNCATE fact_sale RESTART IDENTITY")
        begun.run(4, fact_sale=full(*self.NOW))
        begun.load()
        assert begun.ask("SELECT sale_record_id, sale_id FROM fact_sale ORDER BY 1") == [
            [number, row[0]] for number, row in enumerate(self.NOW, start=1)
        ]
        for key, note, *_ in [(row[0], row[-1]) for row in self.NOW]:
            assert begun.history(key) == [(note, "created", None, None)]
        begun.run(5, fact_sale=delta(sale(4, "c"), sale(7, "again")))
        begun.run(6, fact_sale=full(sale(4, "c")))
        begun.load()
        assert begun.history(4) == [("back", "created", 5, None), ("c", 5, None, None)]
        assert begun.history(7) == [("again", "created", 6, 6)]
        assert begun.current() == [(4, "c")]

    def test_of_a_table_whose_ledger_was_emptied_as_well(self, begun: Ground) -> None:
        begun.ask("TRUNCATE fact_sale RESTART IDENTITY")
        begun.ask("DELETE FROM etl_ledger WHERE table_name = 'fact_sale'")
        begun.run(4, fact_sale=full(*self.NOW))
        begun.load()
        assert begun.history(4) == [("back", "created", None, None)]

    def test_of_a_copy_put_back(self, begun: Ground) -> None:
        """It has the first five records; all later ids are given out again."""
        begun.ask("DELETE FROM fact_sale WHERE sale_record_id > 5")
        begun.ask("SELECT setval(pg_get_serial_sequence('fact_sale', 'sale_record_id'), 5)")
        begun.run(4, fact_sale=full(*self.NOW))
        begun.load()
        assert begun.history(1) == [("a", "created", 4, None), ("b", 4, None, None)]
        assert begun.history(2) == [("a", "created", None, None)]
        assert begun.history(8) == [("new", "created", None, None)]
        ranges = begun.ask(
            "SELECT run, first_record_id, last_record_id FROM etl_ledger WHERE table_name = 'fact_sale' ORDER BY run"
        )
        assert ranges == [[1, 1, 5], [2, None, None], [3, None, None], [4, 6, 9]]

    def test_of_a_table_that_the_version_before_had_filled_again(self, begun: Ground) -> None:
        """It left the deletions as they were: sale 6 has the record id that sale 4 had when it was deleted."""
        begun.ask("TRUNCATE fact_sale RESTART IDENTITY")
        begun.run(4, fact_sale=full(*(sale(key, "a") for key in (2, 3, 5, 6))))
        begun.load()
        begun.ask("UPDATE etl_deletion SET last_record_id = key")
        assert begun.ask("SELECT sale_id FROM fact_sale WHERE sale_record_id = 4") == [[6]]
        assert begun.history(6) == [("a", "created", None, None)]

    def test_a_table_that_goes_on_keeps_what_the_ledger_says(self, begun: Ground) -> None:
        said = "SELECT run, first_record_id, last_record_id FROM etl_ledger WHERE table_name = 'fact_sale' ORDER BY run"
        before = begun.ask(said)
        begun.ask("TRUNCATE fact_sale")
        begun.run(4, fact_sale=full(*self.NOW))
        begun.load()
        assert begun.ask(said) == [*before, [4, 10, 16]]


class TestALedgerRowThatIsGone:
    @pytest.fixture
    def full_of_entries(self, begun: Ground) -> Ground:
        """The last run deletes, refuses, sets aside and changes something in each table."""
        begun.run(4, dim_colour=full((1, "crimson")), fact_sale=delta(sale(2, "x", colour=9)))
        begun.run(
            5,
            dim_colour=full((1, "crimson"), (3, "green"), refused=[("9", "no name")]),
            fact_sale=full(sale(1, "c"), sale(5, "y", colour=9), refused=[("3", "no date")]),
        )
        begun.load()
        return begun

    def content(self, ground: Ground) -> list[object]:
        return [ground.shown(), *(sorted(map(repr, ground.ask(f"SELECT * FROM {name}"))) for name in ETL)]

    @pytest.mark.fast
    @pytest.mark.parametrize("table", ["fact_sale", "dim_colour"])
    @pytest.mark.parametrize("also", ["", "etl_freshness"])
    def test_its_run_is_loaded_again_and_nothing_is_otherwise(
        self, full_of_entries: Ground, table: str, also: str
    ) -> None:
        ground = full_of_entries
        before = self.content(ground)
        for name in filter(None, ("etl_ledger", also)):
            ground.ask(f"DELETE FROM {name} WHERE run = 5 AND table_name = '{table}'")
        ground.ask("UPDATE etl_log SET complete_run = 4")
        outcome = ground.load()
        assert (outcome.complete_run, outcome.waiting, outcome.refused) == (5, {}, {})
        assert self.content(ground) == before
        assert ground.ledger(table)["run"] == 5

    @pytest.mark.parametrize("table", ["fact_sale", "dim_colour"])
    def test_a_run_behind_which_others_were_loaded_is_not_loaded_again(
        self, full_of_entries: Ground, table: str
    ) -> None:
        ground = full_of_entries
        before = self.content(ground)
        ground.ask(f"DELETE FROM etl_ledger WHERE run < 5 AND table_name = '{table}'")
        ground.ask("UPDATE etl_log SET complete_run = 0")
        assert ground.load().complete_run == 5
        assert self.content(ground)[1:] == before[1:]
        # When its records were found, only the ledger knew: of those the history says it by their last_updated.
        assert ground.current() == [(1, "c"), (3, "a"), (5, "a")]
        assert [note for note, *_ in ground.history(1)] == ["a", "b", "c"]

    def test_several_of_the_last_ones(self, full_of_entries: Ground) -> None:
        """Loaded again one after another, a value that changed and changed back would be told twice."""
        ground = full_of_entries
        before = self.content(ground)
        for name in ("etl_ledger", "etl_freshness"):
            ground.ask(f"DELETE FROM {name} WHERE run > 1")
        ground.ask("UPDATE etl_log SET complete_run = 0")
        assert ground.load().complete_run == 5
        assert self.content(ground)[1:] == before[1:]
        assert [note for note, *_ in ground.history(1)] == ["a", "b", "c"]

    def test_all_of_a_table_that_was_emptied_too(self, full_of_entries: Ground) -> None:
        """Then it is loaded again, with its whole history."""
        ground = full_of_entries
        before = ground.shown()
        ground.ask("TRUNCATE fact_sale, dim_colour RESTART IDENTITY")
        for name in ("etl_ledger", *ETL):
            ground.ask(f"DELETE FROM {name} WHERE table_name IN ('fact_sale', 'dim_colour')")
        ground.ask("UPDATE etl_log SET complete_run = 0")
        assert ground.load().complete_run == 5
        assert ground.shown() == before

    def test_rows_that_wait_are_released_without_it(self, full_of_entries: Ground) -> None:
        ground = full_of_entries
        ground.ask("DELETE FROM etl_ledger WHERE table_name = 'fact_sale'")
        ground.run(6, dim_colour=full(RED, (9, "mauve")))
        assert ground.load().stopped == {}
        assert waiting(ground) == []
        assert (5, "y") in ground.current()


def test_only_a_table_that_takes_its_runs_in_order_passes_one_over() -> None:
    records = payments("delta", "delta", "delta")
    assert next_step(TARGETS[FACT], view(records, runs(1, 2, 3), runs(2))) == Enter((1,), 2)
    days = [replace(record, targets=(SET,)) for record in records[:2]]
    assert next_step(TARGETS[SET], view(days, runs(1, table=SET), runs(2, table=SET))) == Apply(1)


def test_random_rows_of_the_ledger_are_deleted_again_and_again(ground: Ground) -> None:
    """Whatever of ledger and freshness is gone, each version is told once, in its order, and nothing is stuck."""
    expected = versions(in_order(committed(ground)))
    for seed in range(6):
        choice = random.Random(seed)
        fresh = emptied(ground, f"deleted-{seed}")
        for run, table in choice.sample(PLACES, len(PLACES)):
            fresh.transform(run, table)
            if choice.random() < 0.6:
                fresh.load(grace_period_s=YEARS)
            for name in ("etl_ledger", "etl_freshness"):
                fresh.ask(f"DELETE FROM {name} WHERE hashtext(run || table_name || {choice.randrange(999)}) % 3 = 0")
            fresh.ask(f"UPDATE etl_log SET complete_run = least(complete_run, {choice.randrange(6)})")
        assert fresh.load(grace_period_s=YEARS).complete_run == max(RUNS)
        assert versions(fresh.shown()) == expected, f"seed {seed}"


def versions(shown: list[object]) -> list[object]:
    """But for the times of the history, which only the ledger knows."""
    return [re.sub(r'"(valid_from|valid_to)": ("[^"]*"|null)', "", str(one)) for one in shown]
