"""Listings that AWS gives page by page: the 51st layer version, the 101st subscription."""

import os
import re
import subprocess
from pathlib import Path

import botocore.session
import pytest

from ops.cli.rows import rows
from tests.infra.paging_aws import Pages, paging_aws

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
SETTINGS = (
    "PROJECT=totestream\nSTAGE=dev\nAWS_REGION=eu-west-2\nSOURCE_SECRET=s\nWAREHOUSE_SECRET=w\nWAREHOUSE_SCHEMA=star\n"
    "AWS_ACCESS_KEY_ID=test\nAWS_SECRET_ACCESS_KEY=test\n"
)
LIBRARIES = (
    "arguments",
    "settings",
    "aws",
    "state",
    "../aws/sqs",
    "../aws/sns",
    "../aws/events",
    "../aws/lambda",
    "pausing",
    "remove",
)
SCRIPT = f"""
    source infra_bash/lib/script.sh
    for part in {" ".join(LIBRARIES)}; do source "infra_bash/lib/$part.sh"; done
    SETTINGS_FILE=$1
    load_settings
    ACCOUNT_ID=123456789012
    # Each call of an `aws` that is not loaded takes a second.
    keep_cli_loaded
    until [[ -S $CLI_SOCKET ]]; do sleep 0.1; done
"""
ARN = "arn:aws:lambda:eu-west-2:123456789012"
LAYER = f"{ARN}:layer:totestream-dev-libraries"


def bash(folder: Path, pages: Pages, what: str) -> str:
    """Return the script's stdout and, if it failed, its stderr."""
    with paging_aws(pages) as (url, _):
        settings = folder / "settings.env"
        settings.write_text(f"{SETTINGS}AWS_ENDPOINT_URL={url}\n")
        command = ["bash", "-c", SCRIPT + what, "deploy.sh", str(settings)]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def versions(numbers: range) -> list[dict[str, object]]:
    return [
        {"LayerVersionArn": f"{LAYER}:{number}", "Version": number, "Description": f"layer-{number}.zip"}
        for number in numbers
    ]


def mapping(function: str, uuid: str, state: str) -> dict[str, object]:
    return {"UUID": uuid, "FunctionArn": f"{ARN}:function:{function}", "State": state}


def rule(name: str, state: str) -> dict[str, object]:
    return {"Name": f"totestream-dev-{name}", "State": state}


TOPIC = "arn:aws:sns:eu-west-2:123456789012:totestream-dev-changes"
# What is asked for is on one or two of several pages.
PAGES: Pages = {
    "ListLayerVersions": [versions(range(60, 10, -1)), versions(range(10, 0, -1))],
    "ListRules": [[rule("watch", "ENABLED")], [rule("load", "DISABLED")], [rule("extract", "ENABLED")]],
    "ListEventSourceMappings": [
        [mapping("somebody-s", "1", "Enabled")],
        [mapping("totestream-dev-load", "2", "Enabled")],
        [mapping("totestream-dev-load", "3", "Disabled")],
    ],
    "ListQueues": [["http://localhost/1/a", "http://localhost/1/b"], ["http://localhost/1/c"]],
    "ListTargetsByRule": [[{"Id": "one"}, {"Id": "two"}], [{"Id": "three"}]],
    "ListSubscriptionsByTopic": [
        [
            {
                "TopicArn": topic,
                "SubscriptionArn": f"{topic}:{number}",
                "Protocol": "sqs",
                "Endpoint": f"arn:aws:sqs:eu-west-2:123456789012:totestream-dev-dim_{number}",
                "Owner": "123456789012",
            }
            for topic in (TOPIC,)
        ]
        for number in range(3)
    ],
}
CASES = {
    "find_layer totestream-dev-libraries layer-55.zip": [f"{LAYER}:55"],
    "find_layer totestream-dev-libraries layer-3.zip": [f"{LAYER}:3"],
    "find_layer totestream-dev-libraries layer-61.zip": [],
    "names_of_rules_on": ["totestream-dev-watch", "totestream-dev-extract"],
    "schedules_that_are ENABLED": ["totestream-dev-extract"],
    "schedules_that_are DISABLED": ["totestream-dev-load"],
    "switch_schedules disable-rule": ["1"],
    "require_stack": [],
    "sources_that_are Enabled Disabled": ["2", "3"],
    "sources_that_are Updating": [],
    "switch_sources --no-enabled": ["1"],
    "read_queues; cat $ACTUAL/queue_urls.txt": [f"http://localhost/1/{name}" for name in "abc"],
    "remove_rule ours": ["events remove-targets --rule ours --ids one two three", "events delete-rule --name ours"],
    "ensure_subscriptions; printf '%s\\n' ${SUBSCRIPTION[@]} | sort": [f"{TOPIC}:{number}" for number in range(3)],
}
# What is asked of each thing that was listed is another matter.
STUBS = """
    DRY_RUN=yes
    PARTITION=aws
    mkdir -p "$ACTUAL"
    names_of() { echo totestream-dev-changes; }
    apply() { :; }
    aws_delete() { echo "$@"; }
    found=$(declare -f aws_find)
    eval "listed${found#aws_find}"
    aws_find() { [[ $2 == get-* ]] || listed "$@"; }
"""


def test_a_listing_of_several_pages_is_one(tmp_path: Path) -> None:
    # What a function prints to be read by another need not end its line.
    asked = "".join(f"echo; echo '== {number}'\n{what}\n" for number, what in enumerate(CASES))
    _, *answers = re.split(r"== \d+\n", bash(tmp_path, PAGES, STUBS + asked))
    said = dict(zip(CASES, map(str.split, answers), strict=True))
    assert said == {what: " ".join(lines).split() for what, lines in CASES.items()}


def test_nothing_that_is_paged_is_asked_for_as_text() -> None:
    """Require JSON for them: the CLI applies --query to each page of a text answer separately."""
    calls = re.compile(r"aws_\w+ (?:'[^']*' |\"[^\"]*\" )?([a-z0-9]+) ([a-z0-9-]+)((?:[^\n]|(?<=\\)\n)*)")
    session = botocore.session.get_session()
    found = 0
    for script in sorted((ROOT / "infra_bash").rglob("*.sh")):
        for service, operation, rest in calls.findall(script.read_text()):
            if "--output" not in rest.split(" | ")[0]:
                continue
            found += 1
            models = session.get_component("data_loader")
            pages = models.load_service_model({"s3api": "s3"}.get(service, service), "paginators-1")["pagination"]
            name = "".join(word.capitalize() for word in operation.split("-"))
            assert name not in pages, f"{script.name}: {service} {operation} is paged: ask for JSON and use `rows`"
    # A call of another shape would not be seen.
    assert found == sum(script.read_text().count("--output text") for script in (ROOT / "infra_bash").rglob("*.sh"))


def test_rows() -> None:
    assert list(rows(None)) == list(rows([])) == list(rows([None])) == []
    assert list(rows("one")) == list(rows(["one"])) == ["one"]
    assert list(rows([["a", 1], ["b", 2]])) == ["a\t1", "b\t2"]
