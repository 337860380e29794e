"""Measure how fast teardown.sh --with-data empties a bucket.

    python -m benchmarks.teardown [VERSIONS]      default 20000

It first uses a stub that answers at once, with five times as many versions, to measure the process itself. Then it uses
a MiniStack of its own, which takes about ten times as long for a deletion as S3. One version in ten is a delete marker,
and the last tenth belongs to a single key, as in health/.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

from local.ministack import Ministack, throw_away
from ops.teardown.empty_bucket import CONFIG, BucketEmptier
from tests.infra.stubborn_s3 import StubbornS3

BUCKET = "totestream-bench"
WRITERS = 4


def fill(s3: Any, versions: int) -> None:
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def write(number: int) -> None:
        if number % 10 == 0:
            s3.delete_object(Bucket=BUCKET, Key=f"batches/payment/{number:08}")
        else:
            key = "health/latest.json" if number > versions * 0.9 else f"batches/payment/{number:08}"
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(versions)))


def client(server: Ministack) -> Any:
    key, secret = server.keys
    return made(server.url, aws_access_key_id=key, aws_secret_access_key=secret)


def made(url: str, **login: str) -> Any:
    return boto3.client("s3", endpoint_url=url, region_name="eu-west-2", config=CONFIG, **login)  # type: ignore[call-overload]


def measure(what: str, s3: Any) -> None:
    began, passes, deleted = time.perf_counter(), 0, 0
    # An emulator may lose its position in a listing during deletions; teardown.sh repeats too, until nothing is left.
    while found := BucketEmptier(s3, BUCKET, print).empty():
        passes, deleted = passes + 1, deleted + found
    took = time.perf_counter() - began
    rate = f"{deleted / took:.0f} a second, a million in {1e6 * took / deleted / 60:.1f} minutes"
    print(f"{what}: {deleted} versions in {took:.1f} s, {passes} passes: {rate}", flush=True)


def main(versions: int) -> None:
    with StubbornS3([f"batches/payment/{number:08}" for number in range(5 * versions)]).served() as url:
        measure("stand-in", made(url, **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "any")))
    with throw_away() as server:
        s3 = client(server)
        fill(s3, versions)
        measure("MiniStack", s3)
        s3.delete_bucket(Bucket=BUCKET)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20_000)
