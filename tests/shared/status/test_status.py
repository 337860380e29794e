"""Where each warehouse table stands, as an operator sees it."""

import re
from datetime import UTC, datetime, timedelta
from threading import Barrier

import boto3
import msgspec
import pytest

from shared.aws.bucket import S3Bucket
from shared.lake import keys
from shared.lake.run_log import READERS, RunLog
from shared.postgres.connection import connect
from shared.source.request import ExtractRequest
from shared.status.pending import READ_AT_AN_END, look_at_pending
from shared.status.status import Status, TableStatus, status
from shared.warehouse.registry import TARGETS
from shared.watch.measures import Depths
from shared.watch.watch import WatchHealth
from tests.conftest import Ticks
from tests.road.road import Road


def status_of(road: Road, later_s: float = 0) -> Status:
    newest = road.run_log.newest()
    then = (newest.snapshot.taken_at if newest else datetime(2026, 1, 1)) + timedelta(seconds=later_s)
    return status(road.run_log, road.look, TARGETS, dict, lambda: then)


def table(found: Status, name: str) -> TableStatus:
    return next(each for each in found.tables if each.table == name)


def test_before_the_first_run_nothing_is_known(road: Road) -> None:
    found = status_of(road)
    assert (found.newest_run, found.loaded_run) == (0, 0)
    assert table(found, "dim_staff").freshness_s is None


def test_after_a_counted_run_expected_is_there(road: Road) -> None:
    road.extract(ExtractRequest(cause="count", count=True))
    road.deliver()
    road.load()
    found = status_of(road)
    assert found.comparable
    assert {each.table: each.expected for each in found.tables} == {each.table: each.there for each in found.tables}
    assert all(each.expected is not None for each in found.tables)


def test_of_a_source_table_that_the_newest_record_does_not_know_the_last_loaded_run_s_number_is_shown(
    road: Road,
) -> None:
    """The version before made one more run."""
    road.travel()
    newest = road.run_log.get(1)
    tables = {name: state for name, state in newest.tables.items() if name != "design"}
    assert road.run_log.commit(msgspec.structs.replace(newest, run=2, tables=tables, targets=()))
    design = table(status_of(road), "dim_design")
    assert design.expected == design.there is not None
    assert table(status_of(road), "dim_staff").expected == 20


def test_a_missing_and_a_deleted_row_show(road: Road) -> None:
    road.travel()
    road.source.run("DELETE FROM payment WHERE payment_id = 5")
    road.travel()
    assert table(status_of(road), "fact_payment").there == table(status_of(road), "fact_payment").expected == 119
    road.there.run("DELETE FROM fact_payment WHERE payment_id = 6")
    assert table(status_of(road), "fact_payment").there == 118


def test_a_deleted_dimension_row_stays_and_is_not_counted(road: Road) -> None:
    road.source.run("INSERT INTO currency VALUES (4, 'JPY', now(), now())")
    road.travel()
    road.source.run("DELETE FROM currency WHERE currency_id = 4")
    road.travel()
    assert road.there.run("SELECT count(*) FROM dim_currency") == [[4]]
    assert table(status_of(road), "dim_currency").there == table(status_of(road), "dim_currency").expected == 3


def test_a_table_that_is_behind_ages_and_the_others_do_not(road: Road, tick: Ticks) -> None:
    road.travel()
    tick("payment", "design")
    road.extract()
    found = status_of(road, later_s=100)
    assert not found.comparable
    assert table(found, "fact_payment").behind == 1
    assert table(found, "dim_staff").behind == 0
    assert table(found, "dim_staff").freshness_s == 100.0
    behind = table(found, "fact_payment").freshness_s
    assert behind is not None and behind > 100.0


def test_each_table_s_rows_are_expected_as_of_the_run_that_it_shows(road: Road, tick: Ticks) -> None:
    """While some are behind, and some are further than the newest record that was read."""
    road.travel()
    before = {each.table: each.expected for each in status_of(road).tables}
    assert None not in before.values()
    road.source.run("INSERT INTO currency VALUES (4, 'JPY', now(), now())")
    tick("sale")
    road.extract()
    behind = status_of(road)
    assert {each.table: each.expected for each in behind.tables} == before
    assert not behind.comparable and behind.not_well == ["watch has never looked"]
    road.deliver()
    road.load()
    after = status_of(road)
    assert table(after, "dim_currency").expected == (before["dim_currency"] or 0) + 1
    assert {each.table: each.expected for each in after.tables} == {each.table: each.there for each in after.tables}


@pytest.mark.parametrize("is_behind", [False, True])
@pytest.mark.parametrize(
    ("name", "statement", "resync"),
    [
        ("fact_payment", "TRUNCATE fact_payment", ("payment",)),
        ("fact_payment", "DELETE FROM fact_payment WHERE payment_id = 3", ("payment",)),
        ("dim_date", "TRUNCATE dim_date", ("sales_order", "purchase_order", "payment")),
        ("dim_design", "INSERT INTO dim_design SELECT 999, '', '', '' FROM dim_design LIMIT 1", ("design",)),
    ],
)
def test_rows_that_are_missing_or_too_many_are_said_with_what_to_read_again(
    road: Road, tick: Ticks, name: str, statement: str, resync: tuple[str, ...], is_behind: bool
) -> None:
    road.extract()
    road.deliver()
    road.load()
    road.there.run(statement)
    if is_behind:
        tick("department")
        road.extract()
    found = status_of(road)
    its = table(found, name)
    assert its.resync == resync
    assert f"{name}: {its.there} rows of {its.expected}" in found.not_well
    assert [each.table for each in found.tables if each.resync] == [name]


def test_a_row_in_quarantine_is_not_said_to_be_missing(road: Road) -> None:
    road.source.run("UPDATE payment SET payment_date = '2024-02-30' WHERE payment_id = 3")
    road.travel()
    payment = table(status_of(road), "fact_payment")
    assert (payment.expected, payment.there, payment.quarantined, payment.resync) == (120, 119, 1, ())


def test_a_quiet_table_stays_fresh(road: Road) -> None:
    """A look that found nothing newer is as good as a load."""
    road.travel()
    first = status_of(road, later_s=500)
    road.extract()
    second = status_of(road, later_s=500)
    assert table(first, "dim_staff").freshness_s == 500.0
    assert (table(second, "dim_staff").freshness_s or 0.0) < 500.0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"port": 1}, r"127.0.0.1:1/.*\(ConnectionRefusedError: nobody listens"),
        ({"password": "pa55"}, "totestream_load was refused .*28P01"),
    ],
)
def test_what_the_lake_knows_is_told_when_the_warehouse_does_not_answer(
    road: Road, wrong: dict[str, object], why: str
) -> None:
    road.travel()
    newest = road.run_log.get(1)
    then = newest.snapshot.taken_at
    watched = WatchHealth(
        at=then.replace(tzinfo=UTC), quiet_until=then.replace(tzinfo=UTC), fresh_as_of={"dim_staff": then}
    )
    road.ingestion.put(keys.WATCH_HEALTH, msgspec.json.encode(watched))
    login = msgspec.structs.replace(road.warehouse.login(), **wrong)
    ask = lambda: connect("warehouse", login, ca="", plaintext=True, timeout_s=60)  # noqa: E731 - when it is asked
    depths = {"dim_staff": Depths(messages=2, dead_letters=1)}
    later = then + timedelta(seconds=60)
    found = status(road.run_log, ask, TARGETS, lambda: depths, lambda: later)
    assert (found.newest_run, found.loaded_run, found.comparable, found.watched_s) == (1, None, False, 60.0)
    silence, dead = found.not_well
    assert re.fullmatch(rf"warehouse: connecting to .*{why}.*", silence) and "pa55" not in silence
    assert dead == "dead letters dim_staff"
    staff = table(found, "dim_staff")
    assert (staff.expected, staff.messages, staff.dead_letters, staff.freshness_s) == (20, 2, 1, 60.0)
    assert [staff.last_run, staff.there, staff.behind, staff.waiting, staff.quarantined] == [None] * 5
    assert table(found, "dim_design").freshness_s is None


class Counting(S3Bucket):
    """A bucket that knows which records were read, and how many at the most at once."""

    def __init__(self, name: str, together: int) -> None:
        super().__init__(name)
        self.read: list[str] = []
        self._all_there = Barrier(together)

    def get(self, key: str) -> bytes:
        self.read.append(key)
        # Whoever reads one by one waits here for others in vain.
        self._all_there.wait(timeout=10)
        return super().get(key)


def test_of_a_day_of_pending_runs_both_ends_are_read_many_at_once(road: Road, ingestion: S3Bucket) -> None:
    """However long the trouble lasts, it takes no longer to look."""
    road.travel()
    first, last = road.run_log.get(1), READ_AT_AN_END * 2 + 20
    runs = range(2, last + 1)
    for run in runs:
        road.run_log.commit(msgspec.structs.replace(first, run=run, targets=("dim_design",)))
    counting = Counting(ingestion.name, READERS)
    pending = look_at_pending(RunLog(counting), 1, road.run_log.get(last))
    read = [*runs[:READ_AT_AN_END], *runs[-READ_AT_AN_END:]]
    assert [each.run for each in pending.records] == read
    assert sorted(counting.read) == [keys.run_key(run) for run in read]
    assert pending.unread == 19 == status_of(road).unread_runs
    assert table(status_of(road), "dim_design").behind == READ_AT_AN_END * 2


def test_nothing_is_fresh_for_runs_that_were_not_looked_at(road: Road) -> None:
    """Between the two ends may be a change of any table."""
    road.travel()
    road.extract()
    first = road.run_log.get(1)
    for run in range(2, READ_AT_AN_END * 2 + 3):
        road.run_log.commit(msgspec.structs.replace(first, run=run, targets=("dim_design",)))
    assert status_of(road).unread_runs == 1
    assert table(status_of(road, later_s=500), "dim_staff").freshness_s == 500.0


@pytest.mark.parametrize("pending", [0, 1, READ_AT_AN_END, READ_AT_AN_END * 2])
def test_what_two_ends_cover_is_read_whole(road: Road, pending: int) -> None:
    road.travel()
    first = road.run_log.get(1)
    for run in range(2, pending + 2):
        road.run_log.commit(msgspec.structs.replace(first, run=run))
    found = look_at_pending(road.run_log, 1, road.run_log.get(pending + 1))
    assert ([each.run for each in found.records], found.unread) == ([*range(2, pending + 2)], 0)


def test_a_record_that_was_lost_is_no_reason_to_show_nothing(road: Road, tick: Ticks, ingestion: S3Bucket) -> None:
    road.travel()
    for kind in ("payment", "design"):
        tick(kind)
        road.extract()
    boto3.client("s3").delete_object(Bucket=ingestion.name, Key=keys.run_key(2))
    found = status_of(road)
    assert (found.newest_run, table(found, "dim_design").behind) == (3, 1)
