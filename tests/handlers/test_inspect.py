"""The edge of inspect: a question it does not know, and a stack that is half deployed, are one line each."""

import time
from typing import Any

import boto3
import pytest
from msgspec.structs import replace

from conftest import Database, made_bucket
from handlers import inspect, migrate
from local import logins
from shared.errors import Refused, ServiceRefused
from shared.warehouse.registry import TARGETS
from tests.handlers.test_load import SETTINGS, Context, keep, logged

pytestmark = pytest.mark.fast

NO_ALERT_FUNCTION = (
    "alerts reach nobody: asking totestream-test-alert was refused (ResourceNotFoundException); "
    "deploy again, and look at the role's rights"
)
QUESTION: dict[str, Any] = {"do": "why", "table": "fact_payment", "id": "1"}


@pytest.fixture
def begun(warehouse: Database, aws: None, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A stack with settings and secrets and nothing else."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    keep("the/loader", warehouse.login())
    keep("the/owner", warehouse.login(logins.WAREHOUSE_OWNER))
    keep("the/reader", warehouse.login())
    return warehouse


def make_buckets() -> None:
    for noun in ("ingestion", "processed"):
        made_bucket(f"totestream-test-{noun}-123456789012")


def make_queues() -> None:
    for table in TARGETS:
        for queue in (table, f"{table}-dlq"):
            boto3.client("sqs").create_queue(QueueName=f"totestream-test-{queue}")


def test_a_record_that_does_not_exist_is_a_line(begun: Database, capsys: pytest.CaptureFixture[str]) -> None:
    make_buckets()
    migrate.handler({}, Context())
    with pytest.raises(Refused, match="no record 1 in fact_payment"):
        inspect.handler(QUESTION, Context())
    line = logged(capsys)
    assert (line["message"], line["reason"]) == ("question was not answered", "no record 1 in fact_payment")


def test_the_status_of_a_stack_that_has_just_begun(begun: Database) -> None:
    make_buckets()
    migrate.handler({}, Context())
    make_queues()
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="totestream-test-dim_date-dlq")["QueueUrl"], MessageBody="x")
    found = inspect.handler({"do": "status"}, Context())
    assert (found["newest_run"], [each["text"] for each in found["problems"]]) == (
        0,
        ["watch has never run", "dead letters dim_date", NO_ALERT_FUNCTION],
    )
    assert [each["dead_letters"] for each in found["tables"] if each["table"] == "dim_date"] == [1]


def test_a_question_that_nobody_knows(begun: Database) -> None:
    with pytest.raises(Refused, match="inspect can do status, why, .*, not 'dance'"):
        inspect.handler({"do": "dance"}, Context())


def test_a_stack_without_buckets(begun: Database) -> None:
    with pytest.raises(ServiceRefused, match=r"NoSuchBucket\); deploy again"):
        inspect.handler(QUESTION, Context())


def test_a_warehouse_without_tables(begun: Database) -> None:
    make_buckets()
    with pytest.raises(ServiceRefused, match="42P01.*; compare the database with what deploy.sh expects"):
        inspect.handler(QUESTION, Context())


class Hurry(Context):
    """Of which the warehouse gets half a second, and the rest is kept."""

    def get_remaining_time_in_millis(self) -> int:
        return int((inspect.RESERVE_S + 0.5) * 1000)


def test_a_warehouse_that_falls_silent_leaves_time_for_the_rest(begun: Database) -> None:
    make_buckets()
    make_queues()
    migrate.handler({}, Context())
    owner = begun.owner()
    owner.run("BEGIN")
    owner.run("LOCK TABLE project_team_1.etl_log")
    began = time.monotonic()
    found = inspect.handler({"do": "status"}, Hurry())
    assert time.monotonic() - began < inspect.RESERVE_S
    assert [each["text"] for each in found["problems"]] == [
        "watch has never run",
        "warehouse: a statement failed for now (TimeoutError)",
        NO_ALERT_FUNCTION,
    ]


def test_which_runs_a_table_is_done_with(begun: Database) -> None:
    make_buckets()
    migrate.handler({}, Context())
    there = begun.owner()
    there.run(f"""SET search_path TO {SETTINGS["WAREHOUSE_SCHEMA"]};
        INSERT INTO etl_ledger (log_id, table_name, run, load_no, status, loaded_at) VALUES
        ('a', 'dim_staff', 3, 0, 'superseded', now()), ('a', 'dim_staff', 4, 0, 'loaded', now()),
        ('b', 'dim_staff', 5, 0, 'loaded', now()), ('a', 'dim_date', 5, 0, 'loaded', now())""")
    asked = {"do": "taken", "table": "dim_staff", "log": "a", "runs": [3, 4, 5]}
    assert inspect.handler(asked, Context()) == {"taken": [[3, "superseded"], [4, "loaded"]], "no_answer": ""}
    for wrong in ({"runs": ["3"]}, {"runs": 3}, {"table": None}):
        with pytest.raises(Refused, match="inspect does not understand"):
            inspect.handler(asked | wrong, Context())
    keep("the/reader", replace(begun.login(), password="another"))
    unanswered = inspect.handler(asked, Context())
    assert unanswered["taken"] == [] and "warehouse" in unanswered["no_answer"]


def test_what_is_loaded_by_the_warehouse_s_own_word(begun: Database) -> None:
    make_buckets()
    migrate.handler({}, Context())
    with pytest.raises(Refused, match="nothing was loaded yet"):
        inspect.handler({"do": "loaded"}, Context())
    owner = begun.owner()
    owner.run(f"SET search_path TO {SETTINGS['WAREHOUSE_SCHEMA']}")
    owner.run(
        "INSERT INTO etl_log (log_id, began_at, began_no, complete_run) VALUES ('a', now(), 1, 9), ('b', now(), 2, 4)"
    )
    for log, table, run, status in (
        *(("a", "dim_staff", 9, "loaded"), ("b", "dim_staff", 2, "loaded"), ("b", "dim_staff", 3, "loaded")),
        *(("b", "fact_payment", 2, "loaded"), ("b", "fact_payment", 4, "superseded"), ("b", "no_more", 4, "loaded")),
    ):
        entry = "INSERT INTO etl_ledger (log_id, table_name, run, load_no, status, loaded_at) VALUES"
        owner.run(f"{entry} ('{log}', '{table}', {run}, 0, '{status}', now())")
    assert inspect.handler({"do": "loaded"}, Context()) == {
        "log": "b",
        "complete_run": 4,
        "last_runs": {"dim_staff": 3, "fact_payment": 2},
    }
