"""However manifests arrive, and whenever the loader looks, the warehouse shows the same in the end."""

import itertools
import random

from conftest import made_bucket
from shared.ledger.tables import TABLES
from tests.shared.load.ground import BLUE, RED, TARGETS, YEARS, Ground, delta, full, sale

RUNS = {
    1: {"dim_colour": full(RED), "fact_sale": full(sale(1, "a"), sale(2, "b"))},
    2: {
        "dim_colour": full(RED, BLUE),
        "fact_sale": delta(sale(1, "c", colour=2)),
        "dim_day": delta(("2020-01-05", "x")),
    },
    3: {"dim_deal": delta((7, "deal")), "fact_sale": delta(sale(2, "d", deal=7), sale(3, "e"))},
    4: {"fact_sale": full(sale(1, "c", colour=2), sale(3, "f")), "dim_day": delta(("2020-01-06", "y"))},
    5: {"fact_sale": delta(sale(2, "d", deal=7)), "dim_colour": full((1, "crimson"), BLUE)},
}
PLACES = [(run, table) for run, brought in RUNS.items() for table in brought]


def committed(ground: Ground) -> Ground:
    for run, brought in RUNS.items():
        ground.commit(run, **brought)
    return ground


def emptied(ground: Ground, name: str) -> Ground:
    """The same warehouse without content, and new buckets."""
    tables = [*TARGETS, *(table.name for table in TABLES)]
    ground.there.run(f"TRUNCATE {', '.join(tables)}")
    return committed(Ground(ground.database, made_bucket(f"{name}-ingestion"), made_bucket(f"{name}-processed")))


def test_any_order_of_arrival_shows_the_same(ground: Ground) -> None:
    expected = in_order(committed(ground))
    for seed in range(8):
        choice = random.Random(seed)
        fresh = emptied(ground, f"seed-{seed}")
        for run, table in choice.sample(PLACES, len(PLACES)):
            fresh.transform(run, table)
            # Patience: within it nothing is set aside or superseded that is only late.
            if choice.random() < 0.6:
                fresh.load(grace_period_s=YEARS)
        fresh.load(grace_period_s=YEARS)
        assert fresh.shown() == expected, f"seed {seed}"


def test_impatience_changes_only_when_not_what(ground: Ground) -> None:
    """Dimensions that come far too late: rows wait one by one, and what is shown is the same."""
    expected = in_order(committed(ground))
    facts = [place for place in PLACES if place[1] == "fact_sale"]
    others = [place for place in PLACES if place[1] != "fact_sale"]
    for number, order in enumerate(itertools.islice(itertools.permutations(others), 0, 720, 144)):
        fresh = emptied(ground, f"order-{number}")
        for run, table in [*facts, *order]:
            fresh.transform(run, table)
            fresh.load(grace_period_s=0)
        assert fresh.shown() == expected, order


def in_order(ground: Ground) -> list[object]:
    for run, table in PLACES:
        ground.transform(run, table)
    ground.load()
    return ground.shown()


def test_this_is_what_is_expected(ground: Ground) -> None:
    in_order(committed(ground))
    assert ground.current() == [(1, "c"), (2, "d"), (3, "f")]
    assert ground.history(2) == [("b", "created", 3, None), ("d", 3, 4, 4), ("d", 5, None, None)]
