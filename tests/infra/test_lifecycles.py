"""What goes by itself from the buckets, and the rules of others."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops.stack.resources.base import DesiredStack, StackState
from ops.stack.resources.s3 import Lifecycles
from tests.infra.stubs import SETTINGS, TARGETS

pytestmark = pytest.mark.fast

INGESTION, PROCESSED = (f"totestream-test-{noun}-123456789012" for noun in ("ingestion", "processed"))
WANTED = dict(Lifecycles.desired(DesiredStack(SETTINGS, TARGETS)))
OURS = WANTED[INGESTION]["Rules"]
THEIRS = {"ID": "theirs", "Filter": {"Prefix": "reports/"}, "Status": "Enabled", "Expiration": {"Days": 7}}


def judged(folder: Path, have: dict[str, Any]) -> tuple[list[tuple[str, str]], Any]:
    """Return the differences of the ingestion bucket, and the document that is written."""
    for kind, answers in (
        ("lifecycles", WANTED),
        ("actual/lifecycles", {INGESTION: have, PROCESSED: WANTED[PROCESSED]}),
    ):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for name, answer in answers.items():
            (folder / kind / f"{name}.json").write_text(json.dumps(answer))
    lines = list(Lifecycles.difference(StackState(folder)))
    assert [line for line in lines if line[1] == PROCESSED] == [("ok", PROCESSED, "")]
    found = json.loads((folder / "lifecycles" / f"{INGESTION}.json").read_text())
    return [(action, what) for action, name, what in lines if name == INGESTION], found.get("LifecycleConfiguration")


def test_health_keeps_a_day_the_rest_a_month_and_an_upload_a_day(aws: None) -> None:
    """Compare with S3's own answer, so that a second deploy finds no difference."""
    assert WANTED.keys() == {INGESTION, PROCESSED}
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=INGESTION, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    s3.put_bucket_lifecycle_configuration(Bucket=INGESTION, LifecycleConfiguration={"Rules": OURS})
    health, rest = s3.get_bucket_lifecycle_configuration(Bucket=INGESTION)["Rules"]
    assert health["Filter"] == {"Prefix": "health/"}
    assert health["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rest["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rest["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    # No object that is in use goes.
    assert [rule.get("Expiration") for rule in (health, rest)] == [None, {"ExpiredObjectDeleteMarker": True}]
    assert {rule["Status"] for rule in (health, rest)} == {"Enabled"}


def test_what_is_there_as_wanted_is_left_alone(tmp_path: Path) -> None:
    # S3 has them, and their fields, in an order of its own.
    have = {
        "Rules": [dict(sorted(OURS[1].items())), OURS[0]],
        "TransitionDefaultMinimumObjectSize": "all_storage_classes_128K",
    }
    assert judged(tmp_path, have)[0] == [("ok", "")]


def test_a_bucket_without_rules_gets_them(tmp_path: Path) -> None:
    assert judged(tmp_path, {}) == ([("create", "")], {"Rules": OURS})


def test_a_rule_of_ours_that_somebody_has_changed_or_that_we_no_longer_want_goes(tmp_path: Path) -> None:
    changed = OURS[1] | {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
    differences, put = judged(tmp_path, {"Rules": [OURS[0], changed, THEIRS | {"ID": "totestream-test-former"}]})
    assert ([action for action, _ in differences], put) == (["update"], {"Rules": OURS})
    for off in ({"Status": "Disabled"}, {"Filter": {"Prefix": "other/"}}):
        assert judged(tmp_path, {"Rules": [OURS[0] | off, OURS[1]]})[1] == {"Rules": OURS}


def test_the_rules_of_others_stay_and_are_shown(tmp_path: Path) -> None:
    """Keep the meaning of a rule with a Prefix, which S3 does not accept beside ours."""
    former = {"Prefix": "runs/", "Status": "Disabled", "Expiration": {"Days": 1}}
    differences, put = judged(tmp_path, {"Rules": [THEIRS, former]})
    shown = ["rule theirs is not ours, and deletes what is in use", "rule without a name is not ours"]
    assert differences[:2] == [("stays", what) for what in shown] and differences[2] == ("create", "")
    kept = {"Filter": {"Prefix": "runs/"}, "Status": "Disabled", "Expiration": {"Days": 1}}
    assert put == {"Rules": [THEIRS, kept, *OURS]}
    differences, _ = judged(tmp_path, {"Rules": [*OURS, THEIRS]})
    assert differences == [("stays", shown[0]), ("ok", "")]


def test_what_others_say_of_small_objects_stays(tmp_path: Path) -> None:
    judged(tmp_path, {"Rules": [], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"})
    request = json.loads((tmp_path / "lifecycles" / f"{INGESTION}.json").read_text())
    assert request["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
