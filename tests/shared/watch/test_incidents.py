"""Each thing that goes wrong is an incident, one for each cause, and goes with it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lake.documents import Hold, RunRecord, Snapshot, TableState
from shared.load.damage import Damage, Numbers
from shared.load.health import LoadHealth, Missing, TableHealth
from shared.source.health import ExtractHealth, Postponed
from shared.warehouse.registry import TARGETS
from shared.watch.incidents import incidents, undecidable
from shared.watch.observation import Depths, Observation, metrics
from shared.wording.incidents import KINDS

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
OBJECTIVE = timedelta(seconds=300)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def plain(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def record(
    run: int, seconds: float, targets: tuple[str, ...] = (), holds: Mapping[str, str] | None = None
) -> RunRecord:
    """A run that many seconds ago."""
    return RunRecord(
        version=1,
        log="a",
        run=run,
        attempt="x",
        cause="schedule",
        code="test",
        snapshot=Snapshot(taken_at=plain(ago(seconds)), xmin=1, xmax=1),
        tables={name: TableState(hold=Hold(since_run=run, reason=reason)) for name, reason in (holds or {}).items()},
        targets=targets,
        warehouse=tuple(TARGETS),
    )


def extract_health(seconds: float, **postponed: int) -> ExtractHealth:
    """`postponed`: in how many looks each table was not read."""
    return ExtractHealth(
        at=ago(seconds),
        snapshot_at=plain(ago(seconds)),
        run=1,
        changed=(),
        held={},
        postponed={name: Postponed(ago(60 * looks), looks, "it is locked") for name, looks in postponed.items()},
    )


def load_health(seconds: float = 20, *, log: str = "a", **more: Any) -> LoadHealth:
    tables = {table: TableHealth(last_run=1, snapshot_at=plain(ago(3600))) for table in TARGETS}
    tables |= more.pop("tables", {})
    facts: dict[str, Any] = {"waiting": {}, "refused": {}} | more
    return LoadHealth(at=ago(seconds), log=log, newest_run=1, complete_run=1, loaded=0, tables=tables, **facts)


# Nothing has happened for an hour, and all is well.
WELL = Observation(
    now=NOW,
    grace_started_at=ago(7200),
    objective=OBJECTIVE,
    targets=TARGETS,
    extract=extract_health(30),
    load=load_health(),
    newest=record(1, 3600, tuple(TARGETS)),
)


def of(seen: Observation) -> set[tuple[str, str]]:
    found = [(each.kind, each.subject) for each in incidents(seen)]
    assert len(set(found)) == len(found)
    return set(found)


def table(**facts: Any) -> LoadHealth:
    """All is well but for fact_payment."""
    return load_health(tables={"fact_payment": TableHealth(last_run=1, snapshot_at=plain(ago(3600)), **facts)})


EMPTIED = Damage(there=Numbers(0, 5, 2), loaded=Numbers(4683, 5, 2))
# Older than the objective when load, twenty seconds ago, ended its last pass.
LATE = (record(2, 321, ("fact_payment",)),)
HELD = record(2, 301, holds={"payment": "paid is a text"})
A_WHILE = {table: plain(ago(100)) for table in TARGETS}
CASES: dict[str, tuple[Observation, set[tuple[str, str]]]] = {
    "a quiet hour": (WELL, set()),
    "dead letters": (
        replace(WELL, queues={"fact_payment": Depths(0, 2)}),
        {("dead letters", "fact_payment")},
    ),
    "dead letters of a table that is late for them": (
        replace(WELL, queues={"fact_payment": Depths(0, 2)}, pending=LATE),
        {("dead letters", "fact_payment")},
    ),
    "dead letters of before that cannot be those of the run that is late": (
        replace(WELL, queues={"fact_payment": Depths(0, 2)}, pending=LATE, dead_since={"fact_payment": ago(4000)}),
        {("dead letters", "fact_payment"), ("table behind", "fact_payment")},
    ),
    "a message that nobody works off": (
        replace(WELL, queues={"fact_payment": Depths(3, 0)}, pending=LATE),
        {("oldest message", "fact_payment")},
    ),
    "dead letters of before, and messages that nobody works off": (
        replace(WELL, queues={"fact_payment": Depths(3, 1)}, pending=LATE),
        {("dead letters", "fact_payment"), ("oldest message", "fact_payment")},
    ),
    "messages in their first minutes": (
        replace(
            WELL,
            queues={"fact_payment": Depths(3, 0)},
            pending=(record(2, 319, ("fact_payment",)),),
        ),
        set(),
    ),
    "a run that is not loaded": (replace(WELL, pending=LATE), {("table behind", "fact_payment")}),
    "a run that the loader knows to be missing, be it older or newer than others": (
        replace(
            WELL,
            queues={"dim_date": Depths(1, 0)},
            load=load_health(
                tables={
                    "fact_payment": TableHealth(9, plain(ago(20)), Missing(3, plain(ago(321)))),
                    "dim_date": TableHealth(2, plain(ago(900)), Missing(3, plain(ago(321)))),
                    "dim_staff": TableHealth(9, plain(ago(20)), Missing(10, plain(ago(319)))),
                }
            ),
        ),
        {("table behind", "fact_payment"), ("oldest message", "dim_date")},
    ),
    "a source table that is held": (
        replace(WELL, newest=HELD, remembered={"fact_payment": plain(ago(100)), "dim_date": plain(ago(100))}),
        {("table held", "payment")},
    ),
    "one that is held for longer than the objective": (
        replace(WELL, newest=HELD, load=table()),
        # dim_date is made of it, too.
        {("table held", "payment"), ("freshness", "fact_payment"), ("freshness", "dim_date")},
    ),
    "a source table that was postponed once": (
        replace(WELL, extract=extract_health(30, staff=1), remembered=A_WHILE),
        set(),
    ),
    "one that is postponed look after look": (
        replace(WELL, extract=extract_health(30, staff=2), remembered=A_WHILE),
        {("table held", "staff")},
    ),
    "one that is held and postponed": (
        replace(WELL, newest=HELD, extract=extract_health(30, payment=9), remembered=A_WHILE),
        {("table held", "payment")},
    ),
    "one that is postponed for longer than the objective": (
        replace(WELL, extract=extract_health(30, staff=9), remembered={"dim_staff": plain(ago(331))}),
        {("table held", "staff"), ("freshness", "dim_staff")},
    ),
    "quarantine": (replace(WELL, load=table(quarantined=4)), {("rows quarantined", "fact_payment")}),
    "rows that wait for too long": (
        replace(WELL, load=table(waiting=1, waiting_since=plain(ago(331)))),
        {("rows waiting", "fact_payment")},
    ),
    "rows that wait as they may": (replace(WELL, load=table(waiting=1, waiting_since=plain(ago(329)))), set()),
    "damage that a reconcile has found": (
        replace(WELL, load=table(differing=1)),
        {("reconcile differences", "fact_payment")},
    ),
    "a table that was emptied by hand": (
        replace(WELL, load=table(damage=EMPTIED)),
        {("table damaged", "fact_payment")},
    ),
    "an extract that died": (replace(WELL, extract=extract_health(301)), {("extract silent", "")}),
    "an extract that died, and a run of before that is not loaded": (
        replace(WELL, extract=extract_health(301), pending=LATE),
        {("extract silent", ""), ("table behind", "fact_payment")},
    ),
    "a run log that cannot be read": (
        replace(WELL, newest=None, unreadable="runs/00000002.json is no run record"),
        {("run refused", "")},
    ),
    "one that the loader cannot read either": (
        replace(WELL, newest=None, unreadable="bad", load=load_health(stopped="BadDocument", reason="bad", tables={})),
        {("run refused", "")},
    ),
    "an extract that never spoke": (replace(WELL, extract=None), {("extract silent", "")}),
    "a loader that died": (replace(WELL, load=load_health(301), pending=LATE), {("load silent", "")}),
    "a loader that never spoke": (replace(WELL, load=None, pending=LATE), {("load silent", "")}),
    "a manifest that is refused": (
        replace(WELL, load=load_health(refused={"fact_payment": "run 2: corrupt"}), pending=LATE),
        {("run refused", "fact_payment")},
    ),
    "a log that is refused": (
        replace(WELL, load=load_health(stopped="Refused", reason="records are missing"), pending=LATE),
        {("run refused", "")},
    ),
    "two logs": (
        replace(WELL, load=load_health(stopped="TwoLogs", reason="a later log was begun"), pending=LATE),
        {("two logs", "")},
    ),
    "a log that load has found to have gone back, and extract so refuses, too": (
        replace(
            WELL, extract=extract_health(301), load=load_health(stopped="LogWentBack", reason="back"), pending=LATE
        ),
        {("run log went back", "")},
    ),
    "a log that ends before what was loaded of it": (
        replace(WELL, load=msgspec.structs.replace(load_health(), complete_run=2)),
        {("run log went back", "")},
    ),
    "a new log, of which nothing is loaded yet": (
        replace(WELL, load=msgspec.structs.replace(load_health(log="former"), complete_run=2)),
        set(),
    ),
    "a table that was never loaded": (
        replace(WELL, load=load_health(tables={"dim_staff": TableHealth()})),
        {("freshness", "dim_staff")},
    ),
    "two things at once": (
        replace(WELL, queues={"dim_staff": Depths(0, 1)}, pending=LATE),
        {("dead letters", "dim_staff"), ("table behind", "fact_payment")},
    ),
    "an account that ends within twelve hours": (
        replace(WELL, account_expires=NOW + timedelta(hours=12)),
        {("account expires", "")},
    ),
    "one that ends later": (replace(WELL, account_expires=NOW + timedelta(hours=12, seconds=1)), set()),
    "one that has ended, by its setting": (replace(WELL, account_expires=ago(1)), {("account expires", "")}),
    "everything is old, but nobody looked until a minute ago": (
        replace(WELL, grace_started_at=ago(60), extract=extract_health(9000), load=load_health(9000), pending=LATE),
        set(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_goes_wrong_is_told_once_and_by_its_cause(name: str) -> None:
    seen, expected = CASES[name]
    assert of(seen) == expected


def test_every_kind_is_told_in_some_case() -> None:
    assert {kind for _, expected in CASES.values() for kind, _ in expected} == {kind.name for kind in KINDS}


def test_what_postpones_a_table_is_told_with_its_reason_and_its_table_is_not_fresh() -> None:
    seen, _ = CASES["one that is postponed look after look"]
    [incident] = incidents(seen)
    assert incident.says == "since 2026-11-25 11:58:00 UTC, in 2 checks: it is locked"
    assert incident.command == "./infra_bash/catalogue.sh staff"
    fresh = {name: at for name, at in seen.all_fresh_as_of().items() if at != plain(ago(30))}
    assert fresh == {"dim_staff": plain(ago(100))}


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        (11.5, "the account ends at 2026-11-25 23:30 UTC, in 11.5 hours; docs/aws.md: the next account"),
        (-1, "ACCOUNT_EXPIRES was 2026-11-25 11:00 UTC; docs/aws.md: the next account"),
    ],
)
def test_an_account_that_ends_is_named_with_its_time(hours: float, says: str) -> None:
    [found] = incidents(replace(WELL, account_expires=NOW + timedelta(hours=hours)))
    assert (found.says, found.command) == (says, "./infra_bash/status.sh")


def test_a_command_names_what_the_script_takes() -> None:
    found = incidents(replace(CASES["quarantine"][0], pending=LATE), " --local")
    assert [each.command for each in found] == [
        "./infra_bash/status.sh fact_payment --local",
        "./infra_bash/resync.sh payment --quarantined --local",
    ]


def test_rows_that_wait_name_the_dimension_and_what_brings_it() -> None:
    since = plain(ago(331))
    [found] = incidents(replace(WELL, load=table(waiting=2, waiting_since=since, waiting_for="dim_staff")))
    assert found.says == f"2 rows, the first since {since:%F %T} UTC; not in dim_staff"
    assert found.command == "./infra_bash/resync.sh staff"
    # Those that the version before set aside name none.
    [found] = incidents(replace(WELL, load=table(waiting=2, waiting_since=since)))
    assert found.command == "./infra_bash/resync.sh payment"


@given(quiet=st.floats(0, 20_000), ages=st.lists(st.floats(0, 20_000), min_size=3, max_size=3))
def test_no_age_is_counted_from_before_there_was_reason_to_look(quiet: float, ages: list[float]) -> None:
    extract, load, run = ages
    seen = replace(
        WELL,
        grace_started_at=ago(quiet),
        extract=extract_health(extract),
        load=load_health(load),
        pending=(record(2, run, ("dim_staff",)),),
    )
    told = {kind for kind, _ in of(seen)}
    assert ("extract silent" in told) == (min(extract, quiet) > 300)
    assert ("load silent" in told) == (min(load, quiet) > 300)
    late = run - load > 300 and quiet > 300 and "load silent" not in told
    assert ("table behind" in told) == late


def test_what_cloudwatch_is_given() -> None:
    seen = replace(
        WELL,
        queues={"fact_payment": Depths(3, 2), "dim_staff": Depths(0, 1)},
        pending=LATE,
        newest=HELD,
        load=table(quarantined=4, waiting=5, waiting_since=plain(ago(1))),
    )
    assert metrics(seen, 7) == {
        "OpenIncidents": 7,
        "FreshnessSeconds": 3600.0,
        "DeadLetters": 3,
        "OldestMessageSeconds": 321.0,
        "TablesBehind": 1,
        "TablesHeld": 1,
        "RowsWaiting": 5,
        "RowsQuarantined": 4,
    }
    assert seen.all_fresh_as_of()["dim_staff"] == plain(ago(30))


def test_a_number_that_nobody_knows_is_not_told() -> None:
    stopped = load_health(stopped="TwoLogs")
    seen = replace(WELL, load=msgspec.structs.replace(stopped, tables={}), pending=LATE)
    assert metrics(seen, 1) == {"OpenIncidents": 1, "DeadLetters": 0, "TablesHeld": 0}
    remembering = replace(seen, remembered={"fact_payment": plain(ago(400))}, unreadable="bad")
    assert metrics(remembering, 1) == {"OpenIncidents": 1, "DeadLetters": 0, "FreshnessSeconds": 400.0}
    assert remembering.all_fresh_as_of() == {"fact_payment": plain(ago(400))}


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        (WELL, set()),
        (replace(WELL, extract=None), {"freshness"}),
        (replace(WELL, load=load_health(301)), {"freshness", "oldest message", "table behind"}),
        (replace(WELL, unreadable="bad"), {"freshness", "oldest message", "table behind", "table held"}),
        (
            replace(WELL, load=load_health(stopped="TwoLogs")),
            {
                *("freshness", "oldest message", "table behind"),
                *("rows quarantined", "rows waiting", "reconcile differences", "table damaged"),
            },
        ),
    ],
)
def test_while_the_road_is_silent_nobody_knows_of_its_tables(seen: Observation, kinds: set[str]) -> None:
    assert undecidable(seen) == kinds


@pytest.mark.parametrize(
    ("table", "there", "says", "command"),
    [
        ("fact_payment", Numbers(0, 5, 2), "0 rows, and 4683 were loaded", "./infra_bash/resync.sh payment --local"),
        (
            "dim_staff",
            Numbers(4684, 4, 1, 3),
            "4684 rows, and 4683 were loaded; 4 entries in etl_ledger, and 5 were loaded; "
            "1 rows in etl_deletion, etl_text_deletion, etl_waiting and etl_quarantine, and 2 were loaded; "
            "3 rows written by another than the loader",
            "./infra_bash/resync.sh staff --local",
        ),
        (
            "dim_date",
            Numbers(1, 5, 2),
            "1 rows, and 4683 were loaded",
            "./infra_bash/resync.sh sales_order purchase_order payment --local",
        ),
        (
            "fact_payment",
            Numbers(None, 5, 2),
            "it does not exist, or the loader may not read it; 4683 rows were loaded",
            "./infra_bash/deploy.sh --local",
        ),
    ],
)
def test_damage_is_told_by_its_numbers_and_with_the_command_that_mends_it(
    table: str, there: Numbers, says: str, command: str
) -> None:
    damaged = TableHealth(last_run=1, snapshot_at=plain(ago(3600)), damage=Damage(there, EMPTIED.loaded))
    [found] = incidents(replace(WELL, load=load_health(tables={table: damaged})), " --local")
    assert (found.kind, found.subject, found.says, found.command) == ("table damaged", table, says, command)
