"""Which manifests should be there by now, decided without any bucket."""

from datetime import datetime, timedelta

import msgspec
import pytest

from shared.lake.documents import Batch, Mode, RunRecord, Snapshot, TableState
from shared.lake.manifests import Place
from shared.warehouse.registry import TARGETS
from shared.watch.missing import complete_run, message_for, missing, overdue

pytestmark = pytest.mark.fast

NOON = datetime(2026, 1, 5, 12, 0)
FACT, DIMENSION, SET = "fact_payment", "dim_transaction", "dim_date"


def record(run: int, modes: dict[str, Mode], *targets: str) -> RunRecord:
    """Read `run` minutes after noon."""
    return RunRecord(
        version=1,
        log="a",
        run=run,
        attempt="0",
        cause="schedule",
        code="test",
        snapshot=Snapshot(taken_at=NOON + timedelta(minutes=run), xmin=1, xmax=1),
        tables={
            source: TableState(batch=Batch(mode=mode, reason="", rows=1, parts=(), catalogue=""))
            for source, mode in modes.items()
        },
        targets=targets,
        warehouse=tuple(TARGETS),
    )


def gaps(records: list[RunRecord], *there: Place) -> list[Place]:
    return missing(records, set(there), TARGETS)


def test_each_place_without_a_manifest_is_missing_in_order() -> None:
    records = [record(1, {"payment": "delta"}, FACT, SET), record(2, {"payment": "delta"}, FACT)]
    assert gaps(records) == [(1, FACT), (1, SET), (2, FACT)]
    assert gaps(records, (1, SET)) == [(1, FACT), (2, FACT)]
    assert gaps(records, (1, FACT), (1, SET), (2, FACT)) == gaps([]) == []


@pytest.mark.parametrize(
    ("mode", "there", "still"),
    [
        ("full", [(2, DIMENSION)], []),
        # A delta brings its own rows only, and a full batch that is missing itself brings nothing.
        ("delta", [(2, DIMENSION)], [(1, DIMENSION)]),
        ("full", [], [(1, DIMENSION), (2, DIMENSION)]),
    ],
)
def test_a_later_full_batch_that_is_there_closes_a_dimension_s_gap(
    mode: Mode, there: list[Place], still: list[Place]
) -> None:
    records = [record(1, {"transaction": "delta"}, DIMENSION), record(2, {"transaction": mode}, DIMENSION)]
    assert gaps(records, *there) == still


def test_a_full_batch_before_the_gap_closes_nothing() -> None:
    records = [record(1, {"transaction": "full"}, DIMENSION), record(2, {"transaction": "delta"}, DIMENSION)]
    assert gaps(records, (1, DIMENSION)) == [(2, DIMENSION)]


def test_a_full_batch_of_another_table_closes_nothing() -> None:
    records = [record(1, {"transaction": "delta"}, DIMENSION), record(2, {"transaction": "full"}, FACT)]
    assert gaps(records, (2, FACT), (2, DIMENSION)) == [(1, DIMENSION)]


def test_no_full_batch_closes_a_gap_of_a_fact_or_of_a_set() -> None:
    records = [record(run, {"payment": "full"}, FACT, SET) for run in (1, 2)]
    assert gaps(records, (2, FACT), (2, SET)) == [(1, FACT), (1, SET)]


def test_a_table_that_this_code_does_not_know_is_missing_as_long_as_the_newest_run_knows_it() -> None:
    before = record(1, {"payment": "delta"}, FACT, "not_ours_yet")
    knows = msgspec.structs.replace(record(2, {}), warehouse=("not_ours_yet",))
    assert gaps([before, knows], (1, FACT)) == [(1, "not_ours_yet")]
    assert gaps([msgspec.structs.replace(before, warehouse=("not_ours_yet",)), record(2, {})], (1, FACT)) == []


def test_the_next_look_begins_before_the_first_gap() -> None:
    records = [record(run, {}) for run in (5, 6, 7)]
    assert complete_run(4, [], []) == 4
    assert complete_run(4, records, []) == 7
    assert complete_run(4, records, [(7, FACT), (6, SET)]) == 5


def test_a_gap_is_overdue_when_its_own_run_is() -> None:
    records = [record(1, {}), record(2, {})]
    found = [(1, FACT), (2, FACT)]
    ten = timedelta(minutes=10)
    assert overdue(records, found, NOON + timedelta(minutes=11), ten) == []
    assert overdue(records, found, NOON + timedelta(minutes=12), ten) == [(1, FACT)]
    assert overdue(records, found, NOON + timedelta(minutes=13), ten) == found


@pytest.mark.parametrize(
    ("modes", "table"),
    [({"staff": "full"}, "staff"), ({"department": "full"}, "department"), ({"payment": "delta"}, "staff")],
)
def test_a_message_names_a_source_that_changed_and_else_the_first(modes: dict[str, Mode], table: str) -> None:
    message = message_for(record(3, modes, "dim_staff"), TARGETS["dim_staff"])
    assert (message.log, message.run, message.table) == ("a", 3, table)
