"""Measure how long status.sh takes, and how much longer when one table has not been loaded for a day.

    python -m benchmarks.status [LOOKS]      default 9

The local stack must be deployed. Reset it afterwards: the benchmark pauses it and writes 1440 runs that one table lacks
into its run log. It prints medians, also as multiples of a bare AWS CLI call, which compare better between machines,
because starting two programs takes most of the time. README.md has the result on two busy cores (load 3).
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from local import folders
from local.settings import read
from shared.aws.bucket import S3Bucket
from shared.lake.run_log import RunLog
from shared.names import Names

ROOT = Path(__file__).parent.parent
STATUS = (str(ROOT / "infra_bash/status.sh"), "--local")
CLI = (str(ROOT / ".venv/bin/aws"), "sts", "get-caller-identity")
# One run a minute.
A_DAY = 1440


def seconds(command: tuple[str, ...], looks: int) -> Iterator[float]:
    for _ in range(looks):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False)
        # 3: an incident is open.
        assert done.returncode in (0, 3), done.stderr
        yield time.perf_counter() - began


def median(command: tuple[str, ...], looks: int) -> float:
    return statistics.median(seconds(command, looks))


def fall_behind(run_log: RunLog) -> None:
    newest = run_log.newest()
    assert newest
    for run in range(newest.run + 1, newest.run + A_DAY + 1):
        run_log.commit(msgspec.structs.replace(newest, run=run, targets=("dim_design",)))


def main(looks: int) -> None:
    os.environ.update(read(folders.stack_folder() / "settings.env"))
    settings = os.environ
    names = Names(settings["PROJECT"], settings["STAGE"], settings["AWS_REGION"], "000000000000")
    settings["AWS_DEFAULT_REGION"] = settings["AWS_REGION"]
    bare = median(CLI, looks)

    def report(what: str, took: float) -> None:
        print(f"{what:<24}  {took:5.2f} s  {took / bare:4.1f} bare calls", flush=True)

    report("aws sts", bare)
    report("status.sh", median(STATUS, looks))
    subprocess.run([str(ROOT / "infra_bash/pause.sh"), "--local"], check=True)
    fall_behind(RunLog(S3Bucket(names.bucket("ingestion"))))
    report("status.sh, a day behind", median(STATUS, looks))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 9)
