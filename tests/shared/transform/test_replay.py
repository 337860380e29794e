"""Runs taken again, on moto's S3: what lacks is made, what stands is compared, and nothing else is touched."""

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import boto3
import msgspec
import pytest

from shared.aws.bucket import S3Bucket
from shared.errors import Refused, ServiceUnavailable
from shared.lake import keys
from shared.lake.documents import Manifest
from shared.transform.replay import Replayed, Replays, differences
from shared.transform.request import Do, TransformRequest, request_from_event
from shared.transform.run import TransformResult
from shared.warehouse.registry import TARGETS
from tests.shared.transform.making import Lake, rows

pytestmark = pytest.mark.fast

PAYMENT = "fact_payment"
CODE = "code-1"


@pytest.fixture
def lake(ingestion: S3Bucket, processed: S3Bucket) -> Lake:
    """Runs 1 to 4: the second has a row for the quarantine, the fourth brings nothing of fact_payment."""
    made = Lake(ingestion, processed)
    made.commit_payments(1, rows("payment", {}), mode="full")
    made.commit_payments(2, rows("payment", {"payment_id": 2}), rows("payment", {"payment_id": 3, "paid": None}))
    made.commit_payments(3, rows("payment", {"payment_id": 4}))
    made.commit(4, {}, targets=())
    return made


def replays(lake: Lake, code: str = CODE) -> Replays:
    return Replays(TARGETS[PAYMENT], lake.run_log, lake.ingestion, lake.processed, lake.manifests, code)


def taken(lake: Lake, do: Do, *runs: int, code: str = CODE) -> list[Replayed]:
    return replays(lake, code).take(do, runs, lambda: 60)


def whats(done: list[Replayed]) -> list[str]:
    return [each.what for each in done]


def remove(bucket: S3Bucket, key: str) -> None:
    boto3.client("s3").delete_object(Bucket=bucket.name, Key=key)


def part(lake: Lake, run: int) -> str:
    return next(key for key in lake.ingestion.list("batches/payment") if f"/{run:08d}-" in key)


def test_exactly_what_lacks_is_made_with_the_same_bytes(lake: Lake) -> None:
    for run in (1, 2, 3):
        lake.transform(PAYMENT, run)
    whole = lake.contents()
    remove(lake.processed, keys.manifest_key(2, PAYMENT))
    done = taken(lake, "replay", 1, 2, 3, 4)
    assert whats(done) == ["there already", "made", "there already", "not expected"]
    assert done[1].words == "1 rows, 1 quarantined"
    assert lake.contents() == whole
    assert whats(taken(lake, "replay", 1, 2, 3, 4))[1] == "there already"


def test_a_manifest_that_stands_is_not_made_anew_by_other_code(lake: Lake) -> None:
    lake.transform(PAYMENT, 1)
    before = lake.contents()
    # Not even its batch is looked at.
    remove(lake.ingestion, part(lake, 1))
    assert whats(taken(lake, "replay", 1, code="code-2")) == ["there already"]
    assert lake.contents() == before


def test_verify_makes_all_anew_and_writes_nothing(lake: Lake) -> None:
    for run in (1, 2):
        lake.transform(PAYMENT, run)
    before = lake.contents()
    done = taken(lake, "verify", 1, 2, 3, 4)
    assert [(each.what, each.words) for each in done] == [
        ("same", ""),
        ("same", ""),
        ("missing", ""),
        ("not expected", ""),
    ]
    assert lake.contents() == before


def rewritten(lake: Lake, run: int, change: Callable[[Manifest], Manifest]) -> None:
    manifest = change(lake.manifests.get(run, PAYMENT))
    remove(lake.processed, keys.manifest_key(run, PAYMENT))
    assert lake.manifests.create(manifest)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: msgspec.structs.replace(it, rows=99), "the manifest differs, its checksums do not"),
        (lambda it: msgspec.structs.replace(it, code="older"), "code older made it, this is code-1"),
        (
            lambda it: msgspec.structs.replace(it, code="older", mode="full"),
            "the manifest differs, its checksums do not; code older made it, this is code-1",
        ),
        (lambda it: msgspec.structs.replace(it, quarantined=None), "the checksum of its quarantine differs"),
        (lambda it: msgspec.structs.replace(it, parts=()), "the checksums of its parts differ"),
    ],
)
def test_verify_says_what_differs(lake: Lake, change: Callable[[Manifest], Manifest], words: str) -> None:
    lake.transform(PAYMENT, 2)
    rewritten(lake, 2, change)
    [done] = taken(lake, "verify", 2)
    assert (done.what, done.words) == ("same" if words.startswith("code") else "differs", words)


def test_another_declaration_of_other_code_is_no_difference_but_of_the_same_code_is(lake: Lake) -> None:
    lake.transform(PAYMENT, 1)
    now = lake.manifests.get(1, PAYMENT)
    older = msgspec.structs.replace(now, declaration="older")
    assert differences(older, now) == ["the manifest differs, its checksums do not"]
    assert differences(msgspec.structs.replace(older, code="older"), now) == []


@pytest.mark.parametrize("kind", ["tables", "quarantine"])
def test_verify_reads_what_the_manifest_names(lake: Lake, kind: str) -> None:
    lake.transform(PAYMENT, 2)
    [key] = lake.processed.list(kind)
    remove(lake.processed, key)
    [done] = taken(lake, "verify", 2)
    assert (done.what, done.words) == ("differs", f"s3://{lake.processed.name}/{key} is not there")
    lake.processed.put(key, b"damage")
    [done] = taken(lake, "verify", 2)
    assert done.what == "differs" and f"{key} is corrupt" in done.words


def test_a_run_that_fails_does_not_stop_the_next(lake: Lake) -> None:
    remove(lake.ingestion, part(lake, 2))
    done = taken(lake, "replay", 1, 2, 3)
    assert whats(done) == ["made", "failed", "made"]
    assert (done[1].error, done[1].again) == ("MissingObject", True)
    assert done[1].words == f"s3://{lake.ingestion.name}/{part_of_record(lake, 2)} is not there"


def part_of_record(lake: Lake, run: int) -> str:
    batch = lake.run_log.get(run).state("payment").batch
    assert batch
    return batch.parts[0].key


def test_a_hole_in_the_log_is_no_such_run_and_a_record_that_is_none_fails(lake: Lake) -> None:
    remove(lake.ingestion, keys.run_key(2))
    lake.ingestion.put(keys.run_key(3), b"{}")
    assert whats(taken(lake, "replay", 1, 2, 3, 4)) == ["made", "no such run", "failed", "not expected"]


class Failing(Replays):
    """Its transform is refused by S3 for now, or has a bug."""

    problem: Exception = ServiceUnavailable("S3", "reading", "SlowDown")

    def transform(self, run: int) -> TransformResult:
        raise self.problem


class Buggy(Failing):
    problem = KeyError("row: irving, 42")


def test_what_passes_would_not_fail_again_and_a_bug_would_but_shows_no_rows(lake: Lake) -> None:
    parts = (TARGETS[PAYMENT], lake.run_log, lake.ingestion, lake.processed, lake.manifests, "code-1")
    [passing] = Failing(*parts).take("replay", [1], lambda: 60)
    [bug] = Buggy(*parts).take("replay", [1], lambda: 60)
    assert (passing.what, passing.error, passing.again) == ("failed", "ServiceUnavailable", False)
    assert (bug.what, bug.error, bug.again) == ("failed", "KeyError", True)
    assert "irving" not in bug.words


def test_judged_is_what_a_transform_would_come_to_and_nothing_is_written(lake: Lake) -> None:
    lake.transform(PAYMENT, 1)
    # A message of run 1 finds its manifest, whatever has become of the batch.
    for run in (1, 3):
        remove(lake.ingestion, part(lake, run))
    before = lake.contents()
    done = taken(lake, "judge", 1, 2, 3, 4, 9)
    assert whats(done) == ["there already", "missing", "failed", "not expected", "no such run"]
    assert [each.again for each in done] == [False, False, True, False, True]
    assert lake.contents() == before


def test_a_manifest_of_another_log_fails_each_way(lake: Lake) -> None:
    lake.transform(PAYMENT, 1)
    rewritten(lake, 1, lambda it: msgspec.structs.replace(it, log="log-0"))
    for do in get_args(Do):
        [done] = taken(lake, do, 1)
        assert (done.what, done.error, done.again) == ("failed", "LogWentBack", True)


def test_as_many_runs_as_there_is_time_for_and_where_to_go_on(lake: Lake) -> None:
    left = iter([60.0, 14.9])
    answer = replays(lake).answer(TransformRequest("replay", 1, None), lambda: next(left))
    assert [each["run"] for each in answer["taken"]] == [1, 2]
    assert (answer["next"], answer["last"], answer["table"], answer["log"]) == (3, 4, PAYMENT, "log-1")
    answer = replays(lake).answer(TransformRequest("replay", answer["next"], answer["last"]), lambda: 60)
    assert [each["run"] for each in answer["taken"]] == [3, 4]
    assert answer["next"] is None


def test_the_first_is_taken_however_little_time_there_is(lake: Lake) -> None:
    answer = replays(lake).answer(TransformRequest("judge", runs=(3, 1)), lambda: 0)
    assert ([each["run"] for each in answer["taken"]], answer["next"]) == ([3], 1)


def test_a_range_beyond_the_newest_run_is_refused(lake: Lake) -> None:
    for first, last in ((1, 5), (5, None)):
        with pytest.raises(Refused, match="^run 5 is not there; the newest run is 4$"):
            replays(lake).answer(TransformRequest("replay", first, last), lambda: 60)
    assert lake.contents() == {}


def test_without_any_run_there_is_nothing_to_take(ingestion: S3Bucket, processed: S3Bucket) -> None:
    with pytest.raises(Refused, match="there is no run yet"):
        replays(Lake(ingestion, processed)).answer(TransformRequest("replay"), lambda: 60)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"do": "everything"}, "transform can do replay, verify, judge, not 'everything'"),
        ({"do": None}, "transform can do"),
        ({"do": "replay"}, "a run is a number from 1 on, not None"),
        ({"do": "replay", "from": 0}, "not 0"),
        ({"do": "verify", "from": 1, "to": "2"}, "not '2'"),
        ({"do": "replay", "from": True}, "not True"),
        ({"do": "replay", "from": 3, "to": 2}, "from 3 to 2 are no runs"),
        ({"do": "judge"}, "not None"),
        ({"do": "judge", "runs": [1, -1]}, "not -1"),
    ],
)
def test_what_cannot_be_meant_is_refused(event: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        request_from_event(event)


def test_each_way_of_asking(lake: Lake) -> None:
    assert request_from_event({"do": "replay", "from": 2}) == TransformRequest("replay", 2, None)
    assert request_from_event({"do": "verify", "from": 2, "to": 2}) == TransformRequest("verify", 2, 2)
    assert request_from_event({"do": "judge", "runs": [7, 3]}) == TransformRequest("judge", runs=(7, 3))


class Counted(S3Bucket):
    """Counts what is read of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.read: list[str] = []

    def get(self, key: str) -> bytes:
        self.read.append(key)
        return super().get(key)


@pytest.mark.parametrize("do", get_args(Do))
def test_each_record_and_each_part_is_read_once(lake: Lake, do: Do) -> None:
    ingestion = Counted(lake.ingestion.name)
    counted = replace(replays(lake), ingestion=ingestion, run_log=type(lake.run_log)(ingestion))
    counted.take(do, [1, 2, 3], lambda: 60)
    assert sorted(ingestion.read) == sorted(set(ingestion.read))
    assert len([key for key in ingestion.read if key.startswith(keys.RUNS)]) == 3
