"""The door to S3, on moto: written once, found again, listed whole; and which errors help to be tried again."""

from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from shared.aws.bucket import S3Bucket
from shared.aws.clients import called
from shared.errors import CorruptObject, MissingObject, ServiceRefused, ServiceUnavailable
from shared.lake.keys import content_hash
from shared.lake.parts import get_verified

pytestmark = pytest.mark.fast


def test_created_once(ingestion: S3Bucket) -> None:
    assert ingestion.create("runs/1", b"mine")
    assert ingestion.create("runs/1", b"mine")
    assert not ingestion.create("runs/1", b"other")
    assert ingestion.get("runs/1") == b"mine"


def test_a_missing_object_is_named(ingestion: S3Bucket) -> None:
    with pytest.raises(MissingObject, match=r"s3://.*/nothing is not there"):
        ingestion.get("nothing")
    with pytest.raises(MissingObject, match=r"s3://.*/nothing is not there"):
        ingestion.written_at("nothing")


def test_when_an_object_came_to_be(ingestion: S3Bucket) -> None:
    # S3 counts whole seconds here.
    before = datetime.now(UTC).replace(microsecond=0)
    ingestion.create("runs/1", b"mine")
    assert before <= ingestion.written_at("runs/1") <= datetime.now(UTC)


def test_a_bucket_that_is_not_there_is_refused(aws: None) -> None:
    with pytest.raises(ServiceRefused, match="NoSuchBucket"):
        S3Bucket("no-such-bucket-here").get("runs/1")


def test_changed_bytes_are_seen(ingestion: S3Bucket) -> None:
    ingestion.put("part", b"bytes")
    assert get_verified(ingestion, "part", content_hash(b"bytes")) == b"bytes"
    with pytest.raises(CorruptObject, match="part"):
        get_verified(ingestion, "part", content_hash(b"other"))


def test_the_list_goes_on_past_the_first_page(ingestion: S3Bucket) -> None:
    s3 = boto3.client("s3")
    for number in range(1001):
        s3.put_object(Bucket=ingestion.name, Key=f"runs/{number:04d}")
    assert len(list(ingestion.list("runs/"))) == 1001
    assert list(ingestion.list("runs/", after="runs/0998")) == ["runs/0999", "runs/1000"]


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "a secret value"}}, "GetObject")


def test_what_passes_is_tried_again() -> None:
    answers = iter([error("SlowDown"), EndpointConnectionError(endpoint_url="http://x"), None])

    def call() -> str:
        answer = next(answers)
        if answer:
            raise answer
        return "done"

    assert called("S3", "reading", call) == "done"


@pytest.mark.parametrize(
    ("code", "kind"), [("SlowDown", ServiceUnavailable), ("AccessDenied", ServiceRefused), ("403", ServiceRefused)]
)
def test_an_error_says_its_code_and_never_its_message(code: str, kind: type[Exception]) -> None:
    def call() -> None:
        raise error(code)

    with pytest.raises(kind, match=code) as raised:
        called("S3", "reading", call)
    assert "secret value" not in str(raised.value)
