"""A fact's history: which rows become records, deletions and returns, and what the views show."""

import pytest

from tests.shared.load.ground import BLUE, RED, Ground, delta, full, sale

pytestmark = pytest.mark.fast


@pytest.fixture
def begun(ground: Ground) -> Ground:
    """Colours, and sale 1 as "a"."""
    ground.run(1, dim_colour=full(RED, BLUE), fact_sale=full(sale(1, "a")))
    ground.load()
    return ground


def test_a_change_and_a_change_back_are_three_records(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(1, "b")))
    begun.run(3, fact_sale=delta(sale(1, "a")))
    begun.load()
    assert begun.notes() == [(1, "a"), (1, "b"), (1, "a")]
    assert begun.current() == [(1, "a")]


def test_what_is_as_it_was_adds_no_record(begun: Ground) -> None:
    begun.run(2, fact_sale=full(sale(1, "a")))
    begun.run(3, fact_sale=delta(sale(1, "a")))
    begun.load()
    assert begun.notes() == [(1, "a")]
    assert begun.ledger("fact_sale")["unchanged"] == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [(sale(2, None), sale(2, "")), (sale(2, "x"), sale(2, None)), (sale(2), sale(2, deal=None, price=None))],
)
def test_null_differs_from_any_value(begun: Ground, before: object, after: object) -> None:
    begun.run(2, fact_sale=delta(before))  # type: ignore[arg-type]
    begun.run(3, fact_sale=delta(after))  # type: ignore[arg-type]
    begun.run(4, fact_sale=delta(after))  # type: ignore[arg-type]
    begun.load()
    assert len([key for key, _ in begun.notes() if key == 2]) == 2


def test_records_are_numbered_in_the_order_of_keys(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(*(sale(key) for key in (9, 3, 7, 5))))
    begun.load()
    assert [key for key, _ in begun.notes()] == [1, 3, 5, 7, 9]


def test_a_key_that_a_full_batch_lacks_is_deleted(begun: Ground) -> None:
    begun.run(2, fact_sale=full(sale(2)), dim_colour=full(RED))
    begun.load()
    assert begun.current() == [(2, None)]
    assert begun.ledger("fact_sale")["deleted"] == 1
    # A dimension's row stays: facts refer to it.
    assert len(begun.colours()) == 2
    assert begun.ask("SELECT table_name, key, run, last_record_id FROM etl_deletion ORDER BY 1") == [
        ["dim_colour", 2, 2, None],
        ["fact_sale", 1, 2, 1],
    ]


def test_deleted_once_is_deleted_once(begun: Ground) -> None:
    for run in (2, 3):
        begun.run(run, fact_sale=full(sale(2)))
    begun.load()
    assert begun.ask("SELECT run FROM etl_deletion") == [[2]]


def test_a_key_that_a_delta_lacks_is_not_deleted(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(2)))
    begun.load()
    assert len(begun.current()) == 2


def test_a_key_that_comes_back_makes_a_record_even_of_the_same(begun: Ground) -> None:
    begun.run(2, fact_sale=full(sale(2)), dim_colour=full(RED))
    begun.run(3, fact_sale=delta(sale(1, "a")), dim_colour=full(RED, BLUE))
    begun.load()
    assert begun.notes() == [(1, "a"), (2, None), (1, "a")]
    assert begun.current() == [(1, "a"), (2, None)]
    assert begun.ask("SELECT FROM etl_deletion WHERE ended_at IS NULL") == []
    assert begun.ask("SELECT DISTINCT ended_run FROM etl_deletion") == [[3]]


def test_history_says_from_when_to_when(begun: Ground) -> None:
    begun.run(2, fact_sale=delta(sale(1, "b")))
    begun.run(3, fact_sale=full(sale(9)))
    begun.run(4, fact_sale=delta(sale(1, "b")))
    begun.run(5, fact_sale=delta(sale(1, "c")))
    begun.load()
    assert begun.history(1) == [
        ("a", "created", 2, None),
        ("b", 2, 3, 3),
        ("b", 4, 5, None),
        ("c", 5, None, None),
    ]
    assert begun.history(9) == [(None, "created", None, None)]


def test_a_dimension_holds_the_latest_only(begun: Ground) -> None:
    begun.run(2, dim_colour=full((1, "crimson"), (2, "blue"), (3, None)))
    begun.load()
    assert begun.colours() == [[1, "crimson"], [2, "blue"], [3, None]]
    ledger = begun.ledger("dim_colour")
    assert (ledger["inserted"], ledger["updated"], ledger["unchanged"]) == (1, 1, 1)


class TestQuarantine:
    def open(self, ground: Ground) -> list[list[object]]:
        return ground.ask("SELECT key, run, reason FROM etl_quarantine WHERE closed_at IS NULL ORDER BY 1")

    def test_a_refused_key_is_noted_and_not_absent(self, begun: Ground) -> None:
        begun.run(2, fact_sale=full(sale(2), refused=[("1", "no date")]))
        begun.load()
        assert self.open(begun) == [["1", 2, "no date"]]
        assert begun.current() == [(1, "a"), (2, None)]
        assert begun.ledger("fact_sale")["quarantined"] == 1

    def test_it_closes_when_a_later_run_brings_the_key(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(refused=[("1", "no date"), ("2", "no date")]))
        begun.run(3, fact_sale=delta(sale(1, "mended")))
        begun.load()
        assert self.open(begun) == [["2", 2, "no date"]]
        assert begun.ask("SELECT closed_run FROM etl_quarantine WHERE key = '1'") == [[3]]

    def test_a_key_is_open_once(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(refused=[("1", "no date")]))
        begun.run(3, fact_sale=delta(refused=[("1", "still none")]))
        begun.load()
        assert self.open(begun) == [["1", 3, "still none"]]

    def test_a_full_batch_judges_all_keys_anew(self, begun: Ground) -> None:
        begun.run(2, fact_sale=delta(refused=[("7", "no date")]))
        begun.run(3, fact_sale=full(sale(1, "a")))
        begun.load()
        assert self.open(begun) == []
