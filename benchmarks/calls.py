"""Count the AWS calls of a quiet minute and of a minute with a run, for docs/cost.md.

    python -m benchmarks.calls

The product's own handlers run in one process, with a real PostgreSQL and moto for AWS; each function is warm and has
its own environment. Our functions' calls are counted, by function and operation. benchmarks/bill.py computes the calls
that AWS makes by itself (Lambda polls the queues, SNS fills them).
"""

import importlib.util
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
from moto import mock_aws

from conftest import Database, made_from
from local import loading, logins, ticker
from local.generator import Recipe, csv_texts
from local.postgres import throw_away
from ops.stack.resources.base import DesiredStack
from ops.stack.resources.queues import DeadLetterQueues, Queues, Subscriptions, Topics
from ops.stack.resources.s3 import Buckets
from ops.stack.topology import Function
from shared.warehouse.registry import TARGETS

ROOT = Path(__file__).parent.parent
REGION = "eu-west-2"
SETTINGS = {
    "PROJECT": "totestream",
    "STAGE": "counted",
    "AWS_REGION": REGION,
    "ACCOUNT_ID": "123456789012",
    "PARTITION": "aws",
    "AWS_ENDPOINT_URL": "",
    "EXTRACT_SCHEDULE": "rate(1 minute)",
    "LOAD_SCHEDULE": "rate(1 minute)",
    "RECONCILE_SCHEDULE": "cron(30 3 * * ? *)",
    "LOAD_ON_MANIFEST": "yes",
    "CREATE_ONLY": "yes",
    "RETENTION_DAYS": "",
    "TRANSFORMS_AT_ONCE": "none",
    "SOURCE_SECRET": "source",
    "WAREHOUSE_SECRET": "warehouse",
    "WAREHOUSE_OWNER_SECRET": "owner",
    "WAREHOUSE_READER_SECRET": "reader",
    "WAREHOUSE_SCHEMA": "project_team_1",
    "DATABASE_CA": "",
    "DATABASE_PLAINTEXT": "yes",
    "REASK_AFTER_S": "600",
    "FRESHNESS_OBJECTIVE_S": "300",
    "SLACK_SECRET": "",
    "SLACK_HOSTS": "",
    "ALERT_EMAIL": "",
    "MONTHLY_BUDGET_USD": "",
}
# Connections without TLS need an endpoint on this machine; moto runs in this process.
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
TODAY = date(2026, 3, 2)
RECIPE = Recipe(orders=120, seed=7, today=TODAY)
# The changes of a minute with a run: a customer buys and pays.
TRADE = ("sale", "payment")

Calls = Counter[tuple[str, str]]
"""Counts by function (all transforms are one) and operation."""


class Context:
    """A Lambda context with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class CallCounts:
    """The calls made while the function `at_work` ran, how often each function was `invoked`, and the number of
    messages.
    """

    def __init__(self) -> None:
        self.calls, self.invoked, self.messages, self.at_work = Calls(), Counter[str](), 0, ""

    def note(self, model: Any, **_: Any) -> None:
        """Count a call; botocore calls this before each call of a client."""
        if self.at_work:
            self.calls[self.at_work, model.name] += 1


class StackInProcess:
    """A stack on moto; only its functions' calls are counted."""

    def __init__(self, counted: CallCounts, source: Database, warehouse: Database) -> None:
        self.counted, self.source, self.requests = counted, source, DesiredStack(SETTINGS, TARGETS)
        self._s3, self._sqs, self._sns, self._secrets = map(self._client, ("s3", "sqs", "sns", "secretsmanager"))
        self._make(source, warehouse)
        self._functions = {each.name: _handler(each) for each in self.requests.all_functions}
        self._environments = {each.name: {**each.environment, **NOWHERE} for each in self.requests.all_functions}
        self.invoke("migrate", {})

    def begin(self) -> None:
        """Do the first run, the foreign keys that follow it, and a minute without changes."""
        self.minute()
        facts = [target.name for target in TARGETS.values() if target.kind == "fact"]
        self.invoke("migrate", {"do": "foreign_keys", "tables": facts})
        self.minute()

    def minute(self) -> None:
        """Invoke what the schedules invoke in a minute, and what follows. A run's manifests arrive within two seconds
        of each other, and so trigger the loader once.
        """
        self.invoke("extract", {})
        if self.transform():
            self.invoke("load", {"Records": []})
        self.invoke("load", {})
        self.invoke("watch", {})

    def trade(self, number: int) -> None:
        rng, now = random.Random(number), datetime.combine(TODAY, datetime.min.time()).replace(hour=9, minute=number)
        owner = self.source.owner()
        for kind in TRADE:
            ticker.tick(owner, rng, now, [kind])

    def invoke(self, noun: str, event: Mapping[str, Any]) -> Any:
        name = self.requests.names.function(noun)
        before, self.counted.at_work = dict(os.environ), noun.partition("-")[0]
        self.counted.invoked[self.counted.at_work] += 1
        os.environ.update(self._environments[name])
        try:
            return self._functions[name].handler(event, Context())
        finally:
            self.counted.at_work = ""
            os.environ.clear()
            os.environ.update(before)

    def transform(self) -> bool:
        """Transform all messages, and return whether there was any."""
        found = False
        for table in sorted(TARGETS):
            url = self._sqs.get_queue_url(QueueName=self.requests.names.queue(table))["QueueUrl"]
            while received := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=5).get("Messages"):
                found = True
                self.counted.messages += len(received)
                assert self.invoke(f"transform-{table}", {"Records": [_record(each) for each in received]}) == {
                    "batchItemFailures": []
                }
                for each in received:
                    self._sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return found

    def _client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]

    def _make(self, source: Database, warehouse: Database) -> None:
        for _, bucket in Buckets.desired(self.requests):
            self._s3.create_bucket(**bucket)
        for _, topic in Topics.desired(self.requests):
            self._sns.create_topic(**topic)
        for _, queue in (*DeadLetterQueues.desired(self.requests), *Queues.desired(self.requests)):
            self._sqs.create_queue(**queue)
        for _, subscription in Subscriptions.desired(self.requests):
            self._sns.subscribe(**subscription)
        owner = warehouse.login(logins.WAREHOUSE_OWNER)
        for name, login in (
            ("source", source.login()),
            ("warehouse", warehouse.login()),
            ("owner", owner),
            ("reader", owner),
        ):
            fields = {field: getattr(login, field) for field in ("host", "port", "dbname", "username", "password")}
            self._secrets.create_secret(Name=name, SecretString=json.dumps(fields))


def _handler(function: Function) -> ModuleType:
    """Return a module for this function alone: a warm function shares no state with the others."""
    file = ROOT / (function.handler.rpartition(".")[0].replace(".", "/") + ".py")
    spec = importlib.util.spec_from_file_location(f"handlers_of_{function.name.replace('-', '_')}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that Lambda makes from an SQS message."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1"},
    }


@contextmanager
def stack_at_rest(source: Database, warehouse: Database) -> Iterator[StackInProcess]:
    """Set up a stack in moto whose first run is loaded, and which is at rest."""
    counted = CallCounts()
    events = boto3._get_default_session().events
    events.register("before-call", counted.note, unique_id=__name__)
    try:
        stack = StackInProcess(counted, source, warehouse)
        stack.begin()
        yield stack
    finally:
        events.unregister("before-call", unique_id=__name__)


def quiet_minute(stack: StackInProcess) -> CallCounts:
    counted = stack.counted
    counted.calls, counted.invoked, counted.messages = Calls(), Counter(), 0
    stack.minute()
    return counted


def run_minute(stack: StackInProcess, number: int = 0) -> CallCounts:
    stack.trade(number)
    return quiet_minute(stack)


def show(title: str, counted: CallCounts) -> None:
    print(f"{title}: {sum(counted.calls.values())} calls, {counted.messages} messages, {dict(counted.invoked)}")
    for (noun, operation), count in sorted(counted.calls.items()):
        print(f"  {noun:<10}{operation:<22}{count:>4}")


@contextmanager
def trading() -> Iterator[tuple[Database, Database]]:
    passwords = logins.new_passwords()
    with throw_away() as server:
        logins.prepare(server, passwords)
        made = contextmanager(made_from)
        with (
            made(server, logins.SOURCE, logins.SOURCE_OWNER, logins.EXTRACT, passwords) as source,
            made(server, logins.WAREHOUSE, logins.WAREHOUSE_OWNER, logins.LOAD, passwords) as warehouse,
        ):
            loading.load(source.owner(), csv_texts(RECIPE), {"kind": "generator"})
            yield source, warehouse


@contextmanager
def own_stack() -> Iterator[StackInProcess]:
    """Yield a stack at rest, on moto and with databases of its own. For a program: the environment stays changed."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
    os.environ |= keys | {"AWS_REGION": REGION}
    with mock_aws(), trading() as (source, warehouse), stack_at_rest(source, warehouse) as stack:
        yield stack


def main() -> None:
    with own_stack() as stack:
        show("a quiet minute", quiet_minute(stack))
        show("a minute with a run", run_minute(stack))


if __name__ == "__main__":
    main()
