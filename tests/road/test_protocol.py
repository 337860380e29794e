"""Killed, repeated, delayed or reordered: the answer is the same."""

import random
from dataclasses import replace

import boto3
import pytest

from conftest import made_bucket
from local.ticker import KINDS
from shared.aws.bucket import S3Bucket
from shared.lake import keys
from shared.lake.documents import ChangeMessage
from tests.conftest import Ticks
from tests.road.road import Road, fingerprint
from tests.soak import also_in_soak


def everything(bucket: S3Bucket) -> dict[str, bytes]:
    return {key: bucket.get(key) for key in bucket.list("")}


def delete(bucket: S3Bucket, *names: str) -> None:
    for name in names:
        boto3.client("s3").delete_object(Bucket=bucket.name, Key=name)


def test_the_same_run_makes_the_same_bytes(road: Road, tick: Ticks) -> None:
    road.extract()
    tick(*KINDS)
    road.extract()
    messages = list(road.topic.messages)
    road.deliver()
    first = everything(road.processed)
    assert any(key.startswith(keys.MANIFESTS) for key in first)
    delete(road.processed, *first)
    road.topic.messages = messages
    road.deliver()
    assert everything(road.processed) == first


def test_a_published_marker_that_was_deleted_changes_nothing(road: Road, tick: Ticks) -> None:
    road.travel()
    tick("sale", "payment")
    road.travel()
    before, objects = fingerprint(road), everything(road.processed)
    delete(road.ingestion, keys.published_key(1), keys.published_key(2))
    outcome = road.extract()
    assert (outcome.published, outcome.run) == (2, None)
    road.deliver()
    assert road.load().loaded == 0
    assert (fingerprint(road), everything(road.processed)) == (before, objects)


@pytest.mark.parametrize("seed", also_in_soak([0], range(1, 8)))
def test_messages_twice_late_and_in_any_order_load_once(road: Road, tick: Ticks, seed: int) -> None:
    dice = random.Random(seed)

    def shaken(messages: list[ChangeMessage]) -> list[ChangeMessage]:
        """Some twice, some later, none in order."""
        twice = messages + dice.sample(messages, k=len(messages) // 3)
        dice.shuffle(twice)
        late = dice.randrange(len(twice) // 2 + 1)
        held.extend(twice[:late])
        return twice[late:]

    held: list[ChangeMessage] = []
    for _ in range(4):
        road.extract()
        road.deliver(shaken)
        road.load()
        tick(*dice.sample(sorted(KINDS), k=3))
    road.extract()
    road.topic.messages += held + held
    road.deliver()
    road.load()
    road.load()
    assert road.differences() == {}
    assert rows_in_ledger(road) == expected_places(road)


def rows_in_ledger(road: Road) -> set[tuple[int, str]]:
    """Loaded, or superseded by a later full batch that came first."""
    rows = road.there.run("SELECT run, table_name FROM etl_ledger WHERE load_no = 0") or []
    assert len(rows) == len({tuple(row) for row in rows})
    return {(run, table) for run, table in rows}


def expected_places(road: Road) -> set[tuple[int, str]]:
    return {(record.run, table) for record in road.run_log.since(0) for table in record.targets}


def test_any_order_of_arrival_gives_the_same_history(road: Road, tick: Ticks) -> None:
    """All runs at once and backwards give what each run by itself has given."""
    for _ in range(3):
        road.extract()
        tick(*KINDS)
    road.extract()
    messages = list(road.topic.messages)
    road.deliver()
    road.load()
    straight = fingerprint(road)
    empty_the_warehouse(road)
    delete(road.processed, *everything(road.processed))
    road.topic.messages = messages
    road.deliver(lambda all_of_them: all_of_them[::-1])
    road.load()
    assert fingerprint(road) == straight


def empty_the_warehouse(road: Road) -> None:
    road.there.run("DROP SCHEMA project_team_1 CASCADE; CREATE SCHEMA project_team_1")
    road.migrate()


def test_an_emptied_warehouse_is_filled_again_with_its_history(road: Road, tick: Ticks) -> None:
    road.travel()
    for _ in range(3):
        tick(*KINDS)
        road.travel()
    before = fingerprint(road)
    empty_the_warehouse(road)
    road.load()
    assert fingerprint(road) == before
    assert road.differences() == {}


def test_a_new_log_on_a_living_warehouse_adds_only_what_changed(road: Road, tick: Ticks) -> None:
    """The account died: buckets are gone, source and warehouse live on."""
    road.travel()
    records = count_of(road, "fact_payment")
    tick("payment", "delete", "department")
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 1")
    new = replace(road, ingestion=made_bucket("new-ingestion"), processed=made_bucket("new-processed"), log_name="b")
    new.travel()
    assert new.differences() == {}
    changed = count_of(new, "fact_payment") - records
    assert 1 <= changed <= 40  # of 120 payments; one tick pays those of a day
    tick("sale")
    new.travel()
    assert new.differences() == {}


def test_the_older_of_two_logs_is_refused(road: Road) -> None:
    road.travel()
    new = replace(road, ingestion=made_bucket("new-ingestion"), processed=made_bucket("new-processed"), log_name="b")
    new.travel()
    road.source.run("UPDATE payment SET paid = NOT paid")
    road.extract()
    road.deliver()
    with pytest.raises(Exception, match="log"):
        road.load()


def count_of(road: Road, table: str) -> int:
    return int((road.there.run(f"SELECT count(*) FROM {table}") or [[0]])[0][0])
