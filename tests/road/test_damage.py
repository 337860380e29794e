"""What a hand did to the warehouse is told by the next pass, and the command that is told mends it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.ticker import KINDS
from shared.alerts.documents import Incident
from shared.lake import keys
from shared.load.bookkeeping import TABLES
from shared.load.health import LoadHealth
from shared.source.request import ExtractRequest, request_from_event
from shared.status.status import TableStatus, status
from shared.warehouse.registry import TARGETS
from shared.watch.incidents import TABLE_DAMAGED, incidents
from shared.watch.measures import Seen
from tests.conftest import NewRoad, Ticks
from tests.road.road import TOLD, Road
from tests.road.test_reconcile import WHOLE

BOOKKEEPING = [table.name for table in TABLES]


def told(road: Road) -> dict[str, Incident]:
    """As watch tells it after the last pass, by warehouse table."""
    load = msgspec.json.decode(road.ingestion.get(keys.LOAD_HEALTH), type=LoadHealth)
    now = datetime.now(UTC)
    seen = Seen(now=now, quiet_until=now, objective=timedelta(minutes=5), targets=TARGETS, load=load)
    return {each.subject: each for each in incidents(seen) if each.kind == TABLE_DAMAGED.name}


def run_what_is_told(road: Road) -> None:
    """Each incident's own command, and nothing else; a table that is made again is then told anew."""
    for incident in told(road).values():
        script, *words = incident.command.removeprefix("./infra_bash/").split()
        if script == "deploy.sh":
            road.migrate()
        else:
            assert script == "resync.sh"
            road.extract(request_from_event({"do": "resync", "tables": words}))
            road.deliver()
        road.load()
    road.load()


def table(road: Road, name: str) -> TableStatus:
    newest = road.run_log.newest()
    assert newest
    found = status(road.run_log, road.look, TARGETS, dict, lambda: newest.snapshot.taken_at)
    return next(each for each in found.tables if each.table == name)


@pytest.fixture
def loaded(road: Road, tick: Ticks) -> Road:
    road.travel()
    tick("sale", "payment")
    road.travel()
    road.load()
    assert told(road) == {}
    return road


def test_an_emptied_fact_is_told_and_shown_though_another_table_is_behind(loaded: Road, tick: Ticks) -> None:
    was = table(loaded, "fact_payment")
    assert was.expected == was.there and was.resync == ()
    tick("design")
    loaded.extract()
    loaded.there.run("TRUNCATE fact_payment")
    shown = table(loaded, "fact_payment")
    assert (shown.expected, shown.there, shown.resync) == (was.expected, 0, ("payment",))
    assert table(loaded, "dim_design").behind == 1
    loaded.load()
    assert set(told(loaded)) == {"fact_payment"}
    run_what_is_told(loaded)
    assert told(loaded) == {}
    assert replace(table(loaded, "fact_payment"), last_run=was.last_run) == was


@pytest.mark.parametrize(
    "name",
    [
        "dim_staff",
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("fact_sales_order", "dim_date", "dim_transaction")),
    ],
)
def test_the_command_that_is_told_brings_an_emptied_table_again(loaded: Road, name: str) -> None:
    """With a dimension go the facts that name it."""
    loaded.there.run(f"TRUNCATE {name} RESTART IDENTITY CASCADE")
    loaded.load()
    assert name in told(loaded)
    run_what_is_told(loaded)
    assert told(loaded) == {}
    assert loaded.differences() == {}


def test_a_dropped_table_is_told_with_the_deploy_that_makes_it_and_then_with_what_fills_it(loaded: Road) -> None:
    loaded.there.run("DROP TABLE fact_payment CASCADE")
    loaded.load()
    assert told(loaded)["fact_payment"].command == "./infra_bash/deploy.sh"
    run_what_is_told(loaded)
    assert told(loaded)["fact_payment"].command == "./infra_bash/resync.sh payment"
    run_what_is_told(loaded)
    assert told(loaded) == {}
    assert loaded.differences() == {}


# ---- a copy put back


def keep(road: Road) -> None:
    road.there.run("CREATE SCHEMA kept")
    for name in (*TARGETS, *BOOKKEEPING):
        road.there.run(f"CREATE TABLE kept.{name} AS SELECT * FROM {name}")


def put_back(road: Road, names: Iterable[str]) -> None:
    names = list(names)
    road.there.run("BEGIN")
    # The foreign keys are those of whoever dumps and restores: checked by nobody meanwhile.
    for target in TARGETS:
        road.there.run(f"ALTER TABLE {target} DISABLE TRIGGER USER")
    road.there.run(f"TRUNCATE {', '.join(names)}")
    for name in names:
        road.there.run(f"INSERT INTO {name} SELECT * FROM kept.{name}")
    road.there.run("COMMIT")


@pytest.fixture
def gone_on(loaded: Road, tick: Ticks) -> Road:
    """A copy is kept, and trade goes on."""
    keep(loaded)
    for _ in range(2):
        tick("sale", "payment", "design", "department")
        loaded.travel()
    loaded.load()
    assert told(loaded) == {}
    return loaded


def test_a_whole_warehouse_that_is_put_back_comes_right_by_itself(gone_on: Road) -> None:
    put_back(gone_on, [*TARGETS, *BOOKKEEPING])
    gone_on.load()
    gone_on.load()
    assert told(gone_on) == {}
    assert gone_on.differences() == {}


@pytest.mark.parametrize("names", [[*TARGETS], BOOKKEEPING], ids=["without the bookkeeping", "the bookkeeping alone"])
def test_a_part_of_a_warehouse_that_is_put_back_is_told_and_can_be_mended(gone_on: Road, names: list[str]) -> None:
    put_back(gone_on, names)
    gone_on.load()
    assert "fact_sales_order" in told(gone_on)
    run_what_is_told(gone_on)
    assert told(gone_on) == {}
    assert gone_on.differences() == {}


# ---- nobody's hand


STEPS = st.lists(
    st.sampled_from(["extract", "deliver", "load", "count", "resync", "reconcile", *sorted(KINDS)]),
    min_size=8,
    max_size=20,
)


@settings(TOLD, max_examples=2)
@given(steps=STEPS)
def test_whatever_is_traded_and_asked_for_is_never_told_as_damage(new_road: NewRoad, steps: list[str]) -> None:
    requests = {
        "extract": ExtractRequest(),
        "count": ExtractRequest(cause="count", count=True),
        "resync": ExtractRequest(full={"payment": "asked for"}),
        "reconcile": WHOLE,
    }
    with new_road() as road:
        tick = Ticks(road)
        for step in ["extract", "deliver", "load", *steps, "extract", "deliver", "load", "load"]:
            if step in requests:
                road.extract(requests[step])
            elif step == "deliver":
                road.deliver()
            elif step == "load":
                road.load()
                assert told(road) == {}
            else:
                tick(step)
        assert road.differences() == {}
