"""Deletes all that a bucket holds: versions, delete markers and unfinished uploads.

    python -m ops.teardown.empty_bucket BUCKET

A million versions are a thousand calls: in one process, for an `aws` takes longer to start than S3 to delete.
Says on stderr how far it is. What was stopped goes on where it was; a bucket that is gone is empty.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops.error_hints import CALLS, one_line
from ops.screens.terminal import escaped

# S3 deletes some 3,500 objects a second of one prefix, and a thousand in about a second.
AT_ONCE = 4
# Adaptive: what S3 slows down is sent more slowly, rather than refused.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=AT_ONCE + 1,
    retries={"total_max_attempts": 10, "mode": "adaptive"},
    s3={"addressing_style": "path"},
)
# What S3 says of single objects of a call that has succeeded, and what passes.
PASSING = {"InternalError", "OperationAborted", "ServiceUnavailable", "SlowDown"}
TRIES = 5
SAID_EACH_S = 10.0

Version = dict[str, str]
Sleep = Callable[[float], None]


class ObjectKept(Exception):
    """S3 keeps an object that it was told to delete."""

    def __init__(self, error: dict[str, Any]) -> None:
        code, key = error.get("Code"), error.get("Key")
        said = f"An error occurred ({code}) when calling the DeleteObjects operation: {error.get('Message') or code}"
        super().__init__(f"{said}: {key}")


class Emptying:
    def __init__(
        self,
        s3: Any,
        bucket: str,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._s3, self._bucket, self._say, self._clock, self._sleep = s3, bucket, say, clock, sleep
        self._done, self._said_at = 0, clock()

    def empty(self) -> int:
        """Return how many versions and markers went. Raises Kept, and what boto3 raises."""
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                self._all(pool.submit(self._delete, page) for page in self._versions())
                self._all(pool.submit(self._abort, upload) for upload in self._uploads())
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise
        return self._done

    def _all(self, work: Iterable[Future[int]]) -> None:
        """Wait for all, and let no more than are at work be listed ahead."""
        running: deque[Future[int]] = deque()
        for each in work:
            running.append(each)
            if len(running) > AT_ONCE:
                self._count(running.popleft().result())
        for each in running:
            self._count(each.result())

    def _count(self, deleted: int) -> None:
        self._done += deleted
        if self._clock() - self._said_at >= SAID_EACH_S:
            self._said_at = self._clock()
            self._say(f"{self._done} versions of {self._bucket} so far")

    def _versions(self) -> Iterator[list[Version]]:
        """A page each: as many as one call deletes."""
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if found:
                yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]

    def _uploads(self) -> Iterator[Version]:
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket):
            yield from ({"Key": each["Key"], "UploadId": each["UploadId"]} for each in page.get("Uploads", ()))

    def _delete(self, versions: list[Version]) -> int:
        left = versions
        for number in range(TRIES):
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": left, "Quiet": True})
            errors = answer.get("Errors", [])
            left = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in errors if _passes(each)]
            if kept := [each for each in errors if not _passes(each) or number == TRIES - 1]:
                raise ObjectKept(kept[0])
            if not left:
                break
            self._sleep(2.0**number)
        return len(versions)

    def _abort(self, upload: Version) -> int:
        try:
            self._s3.abort_multipart_upload(Bucket=self._bucket, **upload)
        except ClientError as error:
            # Whoever made it has ended it meanwhile.
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise
        return 0


def _passes(error: dict[str, Any]) -> bool:
    return error.get("Code") in PASSING


def say(verb: str, words: str) -> None:
    print(f"{verb:<8}{words}", file=sys.stderr, flush=True)


def main() -> int:
    [bucket] = sys.argv[1:]
    try:
        s3 = boto3.client("s3", config=CONFIG)
        Emptying(s3, bucket, lambda words: say("delete", words)).empty()
    except (ClientError, BotoCoreError, ObjectKept) as error:
        say("FAILED", escaped(one_line(f"emptying {bucket}", str(error), CALLS)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
