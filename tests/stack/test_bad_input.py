"""Bad input: a clear error that names the thing and the fix, nothing lost, and the rest goes on."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.lake.documents import RunRecord, decode
from shared.lake.keys import run_key
from shared.retry import MAX_RECEIVES
from tests.stack.stack import LocalStack, wait_for

# A person's: what the schedules say, {}, is done with the login that a warm function keeps.
COUNT: dict[str, object] = {"do": "count"}
LOAD: dict[str, object] = {"do": "load"}


@contextmanager
def changed_secret(stack: LocalStack, setting: str, **changes: object) -> Iterator[None]:
    """The secret that a setting names, with other values for a while; the reader's has a name of its own."""
    secrets, name = stack.aws("secretsmanager"), stack.settings[setting] or stack.names("reader")
    before = secrets.get_secret_value(SecretId=name)["SecretString"]
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({**json.loads(before), **changes}))
    try:
        yield
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=before)


def change_payment(stack: LocalStack) -> None:
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id = 2")


def test_a_wrong_password_of_the_source(stack: LocalStack) -> None:
    change_payment(stack)
    with changed_secret(stack, "SOURCE_SECRET", password="wrong"):
        said = stack.invoke("extract", COUNT)["errorMessage"]
    assert "totestream_extract" in said and "28P01" in said and "deploy.sh --put-secrets" in said
    assert "wrong" not in said
    stack.extract()
    stack.arrives()


def test_a_source_that_cannot_be_reached(stack: LocalStack) -> None:
    change_payment(stack)
    with changed_secret(stack, "SOURCE_SECRET", port=1):
        said = stack.invoke("extract", COUNT)["errorMessage"]
    assert "127.0.0.1:1/totesys" in said
    stack.extract()
    stack.arrives()


def test_a_warehouse_that_refuses_the_login(stack: LocalStack) -> None:
    change_payment(stack)
    with changed_secret(stack, "WAREHOUSE_SECRET", password="wrong"):
        stack.extract()
        said = stack.invoke("load", LOAD)["errorMessage"]
    assert "totestream_load" in said and "28P01" in said
    stack.arrives()


def test_a_secret_that_is_no_login(stack: LocalStack) -> None:
    with changed_secret(stack, "SOURCE_SECRET", port="five"):
        said = stack.invoke("extract", COUNT)["errorMessage"]
    assert stack.settings["SOURCE_SECRET"] in said and "put-secrets" in said


def dead_letters(stack: LocalStack, table: str) -> list[dict[str, Any]]:
    """Taken out of the table's dead-letter queue."""
    sqs = stack.aws("sqs")
    url = sqs.get_queue_url(QueueName=stack.names.dead_letter_queue(table))["QueueUrl"]
    found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def the_dead_letter(stack: LocalStack, table: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found.extend(dead_letters(stack, table))
        return bool(found)

    wait_for(is_there, f"a dead letter of {table}")
    return found[0]


def send(stack: LocalStack, table: str, body: str) -> None:
    sqs = stack.aws("sqs")
    url = sqs.get_queue_url(QueueName=stack.names.queue(table))["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body)


def use_up_receives(stack: LocalStack, table: str) -> None:
    """So that the table's messages, which nobody takes now, are delivered for the last time."""
    sqs = stack.aws("sqs")
    url = sqs.get_queue_url(QueueName=stack.names.queue(table))["QueueUrl"]
    for _ in range(MAX_RECEIVES - 1):
        assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=5).get("Messages")


def test_a_malformed_message_and_one_of_an_unknown_run(stack: LocalStack) -> None:
    send(stack, "dim_design", "not json")
    assert the_dead_letter(stack, "dim_design")["MessageAttributes"]["error"]["StringValue"] == "BadDocument"
    with mapping_away(stack, "dim_design"):
        send(stack, "dim_design", json.dumps({"version": 1, "log": "x", "run": 99999999, "table": "design"}))
        use_up_receives(stack, "dim_design")
    reason = the_dead_letter(stack, "dim_design")["MessageAttributes"]["reason"]["StringValue"]
    assert "runs/99999999.json is not there" in reason
    stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 2")
    stack.extract()
    stack.arrives()


def test_a_corrupt_and_a_missing_part(stack: LocalStack) -> None:
    """Its table waits, the others go on; mended and sent again, it arrives."""
    s3, bucket = stack.aws("s3"), stack.names.bucket("ingestion")
    for spoil in ("corrupt", "missing"):
        with mapping_away(stack, "dim_design"):
            stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 3")
            change_payment(stack)
            run = stack.extract()
            key, good = design_part(stack, run)
            s3.delete_object(Bucket=bucket, Key=key)
            if spoil == "corrupt":
                s3.put_object(Bucket=bucket, Key=key, Body=good[:-1] + bytes([good[-1] ^ 1]))
            else:
                use_up_receives(stack, "dim_design")
        letter = the_dead_letter(stack, "dim_design")
        expected = {"corrupt": "CorruptObject", "missing": "MissingObject"}[spoil]
        assert letter["MessageAttributes"]["error"]["StringValue"] == expected
        assert key in letter["MessageAttributes"]["reason"]["StringValue"]
        wait_for(lambda: stack.differing() == ["dim_design"], "everything but dim_design")
        s3.put_object(Bucket=bucket, Key=key, Body=good)
        send(stack, "dim_design", letter["Body"])
        stack.arrives()


@contextmanager
def mapping_away(stack: LocalStack, table: str) -> Iterator[None]:
    """The queue fills, and nobody takes from it."""
    functions = stack.aws("lambda")
    uuid = functions.list_event_source_mappings(FunctionName=stack.names.transform(table))["EventSourceMappings"][0][
        "UUID"
    ]
    functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    yield
    functions.update_event_source_mapping(UUID=uuid, Enabled=True)


def design_part(stack: LocalStack, run: int) -> tuple[str, bytes]:
    """The newest part of design: of this run, or of one that the schedule made a moment before."""
    record = decode(stack.get("ingestion", run_key(run)), RunRecord, "record")
    full_run = record.tables["design"].full_run
    assert full_run is not None
    batch = decode(stack.get("ingestion", run_key(full_run)), RunRecord, "record").tables["design"].batch
    assert batch is not None
    return batch.parts[0].key, stack.get("ingestion", batch.parts[0].key)


def test_a_missing_setting_and_a_missing_file(stack: LocalStack, tmp_path: Any) -> None:
    done = stack.script("status", "--settings", str(tmp_path / "none.env"))
    assert done.returncode == 2 and "none.env" in done.stderr
    lines = (stack.folder / "settings.env").read_text().splitlines()
    (tmp_path / "some.env").write_text("\n".join(line for line in lines if not line.startswith("SOURCE_SECRET=")))
    done = stack.script("deploy", "--settings", str(tmp_path / "some.env"))
    assert done.returncode == 2 and "SOURCE_SECRET" in done.stderr


def test_an_unknown_question_is_refused_with_what_can_be_asked(stack: LocalStack) -> None:
    assert "count, resync, reconcile and new_log" in stack.invoke("extract", {"do": "everything"})["errorMessage"]
    assert "there are: address" in stack.invoke("extract", {"do": "resync", "tables": ["dim_staff"]})["errorMessage"]


def test_a_warehouse_that_cannot_be_reached(stack: LocalStack) -> None:
    change_payment(stack)
    with changed_secret(stack, "WAREHOUSE_SECRET", port=1), changed_secret(stack, "WAREHOUSE_READER_SECRET", port=1):
        stack.extract()
        said = stack.invoke("load", LOAD)["errorMessage"]
        shown = stack.script("status", "--local")
    assert "127.0.0.1:1/warehouse" in said
    assert (shown.returncode, shown.stderr) == (3, "")
    first, *lines = shown.stdout.splitlines()
    assert first.startswith("UNHEALTHY; run ") and ", ? loaded; " in first
    assert any(re.fullmatch(r"dim_staff +\d+ +\? +\? +\d+ s", line) for line in lines)
    words = " ".join(shown.stdout.split())
    assert "UNHEALTHY warehouse: connecting to 127.0.0.1:1/warehouse" in words
    assert "check host and port in the secret, and the server) run ./infra_bash/logs.sh load --local" in words
    stack.arrives()


def test_a_deploy_that_finds_a_difference_fails_and_a_resync_mends_it(stack: LocalStack) -> None:
    warehouse = stack.warehouse()
    warehouse.run("DELETE FROM fact_payment WHERE payment_id = 9")
    warehouse.close()
    done = stack.script("deploy", "--local")
    stack.python("local.stack", "tick-stop")
    assert done.returncode == 1 and "fact_payment" in done.stderr.splitlines()[-1]
    assert stack.invoke("extract", {"do": "resync", "tables": ["payment"]})["run"]
    stack.arrives()
