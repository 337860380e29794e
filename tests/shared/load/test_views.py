"""What the views of a fact show is of that fact alone, and of its latest records."""

import pytest

from tests.shared.load.ground import BEGIN, RED, Ground, delta, full, sale

pytestmark = pytest.mark.fast


@pytest.fixture
def changed(ground: Ground) -> Ground:
    ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "first"), sale(2, "only")))
    ground.run(2, fact_sale=delta(sale(1, "second")))
    ground.run(3, fact_sale=delta(sale(1, "third")))
    ground.load()
    return ground


def test_what_is_is_the_latest_record_of_each_key(changed: Ground) -> None:
    assert changed.current() == [(1, "third"), (2, "only")]


def test_another_table_s_entries_and_deletions_say_nothing_of_this_one(changed: Ground) -> None:
    """Keys and record ids of two tables are often the same numbers."""
    before = changed.shown(), changed.history(1), changed.history(2)
    assert before[1] == [("first", "created", 2, None), ("second", 2, 3, None), ("third", 3, None, None)]
    moment = f"timestamp '{BEGIN:%F %T}'"
    changed.there.run(f"""
        INSERT INTO etl_deletion (table_name, key, log_id, run, deleted_at, last_record_id)
        SELECT 'fact_other', sale_id, 'log-a', 1, {moment}, max(sale_record_id) FROM fact_sale GROUP BY sale_id""")
    changed.there.run(f"""
        INSERT INTO etl_ledger
            (log_id, table_name, run, status, loaded_at, snapshot_at, first_record_id, last_record_id)
        SELECT 'log-a', 'fact_other', sale_record_id, 'loaded', now(), {moment}, sale_record_id, 99 FROM fact_sale""")
    assert (changed.shown(), changed.history(1), changed.history(2)) == before
