"""Buckets that are put back to an earlier state, and records that are deleted, while the warehouse stays as it is."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws.bucket import S3Bucket
from shared.errors import LogWentBack
from shared.lake import keys
from shared.lake.documents import NEW_LOG
from shared.source.request import ExtractRequest
from shared.status.runs import used_numbers
from tests.conftest import NewRoad, Ticks
from tests.road.road import TOLD, Road, fingerprint

Objects = Mapping[str, bytes]
Loss = Literal["records", "records and markers", "all but processed", "all", "processed", "health"]
REFUSED: tuple[Loss, ...] = ("records", "records and markers", "all but processed", "all")


class Kept(NamedTuple):
    """Both buckets as they were."""

    ingestion: Objects
    processed: Objects


def everything(bucket: S3Bucket) -> dict[str, bytes]:
    return {key: bucket.get(key) for key in bucket.list("")}


def kept(road: Road) -> Kept:
    return Kept(everything(road.ingestion), everything(road.processed))


def put_back(bucket: S3Bucket, objects: Objects, *folders: str) -> None:
    """The objects of these folders, or all, as they were."""
    for key, body in everything(bucket).items():
        if key.startswith(folders or "") and objects.get(key) != body:
            boto3.client("s3").delete_object(Bucket=bucket.name, Key=key)
    for key, body in objects.items():
        if key.startswith(folders or ""):
            bucket.put(key, body)


def lose(road: Road, before: Kept, loss: Loss) -> None:
    match loss:
        case "records":
            put_back(road.ingestion, before.ingestion, keys.RUNS)
        case "records and markers":
            put_back(road.ingestion, before.ingestion, keys.RUNS, keys.PUBLISHED)
        case "health":
            put_back(road.ingestion, before.ingestion, "health/")
        case "all but processed" | "all":
            put_back(road.ingestion, before.ingestion)
    if loss in ("processed", "all"):
        put_back(road.processed, before.processed)


def tried(step: Callable[[], object]) -> bool:
    """Whether it was refused because the log went back."""
    try:
        step()
    except LogWentBack as error:
        assert "infra_bash/new_log.sh" in str(error)
        return True
    return False


def transform_all(road: Road) -> bool:
    """Whatever a message or watch would ask for, in the end."""
    records = list(road.run_log.since(0))
    road.topic.messages.clear()
    places = [(record.run, road.targets[table]) for record in records for table in record.targets]
    refused = [tried(partial(road.transform, run, target)) for run, target in places]
    return any(refused)


def settle(road: Road) -> bool:
    """All stages until nothing more happens; whether one of them was refused."""
    refused = [tried(road.extract), transform_all(road), tried(road.load), tried(road.extract), tried(road.load)]
    return any(refused)


def begin_new_log(road: Road) -> int:
    """As new_log.sh does it."""
    with road.look() as connection:
        used = used_numbers(road.run_log, road.manifests, connection)["used"]
    run = road.extract(ExtractRequest(cause=NEW_LOG, new_log_after=used)).run
    assert run is not None and run > used
    return run


def change_much(road: Road, tick: Ticks) -> None:
    tick("sale", "payment", "delete", "department")
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id % 7 = 1")


@pytest.mark.parametrize(
    ("loss", "again"),
    [
        ("records", 0),
        ("records and markers", 1),
        pytest.param("all but processed", 3, marks=pytest.mark.soak),
        pytest.param("all", 2, marks=pytest.mark.soak),
        ("all", 3),
    ],
)
def test_used_numbers_are_refused_until_a_new_log_begins(road: Road, tick: Ticks, loss: Loss, again: int) -> None:
    """So many runs as were lost, fewer and more are made again before the loader looks."""
    road.travel()
    change_much(road, tick)
    road.travel()
    before = kept(road)
    for _ in range(2):
        change_much(road, tick)
        road.travel()
    shown = fingerprint(road)
    lose(road, before, loss)
    for _ in range(again):
        change_much(road, tick)
        tried(road.extract)
        transform_all(road)
    with pytest.raises(LogWentBack, match="the run log went back to an earlier state"):
        road.load()
    with pytest.raises(LogWentBack):
        road.extract()
    assert fingerprint(road) == shown
    run = begin_new_log(road)
    transform_all(road)
    assert road.load().complete_run == run
    assert road.differences() == {}
    change_much(road, tick)
    road.travel()
    assert road.differences() == {}
    assert [record.began for record in road.run_log.since(0)] == [run, run]


def test_the_processed_bucket_alone_put_back_is_made_anew(road: Road, tick: Ticks) -> None:
    road.travel()
    before = kept(road)
    change_much(road, tick)
    road.extract()
    road.deliver()
    made = everything(road.processed)
    lose(road, before, "processed")
    assert not settle(road)
    assert everything(road.processed) == made
    assert road.differences() == {}


def test_records_that_are_restored_go_on_by_themselves(road: Road, tick: Ticks) -> None:
    road.travel()
    before = kept(road)
    change_much(road, tick)
    road.travel()
    now = kept(road)
    lose(road, before, "all")
    assert tried(road.load) and tried(road.extract)
    put_back(road.ingestion, now.ingestion, keys.RUNS)
    put_back(road.processed, now.processed)
    change_much(road, tick)
    assert not tried(road.load)
    assert not settle(road)
    assert road.differences() == {}


def test_what_lies_partly_loaded_behind_the_end_of_the_log_is_seen(road: Road, tick: Ticks) -> None:
    """The run that is wholly loaded is still there, and of the next one only a table was loaded."""
    road.travel()
    before = kept(road)
    change_much(road, tick)
    road.extract()
    road.transform(2, road.targets["fact_payment"])
    assert road.load(patience_s=0).complete_run == 1
    lose(road, before, "all")
    with pytest.raises(LogWentBack, match="ends with run 1, and run 2 is loaded for fact_payment"):
        road.load()


def test_a_manifest_of_another_record_is_refused_by_transform_and_load(road: Road, tick: Ticks) -> None:
    """Nothing of the lost run was loaded, but its manifests are there."""
    road.travel()
    before = kept(road)
    change_much(road, tick)
    road.extract()
    road.deliver()
    lose(road, before, "all but processed")
    change_much(road, tick)
    road.extract()
    with pytest.raises(LogWentBack, match="manifests/00000002/fact_payment.json was made of another record of run 2"):
        road.transform(2, road.targets["fact_payment"])
    with pytest.raises(LogWentBack, match="run 2, was made of another"):
        road.load()


def test_what_the_version_before_wrote_is_loaded_and_remembered_from_then_on(road: Road, tick: Ticks) -> None:
    road.travel()
    road.there.run("UPDATE etl_log SET complete_attempt = NULL; UPDATE etl_ledger SET attempt = NULL")
    change_much(road, tick)
    road.travel()
    assert road.differences() == {}
    noted = road.there.run("SELECT complete_run, complete_attempt FROM etl_log")
    assert noted == [[2, road.run_log.get(2).attempt]]


Step = tuple[str, ...]
TICKS = (("tick", "sale", "payment"), ("tick", "delete"), ("tick", "department", "payment"))
LOSSES = (*REFUSED, "processed", "health")
STEPS = st.lists(
    st.sampled_from(TICKS)
    | st.sampled_from((("extract",), ("transform",), ("load",), ("travel",), ("keep",)))
    | st.sampled_from(LOSSES).map(lambda loss: ("lose", loss)),
    min_size=6,
    max_size=14,
)


@given(steps=STEPS)
@settings(TOLD, max_examples=2)
def test_it_is_refused_or_right_and_after_a_new_log_it_is_right(new_road: NewRoad, steps: list[Step]) -> None:
    """Whatever is lost whenever: silently wrong it never is."""
    tell(new_road, steps)


@pytest.mark.soak
@given(steps=STEPS)
@settings(TOLD, max_examples=30)
def test_thirty_such_stories(new_road: NewRoad, steps: list[Step]) -> None:
    tell(new_road, steps)


def tell(new_road: NewRoad, steps: list[Step]) -> None:
    with new_road() as road:
        tick, before = Ticks(road), kept(road)
        road.travel()
        for name, *rest in steps:
            match name:
                case "tick":
                    tick(*rest)
                case "keep":
                    before = kept(road)
                case "lose":
                    lose(road, before, rest[0])  # type: ignore[arg-type]
                case "transform":
                    transform_all(road)
                case "travel":
                    settle(road)
                case _:
                    tried(getattr(road, name))
        if settle(road):
            begin_new_log(road)
            assert not settle(road)
        assert road.differences() == {}
