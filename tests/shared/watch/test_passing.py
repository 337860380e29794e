"""What S3 says for some minutes after a change is no incident before it has lasted."""

from datetime import timedelta

import pytest

from shared.aws.bucket import S3Bucket
from shared.errors import MissingObject, NotYet
from shared.lake import keys
from shared.lake.run_log import RunLog
from tests.road.road import Road
from tests.shared.watch.test_watch import Watching

pytestmark = pytest.mark.fast


class Versioned(S3Bucket):
    """Lists the keys in `hidden`, and does not give them: as S3, just after versions were turned on."""

    hidden: tuple[str, ...] = ()

    def get(self, key: str) -> bytes:
        if key in self.hidden:
            raise MissingObject(self.name, key)
        return super().get(key)


@pytest.fixture
def versioned(road: Road) -> tuple[Watching, Versioned]:
    bucket = Versioned(road.ingestion.name)
    road.ingestion, road.run_log = bucket, RunLog(bucket)
    road.travel()
    watching = Watching(road)
    watching.look()
    return watching, bucket


def test_a_newest_record_that_s3_does_not_give_is_told_once_it_has_lasted(
    versioned: tuple[Watching, Versioned],
) -> None:
    watching, bucket = versioned
    bucket.hidden = (keys.run_key(1),)
    for minute in (1, 2, 3, 4):
        assert watching.look(minute).unreadable_since is not None
    assert watching.heard.news() == []
    watching.look(7)
    assert ("begun", "run refused", "") in watching.heard.news()


def test_a_record_that_is_given_again_was_no_incident(versioned: tuple[Watching, Versioned]) -> None:
    watching, bucket = versioned
    bucket.hidden = (keys.run_key(1),)
    watching.look(1)
    bucket.hidden = ()
    assert watching.look(2).unreadable_since is None
    assert watching.heard.news() == []


@pytest.mark.parametrize("key", [keys.WATCH_HEALTH, keys.EXTRACT_HEALTH, keys.LOAD_HEALTH])
def test_last_words_that_are_listed_and_not_given_are_no_silence(
    versioned: tuple[Watching, Versioned], key: str
) -> None:
    watching, bucket = versioned
    bucket.hidden = (key,)
    with pytest.raises(NotYet, match="is listed"):
        watching.look(timedelta(minutes=6) / timedelta(minutes=1))
    assert (watching.heard.news(), watching.heard.texts) == ([], [])
