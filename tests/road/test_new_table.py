"""CONTRIBUTING.md's dim_country on the road: it comes, it lives, it is taken away and comes back."""

from datetime import UTC, timedelta

import pytest

from shared.source.request import ExtractRequest
from shared.status.status import TableStatus, status
from shared.warehouse.registry import TARGETS
from shared.watch.asking import Asked, RepublishDependencies, ask_again
from shared.watch.lake import WatchMemory, read_lake
from shared.watch.measures import Depths
from tests import recipe
from tests.road.road import Road, shown

COUNTRY = recipe.target("dim_country", "dim_recipe")
ORACLE = recipe.block("tests/oracle/dim_country.sql")

CHANGES = (
    "UPDATE address SET country = 'Elbonia' WHERE address_id IN (3, 4)",
    "UPDATE address SET country = '' WHERE address_id = 5",
    "UPDATE address SET country = E'\\t''\"🧵' WHERE address_id = 5",
    "INSERT INTO address SELECT 99, address_line_1, NULL, NULL, city, postal_code, 'Chad', phone, now(), now()"
    " FROM address WHERE address_id = 1",
    "DELETE FROM address WHERE address_id = 99",
)


def take(road: Road) -> None:
    """What a deploy with the module does."""
    road.targets = {**TARGETS, COUNTRY.name: COUNTRY}
    road.migrate()


def take_away(road: Road) -> None:
    road.targets = TARGETS
    road.migrate()


def there(road: Road) -> list[list[object]]:
    return sorted(road.there.run(f"SELECT country, addresses FROM {shown(COUNTRY)}") or [])


def is_right(road: Road) -> bool:
    return there(road) == sorted(road.source.run(ORACLE) or [])


def move(road: Road, address: int, to: str) -> None:
    road.source.run("UPDATE address SET country = :to WHERE address_id = :address", to=to, address=address)


def transform_others(road: Road, run: int) -> None:
    """What else is made of addresses."""
    for target in TARGETS.values():
        if "address" in target.sources:
            road.transform(run, target)


def status_of(road: Road) -> dict[str, TableStatus]:
    newest = road.run_log.newest()
    assert newest
    found = status(road.run_log, road.look, road.targets, dict, lambda: newest.snapshot.taken_at)
    return {each.table: each for each in found.tables}


def look(road: Road) -> Asked:
    """The watch's, an hour after the last run."""
    newest = road.run_log.newest()
    assert newest
    then = newest.snapshot.taken_at.replace(tzinfo=UTC) + timedelta(hours=1)
    outside = RepublishDependencies(
        road.run_log, road.manifests, road.topic, lambda _: Depths(), road.targets, timedelta(minutes=10)
    )
    memory = WatchMemory()
    return ask_again(outside, read_lake(road.run_log, memory, lambda: then), memory)


@pytest.fixture
def new(road: Road) -> Road:
    """A road that has long been travelled, and the new table's first run."""
    move(road, 1, "Chad")
    move(road, 2, "Chad")
    road.travel()
    take(road)
    road.travel()
    return road


def test_it_has_its_past(new: Road) -> None:
    assert is_right(new)
    assert ["Chad", 2] in there(new)
    assert new.differences() == {}


def test_it_changes_with_its_source(new: Road) -> None:
    for change in CHANGES:
        new.source.run(change)
        new.travel()
        assert is_right(new), change


def test_a_value_that_is_gone_is_noted_and_its_row_stays_until_it_is_back(new: Road) -> None:
    new.source.run("UPDATE address SET country = 'Mali' WHERE country = 'Chad'")
    new.travel()
    assert new.there.run("SELECT addresses FROM dim_recipe WHERE country = 'Chad'") == [[2]]
    assert new.there.run("SELECT key FROM etl_text_deletion WHERE ended_at IS NULL AND table_name = 'dim_recipe'") == [
        ["Chad"]
    ]
    move(new, 1, "Chad")
    new.travel()
    assert ["Chad", 1] in there(new) and is_right(new)


def test_what_it_should_have_is_counted(new: Road) -> None:
    new.source.run("UPDATE address SET country = 'Mali' WHERE country = 'Chad'")
    new.extract(ExtractRequest(cause="count", count=True))
    new.deliver()
    new.load()
    found = status_of(new)[COUNTRY.name]
    assert found.expected == found.there == len(there(new))
    new.extract(ExtractRequest(cause="resync", full={"design": "test"}))
    assert status_of(new)[COUNTRY.name].expected == len(there(new))


def test_before_its_first_run_it_is_empty_and_unknown(road: Road) -> None:
    road.travel()
    take(road)
    found = status_of(road)[COUNTRY.name]
    assert (found.there, found.last_run, found.expected) == (0, None, None)


def test_taken_away_nobody_waits_for_it(new: Road) -> None:
    """Its last run was never transformed."""
    move(new, 3, "Chad")
    new.extract()
    new.topic.messages = [message for message in new.topic.messages if message.table != "address"]
    take_away(new)
    assert new.load().complete_run == 2
    new.extract()
    transform_others(new, 3)
    assert look(new).missing == ()
    loaded = new.load()
    assert (loaded.complete_run, loaded.waiting, loaded.refused) == (4, {}, {})
    assert COUNTRY.name not in status_of(new)


def test_that_it_was_taken_away_is_in_the_log_though_nothing_changed(new: Road) -> None:
    take_away(new)
    assert new.extract().run == 3
    record = new.run_log.get(3)
    assert (COUNTRY.name in record.warehouse, record.changed) == (False, ())
    assert new.extract().run is None


@pytest.mark.parametrize("runs_between", [0, 2])
def test_back_again_it_is_right_again(new: Road, runs_between: int) -> None:
    move(new, 3, "Chad")
    new.extract()
    new.topic.messages.clear()
    transform_others(new, 3)
    take_away(new)
    new.travel()
    for _ in range(runs_between):
        new.source.run("UPDATE address SET country = 'Peru' WHERE address_id = (SELECT max(address_id) FROM address)")
        new.travel()
    take(new)
    new.travel()
    assert is_right(new)
    newest = new.run_log.newest_number()
    assert (look(new).missing, look(new).complete_run) == ((), newest)
    loaded = new.load()
    assert (loaded.complete_run, loaded.waiting) == (newest, {})
    assert new.differences() == {}
