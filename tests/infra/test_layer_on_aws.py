"""The layer is built only where AWS has none, so that who deploys needs its Python only then."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from ops.package import build as package
from ops.package import layer
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import ROOT, settings_file

pytestmark = pytest.mark.fast

PACKAGES = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws state package ../aws/s3 ../aws/lambda; do source infra_bash/lib/$part.sh; done
    SETTINGS_FILE=$1
    DRY_RUN=$2
    load_settings
    read_account
    python() { [[ $* != "ops.package.build layer "* ]] || { say build "$4"; return 1; }; "$PYTHON" -P -m "$@"; }
    build_packages
    read_packages
    printf '%s %s\\n' "$(basename "$LAYER_ZIP")" "$LAYER_ARN"
"""
ARN = "arn:aws:lambda:eu-west-2:123456789012:layer:totestream-test-libraries:7"


def packages(folder: Path, has: str, dry_run: str = "no") -> subprocess.CompletedProcess[str]:
    aws = FakeAws(folder / "aws")
    aws.answers("lambda list-layer-versions", has)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    command = ["bash", "-c", PACKAGES, "deploy.sh", settings_file(folder), dry_run]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    name = package.layer_name("3.13", "arm64")
    (asked,) = aws.asked_for("lambda list-layer-versions")
    assert f"Description=='{name}'" in asked
    return done


def test_a_layer_that_aws_has_is_taken(tmp_path: Path) -> None:
    done = packages(tmp_path, json.dumps(ARN))
    assert (done.returncode, done.stdout) == (0, f"{package.layer_name('3.13', 'arm64')} {ARN}\n")
    assert "build" not in done.stderr


def test_one_that_it_lacks_is_built_but_not_for_a_dry_run(tmp_path: Path) -> None:
    assert packages(tmp_path, "null", dry_run="yes").returncode == 0
    (tmp_path / "again").mkdir()
    done = packages(tmp_path / "again", "null")
    assert done.returncode == 1 and "build" in done.stderr


def test_a_recipe_knows_nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    first = layer.recipe("3.13", "arm64")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert layer.recipe("3.13", "arm64") == first
