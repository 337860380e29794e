"""What a table takes next, decided without any database."""

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from shared.lake.documents import Batch, Mode, RunRecord, Snapshot, TableState
from shared.lake.manifests import Place
from shared.load.plan import (
    Apply,
    LoaderView,
    Step,
    Supersede,
    Wait,
    complete_run,
    is_awaited,
    newest_change,
    next_step,
)
from shared.warehouse.registry import TARGETS

pytestmark = pytest.mark.fast

NOON = datetime(2026, 1, 5, 12, 0)
FACT, DIMENSION, SET = "fact_payment", "dim_currency", "dim_date"


def record(run: int, modes: dict[str, Mode], *targets: str) -> RunRecord:
    """Read `run` minutes after noon."""
    batches = {source: Batch(mode=mode, reason="", rows=1, parts=(), catalogue="") for source, mode in modes.items()}
    return RunRecord(
        version=1,
        log="a",
        run=run,
        attempt="0",
        cause="schedule",
        code="test",
        snapshot=Snapshot(taken_at=NOON + timedelta(minutes=run), xmin=1, xmax=1),
        tables={source: TableState(batch=batch) for source, batch in batches.items()},
        targets=targets,
        warehouse=tuple(TARGETS),
    )


def payments(*modes: Mode) -> list[RunRecord]:
    return [record(run, {"payment": mode}, FACT) for run, mode in enumerate(modes, start=1)]


def view(
    records: list[RunRecord], there: set[Place], taken: set[Place] | None = None, minutes: int = 3, **unloadable: str
) -> LoaderView:
    """At so many minutes after noon, with ten minutes' patience."""
    bad: dict[Place, str] = {(int(run.removeprefix("run_")), FACT): why for run, why in unloadable.items()}
    now = NOON + timedelta(minutes=minutes)
    return LoaderView(records, there, taken or set(), now, timedelta(minutes=10), bad)


def runs(*numbers: int, table: str = FACT) -> set[Place]:
    return {(number, table) for number in numbers}


@pytest.mark.parametrize(
    ("there", "taken", "step"),
    [
        (runs(), runs(), Wait(1)),
        (runs(1, 2), runs(), Apply(1)),
        (runs(1, 2), runs(1), Apply(2)),
        (runs(2), runs(), Wait(1)),
        (runs(1, 2, 3), runs(1, 2, 3), None),
    ],
)
def test_runs_are_taken_in_order(there: set[Place], taken: set[Place], step: Step) -> None:
    assert next_step(TARGETS[FACT], view(payments("delta", "delta", "delta"), there, taken)) == step


def test_a_set_takes_what_is_there() -> None:
    records = [record(run, {"payment": "delta"}, SET) for run in (1, 2, 3)]
    assert next_step(TARGETS[SET], view(records, runs(2, 3, table=SET))) == Apply(2)
    assert next_step(TARGETS[SET], view(records, set(), runs(2, 3, table=SET))) == Wait(1)


def test_a_full_batch_supersedes_only_what_is_missing() -> None:
    records = payments("delta", "delta", "delta", "full")
    assert next_step(TARGETS[FACT], view(records, runs(2, 4), minutes=60)) == Supersede((1, 3), 4)


def test_a_fact_s_gap_is_given_time() -> None:
    records = payments("delta", "full")
    assert next_step(TARGETS[FACT], view(records, runs(2), minutes=10)) == Wait(1)
    assert next_step(TARGETS[FACT], view(records, runs(2), minutes=11)) == Supersede((1,), 2)


def test_a_manifest_that_cannot_be_loaded_is_a_gap_at_once() -> None:
    records = payments("delta", "full")
    assert next_step(TARGETS[FACT], view(records, runs(1, 2), run_1="damaged")) == Supersede((1,), 2)
    assert next_step(TARGETS[FACT], view(payments("delta"), runs(1), run_1="damaged")) == Wait(1)


def test_a_dimension_made_afresh_for_its_second_source_is_whole() -> None:
    records = [record(1, {"staff": "full"}, "dim_staff"), record(2, {"department": "full"}, "dim_staff")]
    assert next_step(TARGETS["dim_staff"], view(records, runs(2, table="dim_staff"))) == Supersede((1,), 2)


def test_a_dimension_of_a_transactional_table_is_whole_only_when_full() -> None:
    records = [record(run, {"transaction": "delta"}, "dim_transaction") for run in (1, 2)]
    assert next_step(TARGETS["dim_transaction"], view(records, runs(2, table="dim_transaction"))) == Wait(1)


def test_a_dimension_is_awaited_up_to_the_fact_s_run_and_not_for_ever() -> None:
    records = [record(1, {}, FACT), record(2, {}, DIMENSION, FACT)]
    assert not is_awaited(DIMENSION, 1, view(records, set()))
    assert is_awaited(DIMENSION, 2, view(records, set()))
    assert not is_awaited(DIMENSION, 2, view(records, set(), runs(2, table=DIMENSION)))
    assert not is_awaited(DIMENSION, 2, view(records, set(), minutes=12))


def test_a_run_is_complete_when_every_table_has_it_and_all_before() -> None:
    records = [record(1, {}, FACT, SET), record(2, {}, FACT), record(3, {}), record(4, {}, SET, "not_ours_yet")]
    targets = dict(TARGETS)

    def complete(taken: set[Place], *warehouse: str) -> int:
        return complete_run(0, targets, replace(view(records, set(), taken), warehouse=warehouse))

    assert complete(runs(1, 2)) == 0
    assert complete(runs(1) | runs(1, table=SET)) == 1
    assert complete(runs(1, 2) | runs(1, table=SET)) == 3
    everything = runs(1, 2) | runs(1, 4, table=SET)
    assert complete(everything) == complete(everything, *TARGETS) == 4
    assert complete(everything, *TARGETS, "not_ours_yet") == 3


@pytest.mark.parametrize(("minutes", "step"), [(11, Wait(1)), (12, Supersede((1, 2), 3))])
def test_a_fact_s_gap_is_given_time_until_the_youngest_of_it_is_overdue(minutes: int, step: Step) -> None:
    """Of two missing runs the first is overdue a minute before the second, which may still come."""
    records = payments("delta", "delta", "full")
    assert next_step(TARGETS[FACT], view(records, runs(3), minutes=minutes)) == step


def test_one_that_is_hopeless_and_one_that_may_still_come_are_waited_for() -> None:
    records = payments("delta", "delta", "full")
    found = view(records, runs(1, 3), minutes=11, run_1="damaged")
    assert next_step(TARGETS[FACT], found) == Wait(1)
    assert next_step(TARGETS[FACT], replace(found, now=NOON + timedelta(minutes=12))) == Supersede((1, 2), 3)


def test_a_full_batch_that_is_not_there_closes_no_gap() -> None:
    records = payments("delta", "full", "full")
    assert next_step(TARGETS[FACT], view(records, runs(3), minutes=60)) == Supersede((1, 2), 3)
    assert next_step(TARGETS[FACT], view(records, runs(), minutes=60)) == Wait(1)


def test_a_full_batch_supersedes_nothing_that_came_after_it() -> None:
    records = payments("delta", "full", "delta", "delta")
    assert next_step(TARGETS[FACT], view(records, runs(2, 4), minutes=60)) == Supersede((1,), 2)


def test_a_dimension_s_gap_is_given_no_time() -> None:
    records = [record(run, {"currency": "full"}, DIMENSION) for run in (1, 2)]
    assert next_step(TARGETS[DIMENSION], view(records, runs(2, table=DIMENSION))) == Supersede((1,), 2)


def changed_at(record: RunRecord, **newest: int) -> RunRecord:
    """The source tables' newest changes, in minutes after noon."""
    states = {
        source: msgspec.structs.replace(
            state, batch=msgspec.structs.replace(state.batch, newest_change_at=NOON + timedelta(minutes=newest[source]))
        )
        if state.batch and source in newest
        else state
        for source, state in record.tables.items()
    }
    return msgspec.structs.replace(record, tables=states)


def test_the_newest_change_is_that_of_all_the_sources_of_a_table() -> None:
    read = record(1, {"staff": "full", "department": "full", "payment": "delta"}, "dim_staff")
    staff = TARGETS["dim_staff"]
    assert newest_change(read, staff) is None
    assert newest_change(changed_at(read, staff=5), staff) == NOON + timedelta(minutes=5)
    assert newest_change(changed_at(read, staff=5, department=3), staff) == NOON + timedelta(minutes=5)
    assert newest_change(changed_at(read, staff=2, department=3, payment=9), staff) == NOON + timedelta(minutes=3)
