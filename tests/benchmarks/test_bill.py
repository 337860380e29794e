"""The bill of docs/cost.md adds up, and is what is promised."""

import re
from pathlib import Path

import pytest

from benchmarks.bill import BUSY, LIMITED, MONTHS, PRICES, REST, Minute, Price, second, table, total, usage
from ops.stack.topology import BUDGET_NOTIFICATIONS
from tests.infra.scripts import example_settings

pytestmark = pytest.mark.fast

COST = (Path(__file__).parents[2] / "docs/cost.md").read_text()


def test_the_papers_bill_is_the_one_that_is_reckoned() -> None:
    assert "\n".join(table()) in COST


@pytest.mark.parametrize("minute", MONTHS, ids=lambda minute: minute.title)
def test_its_lines_add_up_to_its_sum(minute: Minute) -> None:
    """As a reader adds them: each line is rounded to a cent."""
    column = 4 + 2 * MONTHS.index(minute)
    rows = [row.split("|") for row in COST.splitlines() if row.startswith(tuple(f"| {name} |" for name in PRICES))]
    [last] = [row.split("|") for row in COST.splitlines() if row.startswith("| **all**")]
    assert len(rows) == len(PRICES)
    assert sum(float(row[column]) for row in rows) == pytest.approx(float(last[column].strip(" *")), abs=0.03)


def test_every_line_has_a_price_and_every_price_a_line() -> None:
    for minute in MONTHS:
        assert usage(minute).keys() == PRICES.keys()


def test_only_what_is_beyond_the_free_costs() -> None:
    price = Price(0.40, 1000, 500)
    assert (price.cost(0), price.cost(500), price.cost(1500)) == (0, 0, 0.40)


def test_at_rest_a_stack_costs_less_than_six_dollars_and_a_little_more_where_the_account_needs_limits() -> None:
    assert total(REST) < 6 < total(LIMITED) < 6.50
    for minute, shown in ((REST, r"about (\d+)"), (BUSY, r"a run each minute, day and night, (\d+)")):
        text = (Path(__file__).parents[2] / "settings.example.env").read_text().replace("\n# ", " ")
        [said] = re.findall(shown + r" ", text[text.index("What AWS may cost in a month") :])[:1]
        assert round(total(minute)) == int(said)


def test_what_a_second_stack_costs_is_said() -> None:
    assert f"A second stack at rest in the same account costs {second(REST):.2f}," in " ".join(COST.split())


def test_the_budget_does_not_cry_each_month() -> None:
    """Not of a stack that has a run in each minute, in an account that needs limits."""
    budget = float(example_settings()["MONTHLY_BUDGET_USD"])
    first = min(percentage for _, percentage in BUDGET_NOTIFICATIONS) / 100 * budget
    assert total(BUSY) + total(LIMITED) - total(REST) < first
