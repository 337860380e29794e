"""A deployment from end to end with an `aws` that records its calls: where the secrets go, and where not."""

import json
import platform
import sys
from pathlib import Path

import pytest

from ops.package.layer import MACHINES
from tests.infra.scripts import MINIMUM, run, settings_file

pytestmark = pytest.mark.fast

AWS = Path(__file__).with_name("everything_aws.sh")
ARCH = next(arch for arch, machine in MACHINES.items() if machine == platform.machine())
# The layer that the layer's own tests have built.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# The endpoint because 3.11 is refused for Lambda itself.
HERE = f"LAMBDA_PYTHON={PYTHON}\nLAMBDA_ARCH={ARCH}\nAWS_ENDPOINT_URL=http://127.0.0.1:1\n"


def login(password: str) -> str:
    return json.dumps({"host": "h", "port": 1, "dbname": "d", "username": "u", "password": password})


def test_a_secret_is_sent_to_secrets_manager_alone(tmp_path: Path) -> None:
    """Give one from the file and one from the environment; xtrace shows every command with its arguments."""
    scratch, record, file = tmp_path / "scratch", tmp_path / "record", tmp_path / "secrets.env"
    scratch.mkdir()
    record.mkdir()
    file.write_text(f"SOURCE_SECRET_VALUE={login('hunter-in-file')}\n")
    file.chmod(0o600)
    done = run(
        "deploy.sh",
        *("--settings", settings_file(tmp_path, MINIMUM + HERE)),
        TOTESTREAM_AWS=str(AWS),
        RECORD=str(record),
        TMPDIR=str(scratch),
        SHELLOPTS="xtrace",
        WAREHOUSE_SECRET_VALUE=login("hunter-in-environment"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    expected = (record / "secrets").read_text()
    # The reader's password is made by the function migrate.
    assert '"Name": "totestream-test-reader"' in expected and '"SecretString": "{}"' in expected
    assert "hunter-in-file" in expected and "hunter-in-environment" in expected
    asked = (record / "asked").read_text()
    assert "secretsmanager create-secret --cli-input-json file://" in asked
    assert "secretsmanager create-secret --cli-input-json file://" in done.stderr
    assert "hunter" not in asked + done.stdout + done.stderr
    assert list(scratch.iterdir()) == []
    new_functions_are_active_before_anything_is_put_to_them(asked.splitlines())
    # Nobody hears of this stack, which a deploy says near its end.
    said = [line for line in done.stderr.splitlines() if not line.startswith("+")]
    assert "nobody  receives alerts: neither is set" in said[-3:]


def new_functions_are_active_before_anything_is_put_to_them(asked: list[str]) -> None:
    puts = ("create-event-source-mapping", "put-function-event-invoke-config", "add-permission")
    created, active, put = (
        [place for place, line in enumerate(asked) if any(f" lambda {word}" in line for word in words)]
        for words in (("create-function ",), ("wait function-active-v2",), puts)
    )
    assert 0 < len(created) == len(active)
    assert max(created) < min(active) and max(active) < min(put)
