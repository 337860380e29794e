"""One deploy at a time, by a lock that only one can create: on an emulator that knows If-None-Match and If-Match."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.ministack import Ministack, throw_away
from ops import deploy_lock
from tests.infra.scripts import MINIMUM, ROOT

BUCKET, KEY = "totestream-test-ingestion-000000000000", "deploy/lock.json"
DEPLOY = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws deploy_lock; do source infra_bash/lib/$part.sh; done
    SETTINGS_FILE=$1
    DRY_RUN=$2
    load_settings
    read_account
    lock_stack
    printf 'deploying\\n'
    read -r
"""


class Cloud:
    def __init__(self, folder: Path, server: Ministack, aws: Path) -> None:
        self._aws = aws
        (key, secret), url = server.keys, server.url
        login = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "eu-west-2"}
        self.s3: Any = boto3.client("s3", endpoint_url=url, **login)  # type: ignore[call-overload]
        self._file = folder / "settings.env"
        access = f"AWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}\n"
        self._file.write_text(f"{MINIMUM}AWS_ENDPOINT_URL={url}\n{access}")

    def make_bucket(self) -> None:
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})

    def begin(self, dry_run: str = "no") -> subprocess.Popen[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(self._aws)}
        pipe = subprocess.PIPE
        command = ["bash", "-c", DEPLOY, "deploy.sh", str(self._file), dry_run]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def deploying(self) -> subprocess.Popen[str]:
        """Start a deploy that has got this far."""
        begun = self.begin()
        assert begun.stdout and begun.stderr
        assert begun.stdout.readline() == "deploying\n", begun.stderr.read()
        return begun

    def lock(self) -> Any:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=KEY).get("Contents", [])
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()) if listed else None

    def put_lock(self, **changed: object) -> None:
        now = datetime.now(UTC)
        lock = deploy_lock.new_lock(1, 3600, "alice elsewhere", "another machine", now) | changed
        self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=json.dumps(lock))


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory, loaded_aws: Path) -> Iterator[Cloud]:
    with throw_away() as server:
        yield Cloud(tmp_path_factory.mktemp("lock"), server, loaded_aws)


@pytest.fixture
def cloud(emulator: Cloud) -> Iterator[Cloud]:
    emulator.make_bucket()
    yield emulator
    emulator.s3.delete_object(Bucket=BUCKET, Key=KEY)
    emulator.s3.delete_bucket(Bucket=BUCKET)


def ended(deploy: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = deploy.communicate("\n")
    return deploy.returncode, said


def test_a_second_deploy_is_refused_until_the_first_has_ended(cloud: Cloud) -> None:
    first = cloud.deploying()
    code, said = ended(cloud.begin())
    assert code == 1 and said.startswith("FAILED  another deploy of totestream-test is running: ")
    assert f"process {first.pid}, since " in said and f"aws s3 rm s3://{BUCKET}/{KEY}" in said
    assert ended(cloud.begin(dry_run="yes")) == (0, "")
    assert cloud.lock()["process"] == first.pid
    assert ended(first) == (0, "")
    assert cloud.lock() is None


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_deploy_that_was_ended_is_in_nobodys_way(cloud: Cloud, end: str) -> None:
    first = cloud.deploying()
    getattr(first, end)()
    first.communicate()
    assert (cloud.lock() is None) == (end == "terminate")
    code, said = ended(cloud.begin())
    assert code == 0 and ("taken over" in said) == (end == "kill")
    assert cloud.lock() is None


def test_the_lock_of_another_machine_holds_until_its_time_is_over(cloud: Cloud) -> None:
    cloud.put_lock()
    code, said = ended(cloud.begin())
    assert code == 1 and "alice elsewhere, since " in said
    cloud.put_lock(until=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    code, said = ended(cloud.begin())
    assert code == 0 and said.startswith("lock    taken over from a deploy that did not release it: alice elsewhere")


def test_before_there_is_a_bucket_there_is_nothing_to_lock(emulator: Cloud) -> None:
    assert ended(emulator.begin()) == (0, "")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"until": 1}', '{"until": "soon"}'])
def test_a_lock_that_cannot_be_read_holds(text: str) -> None:
    assert deploy_lock.assessment(text, "here", lambda process: False, datetime.now(UTC)).startswith("held ")
