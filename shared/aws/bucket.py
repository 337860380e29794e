"""Access one S3 bucket: read, create once, overwrite, list, delete."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from botocore.exceptions import ClientError

from shared.aws.clients import Sleep, called, client
from shared.errors import AwsUnavailable, MissingObject

T = TypeVar("T")


class Bucket(Protocol):
    """The bucket that every stage works with."""

    name: str

    def get(self, key: str) -> bytes:
        """Return the object's bytes. Raises MissingObject."""

    def written_at(self, key: str) -> datetime:
        """Return when the object was written, by S3's clock. Raises MissingObject."""

    def create(self, key: str, body: bytes) -> bool:
        """Write `key` unless it exists. Return whether it now holds exactly `body`.

        A write whose answer was lost is thus recognised as our own.
        """

    def put(self, key: str, body: bytes) -> None:
        """Write `key`, over an existing object: for health/ only."""

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield all keys under `prefix` that sort after `after`, in order."""


class S3Bucket:
    def __init__(self, name: str, s3: Any = None, sleep: Sleep = time.sleep) -> None:
        self.name = name
        self._s3 = s3 or client("s3")
        self._sleep = sleep

    def get(self, key: str) -> bytes:
        def get() -> bytes:
            return bytes(self._s3.get_object(Bucket=self.name, Key=key)["Body"].read())

        return self._found(key, get)

    def written_at(self, key: str) -> datetime:
        def head() -> datetime:
            at: datetime = self._s3.head_object(Bucket=self.name, Key=key)["LastModified"]
            return at

        return self._found(key, head)

    def create(self, key: str, body: bytes) -> bool:
        # S3 answers 409 to concurrent writers: the retry gets 412, or succeeds.
        def create() -> None:
            self._s3.put_object(Bucket=self.name, Key=key, Body=body, IfNoneMatch="*")

        try:
            called(
                "S3", f"creating s3://{self.name}/{key}", create, frozenset({"PreconditionFailed", "412"}), self._sleep
            )
        except ClientError:
            return self.get(key) == body
        return True

    def put(self, key: str, body: bytes) -> None:
        called(
            "S3",
            f"writing s3://{self.name}/{key}",
            lambda: self._s3.put_object(Bucket=self.name, Key=key, Body=body),
            sleep=self._sleep,
        )

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        request = {"Bucket": self.name, "Prefix": prefix} | ({"StartAfter": after} if after else {})
        while True:
            page = called(
                "S3",
                f"listing s3://{self.name}/{prefix}",
                lambda: self._s3.list_objects_v2(**request),  # noqa: B023
                sleep=self._sleep,
            )
            yield from (item["Key"] for item in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete at most a thousand objects. Raises AwsUnavailable when one was not deleted."""
        request = {"Objects": [{"Key": key} for key in keys], "Quiet": True}

        def delete() -> None:
            # S3 answers success although it did not delete some, and lists those.
            answer = self._s3.delete_objects(Bucket=self.name, Delete=request)
            for error in answer.get("Errors", ()):
                raise AwsUnavailable("S3", f"deleting s3://{self.name}/{error['Key']}", error["Code"])

        called("S3", f"deleting from s3://{self.name}", delete, sleep=self._sleep)

    def _found(self, key: str, read: Callable[[], T]) -> T:
        missing = frozenset({"NoSuchKey", "404"})  # the latter from HeadObject
        try:
            return called("S3", f"reading s3://{self.name}/{key}", read, missing, self._sleep)
        except ClientError as error:
            raise MissingObject(self.name, key) from error
