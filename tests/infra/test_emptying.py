"""A bucket of any number of versions is emptied, a thousand a call; what S3 keeps is said."""

from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from ops.teardown.empty_bucket import CONFIG, BucketEmptier, ObjectKept
from tests.infra.stubborn_s3 import StubbornS3

pytestmark = pytest.mark.fast


@pytest.fixture
def said() -> list[str]:
    return []


def client(url: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("s3", endpoint_url=url, region_name="eu-west-2", config=CONFIG, **keys)  # type: ignore[call-overload]


def test_versions_markers_and_unfinished_uploads_go(aws: None, said: list[str]) -> None:
    """Delete nothing of another bucket."""
    s3 = boto3.client("s3", config=CONFIG)
    for bucket in ("ours", "theirs"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for number in range(5):
            s3.put_object(Bucket=bucket, Key="health/ü <&>", Body=str(number).encode())
        s3.delete_object(Bucket=bucket, Key="health/ü <&>")
        s3.create_multipart_upload(Bucket=bucket, Key="batches/half")
    theirs = s3.list_object_versions(Bucket="theirs")["Versions"]
    assert BucketEmptier(s3, "ours", said.append).empty() == 6
    assert not {"Versions", "DeleteMarkers"} & s3.list_object_versions(Bucket="ours").keys()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="ours")
    assert s3.list_object_versions(Bucket="theirs")["Versions"] == theirs
    assert "Uploads" in s3.list_multipart_uploads(Bucket="theirs")
    s3.delete_bucket(Bucket="ours")
    assert BucketEmptier(s3, "ours", said.append).empty() == 0
    assert said == []


def test_a_thousand_go_with_a_call_and_how_far_it_is_is_said(said: list[str]) -> None:
    bucket, clock = StubbornS3([f"{number:05}" for number in range(6500)]), count(0, 6)
    with bucket.served() as url:
        assert BucketEmptier(client(url), "ours", said.append, lambda: next(clock)).empty() == 6500
    assert bucket.keys == []
    assert sorted(each for do, each in bucket.calls if do == "delete") == [500, *[1000] * 6]
    assert said and said[0] == "2000 versions of ours so far"


def test_what_passes_is_tried_again_alone(said: list[str]) -> None:
    bucket, waited = StubbornS3([f"{number:05}" for number in range(10)]), list[float]()
    bucket.refuses = {"00003": ["SlowDown", "InternalError"], "00007": ["InternalError"]}
    with bucket.served() as url:
        assert BucketEmptier(client(url), "ours", said.append, sleep=waited.append).empty() == 10
    assert [each for do, each in bucket.calls if do == "delete"] == [10, 2, 1]
    assert (bucket.keys, waited) == ([], [1, 2])


@pytest.mark.parametrize("codes", [["AccessDenied"], ["InternalError"] * 9, ["InternalError", "AccessDenied"]])
def test_what_s3_keeps_is_said_and_the_rest_is_gone(said: list[str], codes: list[str]) -> None:
    bucket = StubbornS3(["runs/1", "runs/2"])
    bucket.refuses = {"runs/1": codes}
    expected = f"An error occurred ({codes[-1]}) when calling the DeleteObjects operation: {codes[-1]}.: runs/1"
    with bucket.served() as url, pytest.raises(ObjectKept) as raised:
        BucketEmptier(client(url), "ours", said.append, sleep=lambda _: None).empty()
    assert (str(raised.value), bucket.keys) == (expected, ["runs/1"])


def test_a_refusal_is_passed_on(aws: None, said: list[str]) -> None:
    s3 = boto3.client("s3", config=CONFIG)
    with Stubber(s3) as stubber, pytest.raises(ClientError, match="AccessDenied"):
        stubber.add_client_error("list_object_versions", "AccessDenied")
        BucketEmptier(s3, "ours", said.append).empty()
