"""What S3 says for some minutes after a change: a table waits, and nobody is called before it has not passed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shared.aws.bucket import S3Bucket
from shared.errors import AwsRefused
from shared.lake import keys
from shared.load.health import LoadHealth
from tests.shared.load.ground import RED, Ground, full, sale, snapshot_of


def begin(ground: Ground, minutes_ago: int) -> None:
    ground.later = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=minutes_ago) - snapshot_of(1)


def hide(ground: Ground, prefix: str) -> tuple[str, bytes]:
    (key,) = ground.processed.list(prefix)
    body = ground.processed.get(key)
    ground.processed._s3.delete_object(Bucket=ground.processed.name, Key=key)
    return key, body


def test_a_part_of_a_young_run_may_come_and_no_full_batch_passes_it(ground: Ground) -> None:
    begin(ground, minutes_ago=5)
    ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "one")))
    key, body = hide(ground, "tables/fact_sale")
    ground.run(2, fact_sale=full(sale(1, "two")))
    outcome = ground.load()
    assert (outcome.refused, outcome.waiting) == ({}, {"fact_sale": f"s3://{ground.processed.name}/{key} is not there"})
    ground.processed.put(key, body)
    assert ground.load().complete_run == 2
    assert [note for _, note in ground.notes()] == ["one", "two"]


def test_a_part_of_an_older_run_is_missing_for_good(ground: Ground) -> None:
    begin(ground, minutes_ago=16)
    ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "one")))
    hide(ground, "tables/fact_sale")
    assert list(ground.load().refused.values()) == ["fact_sale"]


class Closed(S3Bucket):
    """`get` is refused for keys that begin with `shut`."""

    shut = ""

    def get(self, key: str) -> bytes:
        if self.shut and key.startswith(self.shut):
            raise AwsRefused("S3", f"reading {key}", "AccessDenied", "deploy again")
        return super().get(key)


@pytest.fixture
def closed(ground: Ground) -> Iterator[Ground]:
    ground.ingestion, ground.processed = (Closed(each.name) for each in (ground.ingestion, ground.processed))
    yield ground


def test_a_policy_that_spreads_stops_a_table_for_a_pass_and_is_no_refusal(closed: Ground) -> None:
    assert isinstance(closed.processed, Closed)
    closed.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "one")))
    closed.processed.shut = "tables/fact_sale"
    outcome = closed.load()
    assert (outcome.refused, list(outcome.waiting)) == ({}, ["fact_sale"])
    assert "(AccessDenied); deploy again" in outcome.waiting["fact_sale"]
    closed.processed.shut = ""
    assert closed.load().complete_run == 1


def test_where_nothing_can_be_read_the_last_words_stand_and_the_next_pass_goes_on(closed: Ground) -> None:
    assert isinstance(closed.ingestion, Closed)
    closed.run(1, dim_colour=full(RED))
    closed.load()
    closed.ingestion.shut = keys.RUNS
    with pytest.raises(AwsRefused):
        closed.load()
    closed.ingestion.shut = ""
    assert (health(closed).stopped, health(closed).complete_run) == ("", 1)
    closed.run(2, dim_colour=full(RED))
    assert closed.load().complete_run == 2


def test_what_has_not_passed_after_a_quarter_of_an_hour_is_told_with_its_reason(closed: Ground) -> None:
    assert isinstance(closed.ingestion, Closed)
    closed.run(1, dim_colour=full(RED))
    closed.load(now=lambda: datetime.now(UTC) - timedelta(minutes=16))
    closed.ingestion.shut = keys.RUNS
    for _ in range(2):
        with pytest.raises(AwsRefused):
            closed.load()
        assert (health(closed).stopped, "AccessDenied" in health(closed).reason) == ("AwsRefused", True)


def health(ground: Ground) -> LoadHealth:
    return msgspec.json.decode(ground.ingestion.get(keys.LOAD_HEALTH), type=LoadHealth)
