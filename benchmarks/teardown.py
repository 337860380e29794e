"""How fast a bucket is emptied, as teardown.sh --with-data does it.

    python -m benchmarks.teardown [VERSIONS]      default 20000

In a MiniStack of its own, which takes longer for a deletion than S3 does, and has no other work. One in ten is a delete
marker, and all versions of the last tenth are of one key, as of health/. Measured on 2 cores that others used as well:
see docs/design.md, "Nothing grows for ever".
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

from infra_bash.lib.emptying import CONFIG, Emptying
from local.ministack import Ministack, throw_away

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


def measure(server: Ministack, versions: int) -> None:
    key, secret = server.keys
    login = {"aws_access_key_id": key, "aws_secret_access_key": secret}
    s3 = boto3.client("s3", endpoint_url=server.url, region_name="eu-west-2", config=CONFIG, **login)  # type: ignore[call-overload]
    began = time.perf_counter()
    fill(s3, versions)
    written, passes, deleted = time.perf_counter(), 0, 0
    # An emulator may lose its place in a listing while it is deleted from; teardown.sh, too, goes on until all is gone.
    while found := Emptying(s3, BUCKET, print).empty():
        passes, deleted = passes + 1, deleted + found
    took = time.perf_counter() - written
    s3.delete_bucket(Bucket=BUCKET)
    print(f"written: {versions} versions in {written - began:.1f} s")
    print(f"deleted: {deleted} versions in {took:.1f} s, {passes} passes: {deleted / took:.0f} a second")
    print(f"a million at this rate: {1e6 * took / deleted / 60:.1f} minutes")


def main(versions: int) -> None:
    with throw_away() as server:
        measure(server, versions)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20_000)
