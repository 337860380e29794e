"""What no function runs on any more goes after a deploy; and what a deploy says of other people's lifecycle rules."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.infra.fake_aws import FakeAws
from tests.infra.test_lifecycles import INGESTION, OURS, PROCESSED, THEIRS, WANTED

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
LAYER = "arn:aws:lambda:eu-west-2:123456789012:layer:totestream-test-libraries"
CODE, LIBRARIES = "code-" + "a" * 16, "layer-" + "b" * 16
SCRIPT = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws state ../aws/s3 ../aws/lambda remove unused_packages; do
      source infra_bash/lib/$part.sh
    done
    PROJECT=totestream STAGE=test ACCOUNT_ID=123456789012
"""


def run(aws: FakeAws, what: str) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    command = ["bash", "-c", SCRIPT + what, "deploy.sh", str(aws.folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    return FakeAws(tmp_path / "aws")


@pytest.mark.parametrize("is_dry", [False, True])
def test_former_packages_and_layer_versions_go_and_what_runs_stays(aws: FakeAws, is_dry: bool) -> None:
    """Keep the current layer also if it is not the newest, and what others have uploaded under deploy/."""
    versions = [{"LayerVersionArn": f"{LAYER}:{number}"} for number in (53, 52, 51)]
    aws.answers("lambda list-layer-versions", json.dumps({"LayerVersions": versions}))
    former = ["deploy/code-" + "c" * 16 + ".zip", "deploy/layer-" + "d" * 16 + ".zip"]
    theirs = ["deploy/notes.zip", "deploy/code-old.zip", f"deploy/{CODE}.zip.bak"]
    (aws.folder / "uploads.json").write_text(
        json.dumps([f"deploy/{CODE}.zip", f"deploy/{LIBRARIES}.zip", *former, *theirs])
    )
    said = run(
        aws,
        f"cp $1/uploads.json $ACTUAL; DRY_RUN={'yes' if is_dry else 'no'}"
        f" CODE_KEY=deploy/{CODE}.zip LAYER_ZIP=/build/{LIBRARIES}.zip LAYER_ARN={LAYER}:52; remove_unused_packages",
    )
    layers = [f"totestream-test-libraries:{number}" for number in (53, 51)]
    assert said == [f"delete  layer {name}" for name in layers] + [f"delete  package {key}" for key in former]
    deleted = [line for line in aws.asked if "delete" in line]
    assert deleted == (
        []
        if is_dry
        else [
            *(
                f"lambda delete-layer-version --layer-name totestream-test-libraries --version-number {number}"
                for number in (53, 51)
            ),
            *(f"s3api delete-object --bucket {INGESTION} --key {key}" for key in former),
        ]
    )


def test_where_nothing_is_former_nothing_is_said(aws: FakeAws) -> None:
    aws.answers("lambda list-layer-versions", "!ResourceNotFoundException")
    ready = f"CODE_KEY=deploy/{CODE}.zip LAYER_ZIP=/build/{LIBRARIES}.zip LAYER_ARN=''"
    assert run(aws, f"echo null >$ACTUAL/uploads.json; {ready}; remove_unused_packages") == []


def test_a_foreign_rule_is_shown_and_put_again_with_ours_where_those_differ(aws: FakeAws) -> None:
    """Give the ingestion bucket our rules and another one, and the processed bucket none."""
    for bucket, rules in WANTED.items():
        (aws.folder / f"{bucket}.json").write_text(json.dumps(rules))
    aws.answers(
        "s3api get-bucket-lifecycle-configuration",
        json.dumps({"Rules": [*OURS, THEIRS]}),
        "!NoSuchLifecycleConfiguration",
    )
    said = run(aws, 'mkdir "$STATE/lifecycles"; cp "$1"/totestream-*.json "$STATE/lifecycles"; ensure_lifecycles')
    assert said == [
        f"stays   lifecycle {INGESTION} (rule theirs is not ours, and deletes what is in use)",
        f"create  lifecycle {PROCESSED}",
        "ok      lifecycles: 1",
    ]
    assert len(aws.asked_for("s3api put-bucket-lifecycle-configuration")) == 1
