"""How many calls of AWS a quiet minute makes, and a minute with a run: what docs/cost.md is made of.

    python -m benchmarks.calls

The product's own handlers run in one process, with a real PostgreSQL and moto for AWS; each function is warm and has
its own environment. Counted are the calls of our functions, by function and operation. What AWS calls by itself (Lambda
asks the queues, SNS fills them) is no call of ours: benchmarks/bill.py reckons it.
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
from ops.stack.requests import Requests
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
# TLS is left out only beside an endpoint of this machine, and moto is in this process.
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
TODAY = date(2026, 3, 2)
RECIPE = Recipe(orders=120, seed=7, today=TODAY)
# A customer buys and pays: what a minute with a run is taken to bring.
TRADE = ("sale", "payment")

Calls = Counter[tuple[str, str]]
"""By function's noun (all transforms being one) and operation."""


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class CallCounts:
    """What was called while the function `at_work` ran, who was `invoked`, and how many messages the queues had."""

    def __init__(self) -> None:
        self.calls, self.invoked, self.messages, self.at_work = Calls(), Counter[str](), 0, ""

    def note(self, model: Any, **_: Any) -> None:
        """Called by botocore before each call of a client that was made since."""
        if self.at_work:
            self.calls[self.at_work, model.name] += 1


class StackInProcess:
    """A stack on moto, of which nothing is counted but what its functions do."""

    def __init__(self, counted: CallCounts, source: Database, warehouse: Database) -> None:
        self.counted, self.source, self.requests = counted, source, Requests(SETTINGS, TARGETS)
        self._s3, self._sqs, self._sns, self._secrets = map(self._client, ("s3", "sqs", "sns", "secretsmanager"))
        self._make(source, warehouse)
        self._functions = {each.name: _handler(each) for each in self.requests.all_functions}
        self._environments = {each.name: {**each.environment, **NOWHERE} for each in self.requests.all_functions}
        self.invoke("migrate", {})

    def begin(self) -> None:
        """The first run, with the foreign keys that follow it, and a minute in which nothing more moves."""
        self.minute()
        facts = [target.name for target in TARGETS.values() if target.kind == "fact"]
        self.invoke("migrate", {"do": "foreign_keys", "tables": facts})
        self.minute()

    def minute(self) -> None:
        """What the schedules call, and what follows from it. A run's manifests come within a second or two of each
        other, and so wake the loader once."""
        self.invoke("extract", {})
        if self.transform():
            self.invoke("load", {"Records": []})
        self.invoke("load", {})
        self.invoke("watch", {})

    def trade(self, number: int) -> None:
        dice, now = random.Random(number), datetime.combine(TODAY, datetime.min.time()).replace(hour=9, minute=number)
        owner = self.source.owner()
        for kind in TRADE:
            ticker.tick(owner, dice, now, [kind])

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
        """Whether there was any message."""
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
        for _, bucket in self.requests.buckets():
            self._s3.create_bucket(**bucket)
        for _, topic in self.requests.topics():
            self._sns.create_topic(**topic)
        for _, queue in (*self.requests.dead_letter_queues(), *self.requests.queues()):
            self._sqs.create_queue(**queue)
        for _, subscription in self.requests.subscriptions():
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
    """A module of the function's own: what it keeps while it is warm, no other function has."""
    file = ROOT / (function.handler.rpartition(".")[0].replace(".", "/") + ".py")
    spec = importlib.util.spec_from_file_location(f"handlers_of_{function.name.replace('-', '_')}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    """As Lambda hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1"},
    }


@contextmanager
def standing(source: Database, warehouse: Database) -> Iterator[StackInProcess]:
    """A stack whose first run is loaded, and which is at rest since. Within moto."""
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
    with mock_aws(), trading() as (source, warehouse), standing(source, warehouse) as stack:
        yield stack


def main() -> None:
    with own_stack() as stack:
        show("a quiet minute", quiet_minute(stack))
        show("a minute with a run", run_minute(stack))


if __name__ == "__main__":
    main()
