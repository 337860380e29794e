"""deploy.sh: a dry run writes nothing, a second run neither; drift is mended; a killed run is finished by the next."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from local import folders
from shared.names import ALERTS, CHANGES, MAIL
from shared.warehouse.registry import TARGETS
from tests.stack.door import Answer, Call, Door, door_to, refusal
from tests.stack.function_logs import Logs
from tests.stack.stack import LocalStack
from tests.stack.test_alerts import alarms_of
from tests.stack.test_links import change_everything, mapping_of, subscription_of

WRITES = ("create ", "update ", "delete ")
TABLES = "warehouse tables"
# What is used, and what uses it.
ORDER = {
    "bucket": ["bucket part", "s3:", "bucket notification"],
    "s3:": ["layer", "function"],
    "layer": ["function"],
    "role": ["role policy", "function"],
    "role policy": ["function"],
    "log group": ["log retention", "function"],
    "dead letter queue": ["queue"],
    "queue": ["subscription", "mapping", "bucket notification"],
    "topic": ["subscription", "alert subscription", "alarm", "budget"],
    "function": [
        "alert subscription",
        "alarm",
        "dashboard",
        "mapping",
        "invoke config",
        "permission",
        "rule target",
        "warehouse tables",
    ],
    "secret": ["warehouse tables"],
    "subscription": ["rule target"],
    "mapping": ["rule target"],
    "warehouse tables": ["rule target"],
    "rule": ["rule target"],
}


@pytest.fixture
def door(stack: LocalStack) -> Iterator[Door]:
    with door_to(stack.settings["AWS_ENDPOINT_URL"]) as made:
        yield made


@pytest.fixture
def recorder(tmp_path: Path, loaded_aws: Path) -> Path:
    """A folder for the PATH with an `aws` that writes down what it is asked, and then is the real one."""
    fake = tmp_path / "bin" / "aws"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/asked\nexec {loaded_aws} "$@"\n')
    fake.chmod(0o755)
    return fake.parent


class DryRun:
    """Its lines that begin with a verb of change, once it is known that neither `aws` nor the door saw a write."""

    def __init__(self, stack: LocalStack, door: Door, recorder: Path) -> None:
        self.stack, self.door, self.recorder = stack, door, recorder

    def __call__(self, *arguments: str) -> list[str]:
        self.door.forget()
        path = f"{self.recorder}:{os.environ['PATH']}"
        done = self.stack.script(
            "deploy", *arguments, "--dry-run", PATH=path, TOTESTREAM_AWS="aws", AWS_ENDPOINT_URL=self.door.url
        )
        assert done.returncode == 0, done.stderr
        asked = (self.recorder.parent / "asked").read_text().splitlines()
        operations = [line.partition(" json ")[2].split() for line in asked]
        reads = ("get-", "list-", "describe-", "head-", "wait")
        assert len(asked) >= 20
        assert [words for words in operations if not words[1].startswith((*reads, "invoke"))] == []
        assert self.door.writes() == []
        return changes(done.stderr)


@pytest.fixture
def dry_run(stack: LocalStack, door: Door, recorder: Path) -> DryRun:
    return DryRun(stack, door, recorder)


def changes(said: str) -> list[str]:
    """Of what is on AWS."""
    return [line for line in said.splitlines() if line.startswith(WRITES) and ".venv" not in line]


@contextmanager
def stage(stack: LocalStack, name: str, **settings: str) -> Iterator[LocalStack]:
    """An account as good as empty: another stage on the same emulator, source and warehouse."""
    made = LocalStack(stack.folder, stack.checkout, f"{name}/settings.env")
    place = stack.folder / made.file
    place.parent.mkdir()
    own = {"STAGE": name, "WAREHOUSE_SCHEMA": f"team_{name}", **settings}
    secrets = {name: value for name, value in stack.settings.items() if name.endswith("_SECRET")}
    own |= {setting: value.replace("-local-", f"-{name}-") for setting, value in secrets.items()}
    place.write_text("".join(f'{setting}="{value}"\n' for setting, value in (stack.settings | own).items()))
    logins = place.with_name("secrets.env")
    logins.touch(mode=0o600)
    logins.write_text((stack.folder / "secrets.env").read_text())
    made.read_settings()
    try:
        yield made
    finally:
        made.script("teardown", "--settings", str(place), "--with-data", typed=f"{name}\n")
        stack.ask(f"DROP SCHEMA IF EXISTS team_{name} CASCADE")
        shutil.rmtree(place.parent)


def kind(line: str) -> str:
    """`create  dead letter queue NAME (…)` is about a dead letter queue."""
    words = line.split(None, 1)[1]
    return "s3:" if words.startswith("s3:") else re.split(r" \S*totestream|:| \(", words)[0]


def in_order(lines: list[str]) -> None:
    kinds = [kind(line) for line in lines]
    for used, users in ORDER.items():
        last = max(place for place, each in enumerate(kinds) if each == used)
        for user in users:
            assert last < kinds.index(user), f"a {user} is made before the last {used}"


def test_a_dry_run_of_an_empty_account_says_what_a_real_run_did(stack: LocalStack, dry_run: DryRun) -> None:
    with stage(stack, "empty") as empty:
        said = dry_run("--settings", str(empty.folder / empty.file))
    assert stack.first is not None
    really = changes(stack.first.stderr)
    in_order(said)
    in_order(really)
    assert [line for line in really if kind(line) == TABLES and "20 tables" in line]
    assert [line for line in said if kind(line) == TABLES and "once the function migrate exists" in line]
    assert sorted(re.sub(r"-empty\b", "-local", line) for line in said if kind(line) != TABLES) == sorted(
        line for line in really if kind(line) != TABLES
    )


# ---- a second run


def break_two(stack: LocalStack) -> list[str]:
    """The lines that mend it."""
    stack.aws("sns").unsubscribe(SubscriptionArn=subscription_of(stack, "dim_design"))
    stack.aws("lambda").update_function_configuration(FunctionName=stack.names.function("extract"), Timeout=9)
    return [
        f"create  subscription {stack.names.queue('dim_design')}",
        f"update  function configuration {stack.names.function('extract')} (Timeout)",
    ]


def break_four(stack: LocalStack) -> list[str]:
    stack.aws("sns").set_subscription_attributes(
        SubscriptionArn=subscription_of(stack, "fact_payment"),
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"table": ["nothing"]}),
    )
    watch = stack.names.function("watch")
    nothing = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [nothing]})
    stack.aws("iam").put_role_policy(RoleName=watch, PolicyName="rights", PolicyDocument=policy)
    stack.aws("lambda").delete_event_source_mapping(UUID=mapping_of(stack, "dim_staff")["UUID"])
    stack.aws("events").put_rule(Name=watch, ScheduleExpression="rate(5 minutes)")
    return [
        f"update  subscription {stack.names.queue('fact_payment')} (FilterPolicy)",
        f"update  role policy {watch} (PolicyDocument)",
        f"create  mapping {stack.names.transform('dim_staff')}",
        f"update  rule {watch} (ScheduleExpression)",
    ]


SIX_WRITES = [
    ("events", "DisableRule"),
    ("events", "EnableRule"),
    ("events", "PutRule"),
    ("iam", "PutRolePolicy"),
    ("lambda", "POST /2015-03-31/event-source-mappings"),
    ("lambda", "PUT /2015-03-31/functions/totestream-local-extract/configuration"),
    ("sns", "SetSubscriptionAttributes"),
    ("sns", "Subscribe"),
]


def test_six_broken_things_are_mended_and_nothing_else_is_touched(
    stack: LocalStack, door: Door, dry_run: DryRun
) -> None:
    broken = break_two(stack)
    assert sorted(dry_run("--local")) == sorted(broken)
    broken += break_four(stack)
    door.forget()
    mending = stack.deploy(AWS_ENDPOINT_URL=door.url)
    assert sorted(changes(mending.stderr)) == sorted(broken)
    rule = f"rule {stack.names.function('extract')}"
    paused = [line for line in mending.stderr.splitlines() if line.startswith(("pause ", "resume "))]
    assert paused == [f"pause   {rule}", f"resume  {rule}"]
    assert sorted((call.service, call.action.rstrip("/")) for call in door.writes()) == SIX_WRITES

    door.forget()
    before, working = revisions(stack), workers(stack)
    assert changes(stack.deploy(AWS_ENDPOINT_URL=door.url).stderr) == []
    assert door.writes() == []
    assert len(door.calls) > 40
    assert revisions(stack) == before
    # MiniStack keeps the first worker of a function for as long as the function is not changed.
    for name, processes in working.items():
        assert processes & workers(stack)[name], f"{name} was restarted"
    assert dry_run("--local") == []
    change_everything(stack)
    stack.extract()
    stack.arrives()


def revisions(stack: LocalStack) -> dict[str, tuple[str, str]]:
    listed = stack.aws("lambda").list_functions()["Functions"]
    return {each["FunctionName"]: (each["RevisionId"], each["LastModified"]) for each in listed}


def workers(stack: LocalStack) -> dict[str, set[int]]:
    """The processes that MiniStack keeps warm, by function."""
    found: dict[str, set[int]] = {}
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if worker := re.search(rf"{folders.ministack_home(stack.folder)}/\S+/ministack-lambda-(\S+)-\w{{8}}/", command):
            found.setdefault(worker[1], set()).add(int(process.parent.name))
    return found


def break_what_else_can_break(stack: LocalStack) -> list[str]:
    """By hand, in the console, on a bad day; the lines that mend it."""
    s3, processed = stack.aws("s3"), stack.names.bucket("processed")
    s3.delete_public_access_block(Bucket=processed)
    s3.delete_bucket_lifecycle(Bucket=processed)
    functions, inspect = stack.aws("lambda"), stack.names.function("inspect")
    mapping = mapping_of(stack, "fact_sales_order")["UUID"]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    variables = functions.get_function_configuration(FunctionName=inspect)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=inspect, Environment={"Variables": variables | {"WAREHOUSE_SCHEMA": "elsewhere"}}
    )
    currency, design = stack.names.transform("dim_currency"), stack.names.transform("dim_design")
    functions.delete_function(FunctionName=currency)
    load = stack.names.function("load")
    functions.delete_function_event_invoke_config(FunctionName=load)
    functions.remove_permission(FunctionName=load, StatementId="schedule")
    permission_of_former_version(stack)
    stack.aws("events").put_targets(Rule=load, Targets=[{"Id": "function", "Arn": stack.names.function_arn(currency)}])
    stack.aws("logs").put_retention_policy(logGroupName=f"/aws/lambda/{load}", retentionInDays=1)
    iam = stack.aws("iam")
    iam.delete_role_policy(RoleName=design, PolicyName="rights")
    iam.delete_role(RoleName=design)
    return [
        *break_queues(stack),
        *break_alerts(stack),
        f"create  bucket part {processed}.public-access-block",
        f"update  mapping {stack.names.transform('fact_sales_order')} ({mapping})",
        f"create  lifecycle {processed}",
        f"update  function configuration {inspect} (Environment)",
        f"create  function {currency}",
        f"create  invoke config {load}",
        f"create  permission {load}.schedule",
        f"update  permission {stack.names.function('watch')}.schedule (schedule)",
        f"update  rule target {load} (Arn,Input)",
        f"update  log retention {load} (retentionInDays)",
        f"create  role {design}",
        f"create  role policy {design}",
        f"update  function configuration {design} (RoleRecreated)",
    ]


def permission_of_former_version(stack: LocalStack) -> None:
    """By it EventBridge does not invoke on AWS."""
    functions, watch = stack.aws("lambda"), stack.names.function("watch")
    functions.remove_permission(FunctionName=watch, StatementId="schedule")
    functions.add_permission(
        FunctionName=watch,
        StatementId="schedule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=stack.names.rule_arn(watch),
        SourceAccount=stack.names.account,
    )


def break_queues(stack: LocalStack) -> list[str]:
    sqs = stack.aws("sqs")

    def url(name: str) -> str:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])

    staff, location = stack.names.queue("dim_staff"), stack.names.queue("dim_location")
    letters = stack.names.dead_letter_queue("dim_staff")
    redrive = json.dumps({"deadLetterTargetArn": stack.names.queue_arn(letters), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url(staff), Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "1"})
    sqs.set_queue_attributes(QueueUrl=url(letters), Attributes={"Policy": ""})
    sqs.delete_queue(QueueUrl=url(location))
    stack.aws("sns").delete_topic(TopicArn=stack.names.topic_arn(CHANGES))
    return [
        f"create  topic {stack.names.topic(CHANGES)}",
        *(f"create  subscription {stack.names.queue(table)}" for table in TARGETS),
        f"create  queue {location}",
        f"update  queue {staff} (VisibilityTimeout,RedrivePolicy)",
        f"update  dead letter queue {letters} (Policy)",
    ]


def break_alerts(stack: LocalStack) -> list[str]:
    watching, sns, budgets = stack.aws("cloudwatch"), stack.aws("sns"), stack.aws("budgets")
    silent, errors, alert = stack.names("watch-silent"), stack.names("load-errors"), stack.names.function("alert")
    watching.delete_alarms(AlarmNames=[silent])
    alarm = alarms_of(stack)[errors]
    watching.put_metric_alarm(**{name: alarm[name] for name in PUT_OF_AN_ALARM} | {"Threshold": 100.0})
    watching.put_dashboard(DashboardName=stack.names.prefix, DashboardBody='{"widgets": []}')
    (heard,) = sns.list_subscriptions_by_topic(TopicArn=stack.names.topic_arn(ALERTS))["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=heard["SubscriptionArn"])
    mail = stack.names.topic_arn(MAIL)
    sns.subscribe(TopicArn=mail, Protocol="email", Endpoint="old@example.com")
    stack.aws("lambda").remove_permission(FunctionName=alert, StatementId=ALERTS)
    monthly = {"AccountId": stack.names.account, "BudgetName": stack.names("monthly")}
    budget = budgets.describe_budget(**monthly)["Budget"]
    changed = budget | {"BudgetLimit": {"Amount": "1000", "Unit": "USD"}}
    budgets.update_budget(AccountId=stack.names.account, NewBudget=changed)
    (told, _) = budgets.describe_notifications_for_budget(**monthly)["Notifications"]
    budgets.delete_notification(**monthly, Notification=told)
    return [
        f"create  alarm {silent}",
        f"update  alarm {errors} (Threshold)",
        f"update  dashboard {stack.names.prefix} (DashboardBody)",
        f"create  alert subscription {alert}",
        f"delete  subscription {stack.names.topic(MAIL)} (email old@example.com)",
        f"create  permission {alert}.{ALERTS}",
        f"update  budget {monthly['BudgetName']} (BudgetLimit)",
        f"create  budget notification {monthly['BudgetName']}.actual",
    ]


PUT_OF_AN_ALARM = (
    *("AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic", "Period"),
    *("EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "TreatMissingData", "AlarmActions", "OKActions"),
)


def schedules_were_seen(stack: LocalStack, said: str, logs: Logs) -> None:
    """A deploy that has put a permission ends with a look that the schedule itself made, later than its beginning."""
    watch = stack.names.function("watch")
    assert logs.say("watch", '"rule"', f'"{watch}"')
    lines = said.splitlines()
    assert any(re.match(rf"ok      schedules at work: .*{watch}\b", line) for line in lines), lines[-9:]
    assert any(line.startswith(f"later   schedule {stack.names('reconcile')}: at cron(") for line in lines)
    policy = json.loads(stack.aws("lambda").get_policy(FunctionName=watch)["Policy"])
    [statement] = policy["Statement"]
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": stack.names.rule_arn(watch)}}


def test_whatever_is_broken_by_hand_is_mended(stack: LocalStack, dry_run: DryRun) -> None:
    broken = break_what_else_can_break(stack)
    logs = Logs(stack)
    mended = stack.deploy(WAIT_FOR_SCHEDULES="yes").stderr
    assert sorted(changes(mended)) == sorted(broken)
    schedules_were_seen(stack, mended, logs)
    assert dry_run("--local") == []
    change_everything(stack)
    stack.extract()
    stack.arrives()


# ---- a run that is killed


class Killer:
    """Kills a process group at one of its calls that do something, before it takes effect or before it is answered.

    The first of them is a write: a deploy that has nothing to write, which invokes functions all the same, lives. A
    large upload is several calls and is done with its last: one that was killed before begins anew.
    """

    def __init__(self, door: Door, at: int, early: bool) -> None:
        self._door, self._left, self._early = door, itertools.count(1), early
        self._at, self.group, self.call = at, 0, ""
        if early:
            door.before = self.early
        else:
            door.after = self.late

    def early(self, call: Call) -> Answer | None:
        return refusal("Killed", "nobody hears this") if self._kill(call) else None

    def late(self, call: Call) -> None:
        self._kill(call)

    def _kill(self, call: Call) -> bool:
        is_begun_anew = self._at == 1 and re.search(r"\?uploads|partNumber=", call.action)
        does_something = (call.is_write and not is_begun_anew) or (call.is_invocation and self._at > 1)
        if self.call or not does_something or next(self._left) != self._at:
            return False
        self.call = call.action
        os.killpg(self.group, signal.SIGKILL)
        return True


def deploy_killed(other: LocalStack, door: Door, at: int, early: bool, scratch: Path) -> tuple[str, int, list[str]]:
    """What was being asked for, the exit code and the changes that were said."""
    door.forget()
    killer = Killer(door, at, early)
    command = [str(other.checkout / "infra_bash/deploy.sh"), "--settings", str(other.folder / other.file)]
    environment = other.environment(AWS_ENDPOINT_URL=door.url, TMPDIR=str(scratch))
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    killer.group = running.pid
    _, said = running.communicate(timeout=900)
    return killer.call, running.returncode, changes(said)


def finished_in_the_end(other: LocalStack, door: Door, kills: Iterator[tuple[int, bool]], scratch: Path) -> list[str]:
    """Deploys killed one after the other until one gets through: what they were killed at. The next changes nothing."""
    killed: list[str] = []
    said = Counter[str]()
    for at, early in kills:
        call, code, lines = deploy_killed(other, door, at, early, scratch)
        said.update(lines)
        if code == 0:
            break
        assert (code, bool(call)) == (-signal.SIGKILL, True), (killed[-3:], lines)
        killed.append(call)
    assert [line for line, times in said.items() if times > 1 and kind(line) != TABLES] == []
    door.forget()
    again = other.script("deploy", "--settings", str(other.folder / other.file), AWS_ENDPOINT_URL=door.url)
    assert (again.returncode, changes(again.stderr), door.writes()) == (0, [], []), again.stderr
    change_everything(other)
    other.extract()
    other.arrives()
    return killed


@pytest.mark.soak
def test_a_killed_deploy_is_finished_by_the_next(stack: LocalStack, door: Door, tmp_path: Path) -> None:
    dice = Random(5)
    kills = ((dice.randint(20, 50), dice.random() < 0.5) for _ in itertools.count())
    with stage(stack, "killed", ALERT_EMAIL="someone@example.com") as other:
        killed = finished_in_the_end(other, door, kills, tmp_path)
    assert len(killed) >= 3


@pytest.mark.soak
def test_a_deploy_is_killed_at_every_single_write(stack: LocalStack, door: Door, tmp_path: Path) -> None:
    """Before each is answered, which is also before the next takes effect: every run gets one write further."""
    with stage(stack, "soak") as other:
        killed = finished_in_the_end(other, door, itertools.repeat((1, False)), tmp_path)
    assert len(killed) > 150
