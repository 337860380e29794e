"""A fact's rows wait for their dimensions, row by row, and come in their order when those are there."""

import pytest

from conftest import made_bucket
from tests.shared.load.ground import BLUE, RED, YEARS, Ground, delta, full, sale, snapshot_of

pytestmark = pytest.mark.fast


@pytest.fixture
def begun(ground: Ground) -> Ground:
    """Only red is known."""
    ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "a")))
    ground.load()
    return ground


def waiting(ground: Ground) -> list[list[object]]:
    return ground.ask('SELECT key, run, "row" IS NULL, reason FROM etl_waiting ORDER BY 1, 2')


def test_a_manifest_waits_for_a_dimension_on_its_way(begun: Ground) -> None:
    begun.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(2, colour=2), sale(3)))
    begun.transform(2, "fact_sale")
    outcome = begun.load(grace_period_s=YEARS)
    assert outcome.waiting["fact_sale"] == "fact_sale: dim_colour must come first"
    assert begun.notes() == [(1, "a")]
    begun.transform(2, "dim_colour")
    assert begun.load(grace_period_s=YEARS).complete_run == 2
    assert len(begun.current()) == 3


def test_a_manifest_that_lacks_nothing_does_not_wait(begun: Ground) -> None:
    begun.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(2)))
    begun.transform(2, "fact_sale")
    begun.load(grace_period_s=YEARS)
    assert len(begun.current()) == 2


def test_a_later_run_of_the_dimension_is_not_waited_for(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(2, colour=2), sale(3)))
    begun.commit(3, dim_colour=full(RED, BLUE))
    begun.load(grace_period_s=YEARS)
    assert begun.current() == [(1, "a"), (3, None)]


def test_after_a_while_only_the_rows_wait(begun: Ground) -> None:
    begun.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(2, colour=2, deal=7), sale(3)))
    begun.transform(2, "fact_sale")
    begun.load()
    assert begun.current() == [(1, "a"), (3, None)]
    assert waiting(begun) == [[2, 2, False, "colour_id is not in dim_colour; deal_id is not in dim_deal"]]
    ledger = begun.ledger("fact_sale")
    assert (ledger["rows"], ledger["inserted"], ledger["waiting"], ledger["unchanged"]) == (2, 1, 1, 0)


def test_they_are_released_as_they_were(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(2, "tab\t\u00e9 'x' \\N", colour=2, price=-1)))
    begun.load()
    begun.run(3, dim_colour=full(RED, BLUE))
    assert begun.load().loaded == 2
    assert waiting(begun) == []
    assert begun.ask("SELECT note, price::text, deal_id FROM fact_sale WHERE sale_id = 2") == [
        ["tab\t\u00e9 'x' \\N", "-0.01", None]
    ]
    ledger = begun.ledger("fact_sale")
    assert (ledger["run"], ledger["load_no"], ledger["status"], ledger["rows"]) == (2, 1, "released", 1)
    assert begun.load().loaded == 0


def test_later_versions_queue_behind(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
    begun.run(3, fact_sale=delta(sale(1, "c"), sale(4, "d")))
    begun.load(grace_period_s=YEARS)
    assert begun.notes() == [(1, "a"), (4, "d")]
    assert waiting(begun) == [
        [1, 2, False, "colour_id is not in dim_colour"],
        [1, 3, False, "behind an earlier version that waits"],
    ]
    begun.run(4, dim_colour=full(RED, BLUE))
    begun.load(grace_period_s=YEARS)
    assert begun.notes() == [(1, "a"), (4, "d"), (1, "b"), (1, "c")]
    # A version is as old as the run that brought it, however late it was let in.
    assert begun.history(1) == [("a", "created", 2, None), ("b", 2, 3, None), ("c", 3, None, None)]


def test_each_waits_for_its_own(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(2, colour=2), sale(3, colour=3)))
    begun.load()
    begun.run(3, dim_colour=full(RED, BLUE))
    begun.load()
    assert [key for key, _ in begun.current()] == [1, 2]
    begun.run(4, dim_colour=full(RED, BLUE, (3, "green")))
    begun.load()
    assert [key for key, _ in begun.current()] == [1, 2, 3]
    assert begun.ledger("fact_sale")["load_no"] == 2


def test_a_deletion_waits_behind_the_versions(begun: Ground) -> None:
    begun.run(2, fact_sale=full(sale(1, "b", colour=2), sale(5, "new", colour=2)))
    begun.run(3, fact_sale=full(sale(9)))
    begun.load(grace_period_s=YEARS)
    assert [row[:3] for row in waiting(begun)] == [[1, 2, False], [1, 3, True], [5, 2, False], [5, 3, True]]
    assert begun.current() == [(1, "a"), (9, None)]
    begun.run(4, dim_colour=full(RED, BLUE))
    begun.load()
    assert waiting(begun) == []
    assert begun.current() == [(9, None)]
    assert begun.history(1) == [("a", "created", 2, None), ("b", 2, 3, 3)]
    assert begun.history(5) == [("new", "created", 3, 3)]


def test_a_deletion_waits_once_and_what_comes_back_waits_behind_it(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(2, "x", colour=2)))
    begun.run(3, fact_sale=full(sale(1, "a")))
    begun.run(4, fact_sale=full(sale(1, "a")))
    begun.run(5, fact_sale=delta(sale(2, "x")))
    begun.load(grace_period_s=YEARS)
    assert [row[:3] for row in waiting(begun)] == [[2, 2, False], [2, 3, True], [2, 5, False]]
    begun.run(6, dim_colour=full(RED, BLUE))
    begun.load()
    assert begun.history(2) == [("x", "created", 3, 3), ("x", 5, None, None)]


def test_a_null_reference_waits_for_nothing(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(2, deal=None)))
    begun.load()
    assert waiting(begun) == []


def test_rows_of_an_old_log_are_released_under_a_new_one(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
    begun.load()
    second = Ground(begun.database, made_bucket("second-ingestion"), made_bucket("second-processed"), "log-b")
    second.run(1, dim_colour=full(RED, BLUE), fact_sale=full(sale(1, "c")))
    second.load()
    assert [note for _, note in second.notes()] == ["a", "b", "c"]


class TestGivingWay:
    """A version whose dimension cannot come holds up its key for the patience, and no longer."""

    def left_out(self, ground: Ground) -> list[list[object]]:
        return ground.ask("SELECT key, run, reason, closed_run FROM etl_quarantine ORDER BY run, key")

    def test_to_a_later_version(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(sale(1, "b", colour=2), sale(2, "new", colour=2)))
        begun.run(3, fact_sale=delta(sale(1, "c"), sale(2, "mended")))
        begun.load(grace_period_s=YEARS)
        assert begun.current() == [(1, "a")]
        assert len(waiting(begun)) == 4 and self.left_out(begun) == []
        begun.load()
        assert begun.current() == [(1, "c"), (2, "mended")]
        assert waiting(begun) == []
        assert self.left_out(begun) == [[str(key), 2, "colour_id is not in dim_colour", 3] for key in (1, 2)]
        assert begun.history(1) == [("a", "created", 3, None), ("c", 3, None, None)]

    def test_in_the_pass_that_brings_the_later_one(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
        begun.load()
        assert len(waiting(begun)) == 1
        begun.run(3, fact_sale=delta(sale(1, "c")))
        begun.load()
        assert begun.current() == [(1, "c")]

    def test_to_a_deletion_also_of_what_never_came(self, begun: Ground) -> None:
        begun.run(2, fact_sale=full(sale(1, "b", colour=2), sale(5, "new", colour=2)))
        begun.run(3, fact_sale=full(sale(9)))
        begun.load()
        assert begun.current() == [(9, None)]
        assert waiting(begun) == []
        assert begun.history(1) == [("a", "created", 3, 3)]
        assert begun.history(5) == []
        begun.run(4, fact_sale=delta(sale(1, "back"), sale(5, "back")))
        begun.load()
        assert begun.current() == [(1, "back"), (5, "back"), (9, None)]
        assert begun.history(1)[1:] == [("back", 4, None, None)]

    def test_not_before_its_own_patience_has_passed(self, begun: Ground) -> None:
        """Two versions that lack a dimension, of two ages: the later one holds up what follows until it is old, too."""
        begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
        begun.run(3, fact_sale=delta(sale(1, "c", colour=3)))
        begun.run(4, fact_sale=delta(sale(1, "d")))
        age_s = (begun.ask("SELECT now() AT TIME ZONE 'UTC'")[0][0] - snapshot_of(2)).total_seconds()
        begun.load(grace_period_s=age_s - 30)
        assert [row[:2] for row in waiting(begun)] == [[1, 3], [1, 4]]
        assert begun.current() == [(1, "a")]
        begun.load(grace_period_s=age_s - 90)
        assert begun.current() == [(1, "d")]
        assert [row[1:] for row in self.left_out(begun)] == [
            [2, "colour_id is not in dim_colour", 4],
            [3, "colour_id is not in dim_colour", 4],
        ]

    def test_not_while_its_dimension_is_on_its_way(self, begun: Ground) -> None:
        begun.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(1, "b", colour=2)))
        begun.transform(2, "fact_sale")
        begun.run(3, fact_sale=delta(sale(1, "c")))
        begun.load()
        assert [row[:2] for row in waiting(begun)] == [[1, 2], [1, 3]]
        begun.transform(2, "dim_colour")
        begun.load()
        assert [note for _, note in begun.notes()] == ["a", "b", "c"]
        assert self.left_out(begun) == []

    def test_when_what_its_dimension_needs_is_damaged(self, begun: Ground) -> None:
        begun.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(1, "b", colour=2)))
        begun.transform(2, "fact_sale")
        begun.transform(2, "dim_colour", rows_said=7)
        begun.run(3, fact_sale=delta(sale(1, "c")))
        begun.load()
        assert begun.current() == [(1, "c")]

    def test_never_to_one_that_lacks_a_dimension_as_well(self, begun: Ground) -> None:
        """Then all of them are kept, and come in their order when the dimension is mended."""
        begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
        begun.run(3, fact_sale=delta(sale(1, "c", colour=2)))
        begun.load()
        assert [row[:2] for row in waiting(begun)] == [[1, 2], [1, 3]]
        begun.run(4, dim_colour=full(RED, BLUE))
        begun.load()
        assert [note for _, note in begun.notes()] == ["a", "b", "c"]

    def test_what_a_full_batch_brings_again_waits_once(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
        for run in (3, 4):
            begun.run(run, fact_sale=full(sale(1, "b", colour=2)))
        begun.load()
        assert [row[:2] for row in waiting(begun)] == [[1, 2]]
        begun.run(5, fact_sale=full(sale(1, "c")))
        begun.load()
        assert begun.current() == [(1, "c")]
        assert begun.history(1) == [("a", "created", 5, None), ("c", 5, None, None)]

    def test_of_an_old_log(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
        begun.load()
        second = Ground(begun.database, made_bucket("second-ingestion"), made_bucket("second-processed"), "log-b")
        second.commit(1, dim_colour=full(RED), fact_sale=full(sale(1, "c")))
        second.transform(1, "fact_sale")
        second.load()
        # The new log's first run reads all, and so what that version lacks.
        assert [row[:2] for row in waiting(begun)] == [[1, 1], [1, 2]]
        second.transform(1, "dim_colour")
        second.load()
        assert [note for _, note in second.notes()] == ["a", "c"]
        assert self.left_out(begun) == [["1", 2, "colour_id is not in dim_colour", 1]]

    def test_of_a_log_whose_row_is_gone(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(sale(1, "b", colour=2)))
        begun.load()
        begun.ask("DELETE FROM etl_log")
        second = Ground(begun.database, made_bucket("second-ingestion"), made_bucket("second-processed"), "log-b")
        second.run(1, dim_colour=full(RED, BLUE), fact_sale=full(sale(1, "c")))
        second.load()
        assert [note for _, note in second.notes()] == ["a", "b", "c"]
