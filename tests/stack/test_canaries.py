"""Secrets and row values, searched for in everything that the stack writes, says and starts from end to end."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.stack.called import Called
from tests.stack.proc import Watched
from tests.stack.stack import LocalStack, wait_for
from tests.stack.test_bad_input import LOAD, changed_secret, mapping_away

CANARY = "qzcanary7"  # in no word of ours
# Values of rows that arrive, of one that cannot, and of one whose part is spoilt.
NAME, MAIL, COMPANY, PHONE, DAY, FILE = (
    f"{CANARY}{word}" for word in ("name", "mail", "company", "phone", "day", "file")
)
PASSWORD = f"{CANARY}password"
# What is certainly there to be searched.
CERTAIN = {
    "dry run": "secret",
    "status": "dim_staff",
    "logs.sh": "extraction done",
    "logs": "extraction done",
    "documents": "runs/00000001.json",
    "dead letters": "CorruptObject",
    "retry": "design",
    "alerts": "dim_design",
    "command lines": "deploy.sh",
    "environments": "TOTESTREAM_LOCAL",
}
DOCUMENTS = ("runs/", "published/", "health/", "catalogue/", "manifests/")


def secrets(stack: LocalStack) -> list[str]:
    """The passwords of all logins, and what of the webhook only its owner knows."""
    webhook = json.loads(
        stack.aws("secretsmanager").get_secret_value(SecretId=stack.settings["SLACK_SECRET"])["SecretString"]
    )
    return [*stack.passwords.values(), str(webhook["url"]).partition("/services/")[2], PASSWORD]


def change_rows(stack: LocalStack) -> None:
    stack.change(f"UPDATE staff SET first_name = '{NAME}', email_address = '{MAIL}@example.com' WHERE staff_id = 1")
    stack.change(f"UPDATE counterparty SET counterparty_legal_name = '{COMPANY}' WHERE counterparty_id = 1")
    stack.change(f"UPDATE address SET phone = '{PHONE}' WHERE address_id = 2")


@contextmanager
def a_day_that_never_was(stack: LocalStack) -> Iterator[None]:
    stack.change(f"UPDATE payment SET payment_date = '{DAY}' WHERE payment_id = 3")
    try:
        yield
    finally:
        stack.change("UPDATE payment SET payment_date = '2026-01-31' WHERE payment_id = 3")


def spoil_a_part(called: Called) -> dict[str, str]:
    """The newest part of design becomes what no reader takes; its message, a dead letter: what is told of it."""
    stack = called.stack
    s3, bucket = stack.aws("s3"), stack.names.bucket("ingestion")
    with mapping_away(stack, "dim_design"):
        stack.change(f"UPDATE design SET file_name = '{FILE}' WHERE design_id = 7")
        stack.extract()
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="batches/design/")["Contents"]
        newest = max(listed, key=lambda each: each["LastModified"])["Key"]
        good = stack.get("ingestion", newest)
        s3.delete_object(Bucket=bucket, Key=newest)
        s3.put_object(Bucket=bucket, Key=newest, Body=good[: len(good) // 2])
    wait_for(lambda: letters(stack), "the dead letter")
    wait_for(lambda: stack.invoke("watch") and called.heard("dim_design"), "the alert of it")
    told = {"dead letters": json.dumps(letters(stack)), "retry": said(stack.script("retry", "--local", "dim_design"))}
    s3.delete_object(Bucket=bucket, Key=newest)
    s3.put_object(Bucket=bucket, Key=newest, Body=good)
    stack.script("retry", "--local", "dim_design")
    return told


def letters(stack: LocalStack) -> list[Any]:
    """All that is seen of the dead letters, which stay."""
    sqs = stack.aws("sqs")
    urls = [url for url in sqs.list_queues(QueueNamePrefix=stack.names.prefix)["QueueUrls"] if url.endswith("-dlq")]
    everything = {"MessageAttributeNames": ["All"], "AttributeNames": ["All"], "VisibilityTimeout": 0}
    return [each for url in urls for each in sqs.receive_message(QueueUrl=url, **everything).get("Messages", [])]


def logs(stack: LocalStack) -> str:
    client = stack.aws("logs")
    lines = []
    for group in client.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        lines += [event["message"] for page in pages for event in page["events"]]
    return "\n".join(lines)


def documents(stack: LocalStack) -> str:
    """Every version of them."""
    s3, texts = stack.aws("s3"), []
    for noun in ("ingestion", "processed"):
        bucket = stack.names.bucket(noun)
        for prefix in DOCUMENTS:
            pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            for each in (each for page in pages for each in page.get("Versions", ())):
                found = s3.get_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
                texts.append(f"{each['Key']} {found['Body'].read().decode()}")
    return "\n".join(texts)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def leaks(places: dict[str, str], words: list[str]) -> list[str]:
    return [f"{word} is in {place}" for place, text in places.items() for word in words if word in text]


def test_no_secret_and_no_row_is_told(stack: LocalStack, called: Called) -> None:
    with changed_secret(stack, "WAREHOUSE_SECRET", password=PASSWORD):
        change_rows(stack)
        stack.extract()
        assert "28P01" in stack.invoke("load", LOAD)["errorMessage"]
    spoilt = spoil_a_part(called)
    with a_day_that_never_was(stack), Watched() as seen:
        run = stack.extract()
        wait_for(lambda: stack.keys("processed", "quarantine/fact_payment/"), "the quarantined payment")
        stack.invoke("load")
        stack.invoke("watch")
        told = {
            "dry run": said(stack.script("deploy", "--local", "--dry-run", "--put-secrets")),
            "status": said(stack.script("status", "--local")),
            "logs.sh": said(stack.script("logs", "--local", "--run", str(run), "extract")),
        }
    stack.extract()
    stack.arrives()
    assert stack.ask(f"SELECT 1 FROM dim_staff WHERE first_name = '{NAME}' AND email_address LIKE '{MAIL}%'")
    first = stack.first
    assert first is not None and stack.seen is not None
    places = (
        spoilt
        | told
        | {
            "the first deploy": said(first),
            "logs": logs(stack),
            "documents": documents(stack),
            "alerts": called.text,
            "command lines": "\n".join(seen.commands | stack.seen.commands),
            "environments": "\n".join(seen.environments | stack.seen.environments),
        }
    )
    assert [place for place, word in CERTAIN.items() if word not in places[place]] == []
    assert leaks(places, secrets(stack)) == []
    assert leaks(places, [CANARY]) == []


def test_the_search_finds_what_is_there(stack: LocalStack) -> None:
    client, group = stack.aws("logs"), f"/aws/lambda/{stack.names.function('load')}"
    planted = f"{CANARY[::-1]}planted"
    client.create_log_stream(logGroupName=group, logStreamName=planted)
    event = {"timestamp": int(time.time() * 1000), "message": planted}
    client.put_log_events(logGroupName=group, logStreamName=planted, logEvents=[event])
    at = {"Bucket": stack.names.bucket("ingestion"), "Key": "health/planted.json"}
    stack.aws("s3").put_object(**at, Body=planted.encode())
    with Watched() as seen:
        command = [sys.executable, "-S", "-c", "import time; time.sleep(0.2)", planted]
        subprocess.run(command, env={"PLANTED": planted}, check=True)
    stack.aws("s3").delete_object(**at)
    places = {
        "logs": logs(stack),
        "documents": documents(stack),
        "command lines": "\n".join(seen.commands),
        "environments": "\n".join(seen.environments),
    }
    assert leaks(places, [planted]) == [f"{planted} is in {place}" for place in places]
    client.delete_log_stream(logGroupName=group, logStreamName=planted)
