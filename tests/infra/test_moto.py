"""A deploy on moto's server, the second opinion on what MiniStack takes. Functions are not run there."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.config import default_user_config
from moto.server import ThreadedMotoServer

from local.settings import architecture
from shared.names import Names
from shared.warehouse.registry import TARGETS
from tests.infra.scripts import run
from tests.stack import transcript

# Each deploy of it takes a minute, and the deployed stack shows what it must on the other emulator.
pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("moto")]

NAMES = Names("totestream", "moto", "eu-west-2", "123456789012")
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
LOGIN = {"host": "h", "port": 5432, "dbname": "d", "username": "u", "password": "p"}
SETTINGS = {
    "PROJECT": NAMES.project,
    "STAGE": NAMES.stage,
    "AWS_REGION": NAMES.region,
    **{f"{noun}_SECRET": f"moto-{noun.lower()}" for noun in ("SOURCE", "WAREHOUSE", "WAREHOUSE_OWNER", "SLACK")},
    "WAREHOUSE_SCHEMA": "star",
    "ALERT_EMAIL": "someone@example.com",
    # moto does not know s3:if-none-match, and would refuse every write.
    "CREATE_ONLY": "no",
    # The layer is the one that the local stack's tests need as well.
    "LAMBDA_PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
    "LAMBDA_ARCH": architecture(platform.machine()),
    **KEYS,
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    # A function answers a fixed text, and needs no docker.
    default_user_config["lambda"] = {"use_docker": False}
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    del default_user_config["lambda"]


@pytest.fixture(scope="module")
def folder(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("moto")
    settings = SETTINGS | {"AWS_ENDPOINT_URL": endpoint}
    (made / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    secrets = made / "secrets.env"
    secrets.touch(mode=0o600)
    contents = {noun: json.dumps(LOGIN) for noun in ("SOURCE", "WAREHOUSE", "WAREHOUSE_OWNER")}
    contents["SLACK"] = json.dumps({"url": "https://hooks.slack.com/services/x"})
    secrets.write_text("".join(f"{noun}_SECRET_VALUE={value}\n" for noun, value in contents.items()))
    return made


def deploy(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("deploy.sh", "--settings", str(folder / "settings.env"), *arguments, **environment)


@pytest.fixture(scope="module")
def deployed(folder: Path) -> subprocess.CompletedProcess[str]:
    return deploy(folder, **transcript.to(folder / "calls.db"))


@pytest.fixture
def client(endpoint: str) -> Any:
    def made(service: str) -> Any:
        keys = {name.lower(): value for name, value in KEYS.items()}
        return boto3.client(service, endpoint_url=endpoint, region_name=NAMES.region, **keys)  # type: ignore[call-overload]

    return made


def test_moto_takes_all_of_a_deploy_but_its_proof(deployed: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert "\nstep    alerts, " in deployed.stderr, deployed.stderr[-3000:]
    assert "FAILED" not in deployed.stderr.partition("\nstep    alerts, ")[0]
    calls = transcript.requests(folder / "calls.db")
    assert len(calls) > 200 and len({call["operation"] for call in calls}) > 30
    assert transcript.faults(folder / "calls.db") == []


def test_a_second_dry_run_finds_only_what_was_broken_since(
    deployed: subprocess.CompletedProcess[str], folder: Path, client: Any
) -> None:
    load = NAMES("load")
    client("logs").put_retention_policy(logGroupName=f"/aws/lambda/{load}", retentionInDays=1)
    client("events").put_rule(Name=load, ScheduleExpression="rate(5 minutes)")
    said = deploy(folder, "--dry-run")
    assert said.returncode == 0, said.stderr
    letters = (NAMES.dead_letter_queue(table) for table in TARGETS)
    assert sorted(line for line in said.stderr.splitlines() if line.startswith(("create", "update", "delete"))) == [
        # moto keeps no RedriveAllowPolicy.
        *sorted(f"update  dead letter queue {name} (RedriveAllowPolicy)" for name in letters),
        f"update  log retention {load} (retentionInDays)",
        f"update  rule {load} (ScheduleExpression)",
    ]


def test_moto_refuses_what_aws_would(deployed: subprocess.CompletedProcess[str], folder: Path, client: Any) -> None:
    """Expect refusals that the models do not contain."""
    sent = {call["operation"]: (call["service"], call["params"]) for call in transcript.requests(folder / "calls.db")}
    spoilt = {
        "PutRolePolicy": ("put_role_policy", {"PolicyDocument": '{"Version": "2012-10-17", "Statement": "none"}'}),
        "CreateFunction": ("create_function", {"FunctionName": "other", "Role": "arn:aws:iam::123456789012:role/none"}),
        "PutTargets": ("put_targets", {"Rule": "none"}),
        "PutBucketNotificationConfiguration": (
            "put_bucket_notification_configuration",
            {
                "NotificationConfiguration": {
                    "QueueConfigurations": [{"QueueArn": "arn:aws:sqs:::none", "Events": ["s3:*"]}]
                }
            },
        ),
    }
    for operation, (method, fault) in spoilt.items():
        service, params = sent[operation]
        with pytest.raises(ClientError):
            getattr(client(service), method)(**params | fault)
