"""Delete the content of a bucket: versions, delete markers and unfinished uploads.

    python -m ops.teardown.empty_bucket BUCKET

A million versions take a thousand calls, all in this process: starting the AWS CLI takes longer than a deletion.
Prints its progress to stderr. After an interruption run it again; a bucket that does not exist counts as empty.
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

# S3 deletes up to 3,500 objects per second and prefix, and a call of a thousand takes about a second.
AT_ONCE = 4
# Adaptive: when S3 asks for fewer calls, boto3 sends them more slowly instead of failing.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=AT_ONCE + 1,
    retries={"total_max_attempts": 10, "mode": "adaptive"},
    s3={"addressing_style": "path"},
)
# The transient errors that S3 reports for single objects in the answer of a successful call.
TRANSIENT_CODES = {"InternalError", "OperationAborted", "ServiceUnavailable", "SlowDown"}
MAX_ATTEMPTS = 5
PROGRESS_EVERY_S = 10.0

Version = dict[str, str]
Sleep = Callable[[float], None]


class ObjectKept(Exception):
    """S3 has not deleted an object: permanently, or still after all attempts."""

    def __init__(self, error: dict[str, Any]) -> None:
        code, key = error.get("Code"), error.get("Key")
        text = f"An error occurred ({code}) when calling the DeleteObjects operation: {error.get('Message') or code}"
        super().__init__(f"{text}: {key}")


class BucketEmptier:
    """Deletes all versions, markers and unfinished uploads of one bucket. `say` prints the progress."""

    def __init__(
        self,
        s3: Any,
        bucket: str,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._s3, self._bucket, self._say, self._clock, self._sleep = s3, bucket, say, clock, sleep
        self._done, self._reported_at = 0, clock()

    def empty(self) -> int:
        """Return how many versions and markers were deleted. Raises ObjectKept, and boto3's errors."""
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                self._all(pool.submit(self._delete, page) for page in self._versions())
                self._all(pool.submit(self._abort, upload) for upload in self._uploads())
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise
        return self._done

    def _all(self, work: Iterable[Future[int]]) -> None:
        """Wait for all of the work; list no more than AT_ONCE pages ahead of it."""
        running: deque[Future[int]] = deque()
        for each in work:
            running.append(each)
            if len(running) > AT_ONCE:
                self._count(running.popleft().result())
        for each in running:
            self._count(each.result())

    def _count(self, deleted: int) -> None:
        self._done += deleted
        if self._clock() - self._reported_at >= PROGRESS_EVERY_S:
            self._reported_at = self._clock()
            self._say(f"{self._done} versions of {self._bucket} so far")

    def _versions(self) -> Iterator[list[Version]]:
        """Yield pages of at most a thousand versions, which is what one call deletes."""
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if found:
                yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]

    def _uploads(self) -> Iterator[Version]:
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket):
            yield from ({"Key": each["Key"], "UploadId": each["UploadId"]} for each in page.get("Uploads", ()))

    def _delete(self, versions: list[Version]) -> int:
        left = versions
        for number in range(MAX_ATTEMPTS):
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": left, "Quiet": True})
            errors = answer.get("Errors", [])
            left = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in errors if _is_transient(each)]
            if kept := [each for each in errors if not _is_transient(each) or number == MAX_ATTEMPTS - 1]:
                raise ObjectKept(kept[0])
            if not left:
                break
            self._sleep(2.0**number)
        return len(versions)

    def _abort(self, upload: Version) -> int:
        try:
            self._s3.abort_multipart_upload(Bucket=self._bucket, **upload)
        except ClientError as error:
            # Somebody else has completed or aborted the upload meanwhile.
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise
        return 0


def _is_transient(error: dict[str, Any]) -> bool:
    return error.get("Code") in TRANSIENT_CODES


def say(verb: str, words: str) -> None:
    print(f"{verb:<8}{words}", file=sys.stderr, flush=True)


def main() -> int:
    [bucket] = sys.argv[1:]
    try:
        s3 = boto3.client("s3", config=CONFIG)
        BucketEmptier(s3, bucket, lambda words: say("delete", words)).empty()
    except (ClientError, BotoCoreError, ObjectKept) as error:
        say("FAILED", escaped(one_line(f"emptying {bucket}", str(error), CALLS)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
