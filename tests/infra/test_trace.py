"""--trace prints the calls of the AWS CLI so that a person can run them."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.infra.fake_aws import FakeAws

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
SCRIPT = """
    source infra_bash/lib/script.sh
    for part in arguments aws state; do source infra_bash/lib/$part.sh; done
    TRACE=yes
    DRY_RUN=$1
    mkdir "$STATE/topics"
    printf '{"Name": "it'"'"'s"}' >"$STATE/topics/t.json"
    printf 'very-secret' >"$WORK/login.secret.json"
    aws_read sqs list-queues --query 'QueueUrls[]'
    aws_write sns create-topic --cli-input-json "$(request topics t)"
    aws_write secretsmanager create-secret --cli-input-json "file://$WORK/login.secret.json"
"""


@pytest.mark.parametrize("dry_run", ["no", "yes"])
def test_each_call_is_printed_as_a_shell_takes_it_and_no_secret_with_it(tmp_path: Path, dry_run: str) -> None:
    aws = FakeAws(tmp_path / "aws")
    environment = {"PATH": "/usr/bin:/bin", "TOTESTREAM_AWS": str(aws.program)}
    command = ["bash", "-c", SCRIPT, "deploy.sh", dry_run]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *calls, secret = [shlex.split(line) for line in done.stderr.splitlines()]
    assert calls == [
        ["aws", "sqs", "list-queues", "--query", "QueueUrls[]"],
        ["aws", "sns", "create-topic", "--cli-input-json", '{"Name": "it\'s"}'],
    ]
    assert secret[:4] == ["aws", "secretsmanager", "create-secret", "--cli-input-json"]
    assert secret[4].startswith("file:///") and "very-secret" not in done.stderr
