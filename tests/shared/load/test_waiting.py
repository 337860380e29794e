"""A fact's rows wait for their dimensions, row by row, and come in their order when those are there."""

import pytest

from conftest import made_bucket
from tests.shared.load.ground import BLUE, RED, YEARS, Ground, delta, full, sale

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
    outcome = begun.load(patience_s=YEARS)
    assert outcome.waiting["fact_sale"] == "fact_sale: dim_colour must come first"
    assert begun.notes() == [(1, "a")]
    begun.transform(2, "dim_colour")
    assert begun.load(patience_s=YEARS).complete_run == 2
    assert len(begun.current()) == 3


def test_a_manifest_that_lacks_nothing_does_not_wait(begun: Ground) -> None:
    begun.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(2)))
    begun.transform(2, "fact_sale")
    begun.load(patience_s=YEARS)
    assert len(begun.current()) == 2


def test_a_later_run_of_the_dimension_is_not_waited_for(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(2, colour=2), sale(3)))
    begun.commit(3, dim_colour=full(RED, BLUE))
    begun.load(patience_s=YEARS)
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
    begun.load()
    assert begun.notes() == [(1, "a"), (4, "d")]
    assert waiting(begun) == [
        [1, 2, False, "colour_id is not in dim_colour"],
        [1, 3, False, "behind an earlier version that waits"],
    ]
    begun.run(4, dim_colour=full(RED, BLUE))
    begun.load()
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
    begun.load()
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
    begun.load()
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
