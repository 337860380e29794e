"""Each incident, by a real fault: it begins, Slack has the message, the runbook mends it, and it is over."""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shared.lake.keys import WATCH_HEALTH, manifest_key
from shared.watch.incident_lifecycle import REMINDER
from shared.watch.watch import WatchHealth
from shared.wording.incidents import KINDS
from tests.runbook import commands
from tests.stack import faults
from tests.stack.called import Called
from tests.stack.function_logs import Logs
from tests.stack.stack import ROOT, LocalStack, wait_for

# What a command of the runbook takes long for, or takes away.
NOT_RUN = ("deploy.sh", "teardown.sh")
# For dead letters nothing but watch is needed.
IDLE = ("extract", "load")
PATIENCE_S = "600"
LETTERS = ("runbook.md#dead-letters", "dim_design")


def look(stack: LocalStack, *without: str) -> set[tuple[str, str]]:
    """What the schedules do in a minute; the incidents that are open then."""
    for noun in ("extract", "load"):
        if noun not in without:
            stack.invoke(noun)
    found = stack.invoke("watch")
    return {(each["incident"]["kind"], each["incident"]["subject"]) for each in found["incidents"]}


@contextmanager
def incident(called: Called, kind: str, subject: str, *without: str) -> Iterator[None]:
    """It begins and is told; when the block has mended it, it is over and that is told, too."""
    name, stack = f"{kind} {subject}".strip(), called.stack
    runbook = next(each for each in KINDS if each.name == kind).runbook
    wait_for(lambda: (kind, subject) in look(stack, *without), f"{name} to begin")
    wait_for(lambda: called.heard("🔴", f"runbook.md#{runbook}", subject), f"{name} in Slack")
    yield
    wait_for(lambda: (kind, subject) not in look(stack), f"{name} to end")
    wait_for(lambda: called.heard("🟢", f"runbook.md#{runbook}", subject), f"the end of {name} in Slack")


def run_the_runbook(stack: LocalStack, kind: str, **names: object) -> None:
    """The entry's own commands, with the names that the message gives."""
    for command in commands(kind):
        for name, value in names.items():
            command = re.sub(rf"\b{name}\b", str(value), command)
        script, *arguments = shlex.split(command)
        if script not in NOT_RUN:
            done = stack.script(script.removesuffix(".sh"), "--local", *arguments)
            assert done.returncode in codes(script, arguments), (command, done.stderr[-2000:])


def codes(script: str, arguments: list[str]) -> tuple[int, ...]:
    """What shows that something is wrong ends with a code of its own."""
    if script == "status.sh":
        return (0, 3)
    return (1,) if "--verify" in arguments else (0,)


def patient(stack: LocalStack) -> AbstractContextManager[None]:
    """Watch asks again after five seconds in these tests, which is when it calls, too."""
    return faults.told(stack, ("watch",), lambda variables: variables | {"REASK_AFTER_S": PATIENCE_S})


@pytest.fixture
def fault(stack: LocalStack) -> Callable[[str, str], None]:
    return lambda what, name: stack.python("local.faults", what, name)


def turn_source(stack: LocalStack, function: str, enabled: bool) -> None:
    lambda_ = stack.aws("lambda")
    [found] = lambda_.list_event_source_mappings(FunctionName=stack.names.function(function))["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=found["UUID"], Enabled=enabled)


def queue_of(stack: LocalStack, name: str) -> str:
    return str(stack.aws("sqs").get_queue_url(QueueName=stack.names.queue(name))["QueueUrl"])


def test_dead_letters(stack: LocalStack, called: Called) -> None:
    """What a message asks for is damaged, and then put back."""
    s3, bucket = stack.aws("s3"), stack.names.bucket("ingestion")
    turn_source(stack, "transform-dim_design", enabled=False)
    stack.change("UPDATE design SET file_location = file_location || '/x' WHERE design_id = 3")
    run = stack.extract()
    [part] = stack.keys("ingestion", f"batches/design/{datetime.now(UTC):%Y/%m/%d}/{run:08d}-")
    whole = stack.get("ingestion", part)
    s3.put_object(Bucket=bucket, Key=part, Body=b"damaged")
    turn_source(stack, "transform-dim_design", enabled=True)
    with incident(called, "dead letters", "dim_design"):
        s3.put_object(Bucket=bucket, Key=part, Body=whole)
        run_the_runbook(stack, "dead letters", TABLE="dim_design")
    stack.arrives()


def test_a_message_that_nobody_works_off_and_a_silent_road(stack: LocalStack, called: Called) -> None:
    """One deploy mends all three, and what was late is late until it is seen to be over."""
    events = stack.aws("events")
    turn_source(stack, "transform-fact_payment", enabled=False)
    stack.python("local.faults", "touch", "-")
    with incident(called, "oldest message", "fact_payment"):
        for noun in ("extract", "load"):
            events.disable_rule(Name=stack.names(noun))
        turn_source(stack, "load", enabled=False)
        with incident(called, "extract silent", "", "extract"), incident(called, "load silent", "", "extract", "load"):
            assert ("oldest message", "fact_payment") in look(stack, "extract", "load")
            for kind in ("oldest message", "extract silent", "load silent"):
                run_the_runbook(stack, kind, TABLE="fact_payment")
            stack.deploy()


def test_a_message_that_was_lost(stack: LocalStack, called: Called) -> None:
    """Before watch asks for it again: a person has the run transformed."""
    turn_source(stack, "transform-fact_payment", enabled=False)
    stack.python("local.faults", "touch", "-")
    run = stack.extract()
    stack.aws("sqs").purge_queue(QueueUrl=queue_of(stack, "fact_payment"))
    turn_source(stack, "transform-fact_payment", enabled=True)
    with patient(stack), incident(called, "table behind", "fact_payment"):
        run_the_runbook(stack, "table behind", TABLE="fact_payment", RUN=run)
    stack.arrives()


def test_a_table_that_is_held_and_grows_old(
    stack: LocalStack, called: Called, fault: Callable[[str, str], None]
) -> None:
    fault("break", "table-held")
    with incident(called, "table held", "design"), incident(called, "freshness", "dim_design"):
        run_the_runbook(stack, "table held", TABLE="design")
        run_the_runbook(stack, "freshness", TABLE="dim_design")
        fault("repair", "table-held")


def test_rows_in_quarantine(stack: LocalStack, called: Called, fault: Callable[[str, str], None]) -> None:
    fault("break", "rows-quarantined")
    with incident(called, "rows quarantined", "fact_payment"):
        fault("repair", "rows-quarantined")
        run_the_runbook(stack, "rows quarantined", SOURCE="payment")


def test_rows_that_wait_for_a_dimension(stack: LocalStack, called: Called, fault: Callable[[str, str], None]) -> None:
    fault("break", "rows-waiting")
    with incident(called, "rows waiting", "fact_payment"):
        fault("repair", "rows-waiting")
        run_the_runbook(stack, "rows waiting", SOURCE="currency")
    stack.arrives()


def test_damage_that_a_reconcile_finds(stack: LocalStack, called: Called, fault: Callable[[str, str], None]) -> None:
    fault("break", "reconcile-differences")
    assert stack.script("reconcile", "--local", "design").returncode == 0
    with incident(called, "reconcile differences", "dim_design"):
        run_the_runbook(stack, "reconcile differences")


def test_rows_that_a_hand_has_deleted(stack: LocalStack, called: Called, fault: Callable[[str, str], None]) -> None:
    fault("break", "table-damaged")
    with incident(called, "table damaged", "fact_payment"):
        run_the_runbook(stack, "table damaged", TABLE="fact_payment", SOURCE="payment")
    stack.arrives()


def test_a_run_that_is_refused(stack: LocalStack, called: Called) -> None:
    s3, bucket = stack.aws("s3"), stack.names.bucket("processed")
    with stack.by_hand("load"):
        turn_source(stack, "load", enabled=False)
        stack.python("local.faults", "touch", "-")
        run = stack.extract()
        key = manifest_key(run, "fact_payment")
        wait_for(lambda: key in stack.keys("processed", key), "the manifest")
        whole = stack.get("processed", key)
        s3.put_object(Bucket=bucket, Key=key, Body=b"damaged")
    turn_source(stack, "load", enabled=True)
    with incident(called, "run refused", "fact_payment"):
        run_the_runbook(stack, "run refused", TABLE="fact_payment", RUN=run, SOURCE="payment")
    s3.put_object(Bucket=bucket, Key=key, Body=whole)
    stack.arrives()


def test_two_stacks_on_one_warehouse(stack: LocalStack, called: Called, fault: Callable[[str, str], None]) -> None:
    fault("break", "two-logs")
    with incident(called, "two logs", ""):
        run_the_runbook(stack, "two logs")
        fault("repair", "two-logs")
    stack.arrives()


def test_a_run_log_that_went_back(stack: LocalStack, called: Called, fault: Callable[[str, str], None]) -> None:
    fault("break", "run-log-went-back")
    with incident(called, "run log went back", ""):
        run_the_runbook(stack, "run log went back")
        fault("repair", "run-log-went-back")
    stack.arrives()


def test_an_account_that_ends(stack: LocalStack, called: Called) -> None:
    soon = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    with ExitStack() as expiring:
        expiring.enter_context(faults.told(stack, ("watch",), lambda variables: variables | {"ACCOUNT_EXPIRES": soon}))
        with incident(called, "account expires", "", *IDLE):
            run_the_runbook(stack, "account expires")
            expiring.close()


def test_every_incident_is_caused_here() -> None:
    caused = set(re.findall(r'incident\(called, "([a-z ]+)"', (ROOT / "tests/stack/test_incidents.py").read_text()))
    assert caused == {kind.name for kind in KINDS}


def test_a_drill_reports_its_seconds(stack: LocalStack) -> None:
    done = stack.script("drill", "--local", "--at-once")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ok +the message came \d+ s after the fault$", done.stderr, re.M)
    assert re.search(r"^ok +the message that it is over came \d+ s after the repair$", done.stderr, re.M)


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(kind.runbook for kind in KINDS))
def test_every_drill(stack: LocalStack, name: str) -> None:
    with patient(stack):
        done = stack.script("drill", "--local", "--at-once", name, REASK_AFTER_S=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    stack.extract()
    stack.arrives()


def test_a_broken_alert_stops_nothing_and_what_is_open_is_told_an_hour_later(stack: LocalStack, called: Called) -> None:
    """By then SNS and Lambda have given up, as this emulator has at once, and watch takes its message for told."""
    logs = Logs(stack)
    with faults.told(stack, ("alert",), lambda _: {}):
        send_garbage(stack)
        wait_for(lambda: ("dead letters", "dim_design") in look(stack, *IDLE), "the incident")
        wait_for(lambda: logs.say("alert", "alerts have reached nobody"), "a message that is lost")
        flow(stack)
    assert not called.heard("🔴", *LETTERS)

    def is_reminded() -> bool:
        an_hour_passes(stack)
        look(stack, *IDLE)
        return called.heard("🔁", *LETTERS)

    wait_for(is_reminded, "the reminder")
    drop_garbage(stack)
    wait_for(lambda: ("dead letters", "dim_design") not in look(stack, *IDLE), "the end")
    wait_for(lambda: called.heard("🟢", *LETTERS), "the end in Slack")


def test_a_broken_watch_stops_nothing_and_tells_when_it_is_mended(stack: LocalStack, called: Called) -> None:
    with faults.told(stack, ("watch",), lambda _: {}):
        assert "errorMessage" in stack.invoke("watch")
        send_garbage(stack)
        flow(stack)
    assert not called.heard("🔴", *LETTERS)
    with incident(called, "dead letters", "dim_design", *IDLE):
        drop_garbage(stack)


def send_garbage(stack: LocalStack) -> None:
    stack.aws("sqs").send_message(QueueUrl=queue_of(stack, "dim_design-dlq"), MessageBody="no message")


def drop_garbage(stack: LocalStack) -> None:
    stack.aws("sqs").purge_queue(QueueUrl=queue_of(stack, "dim_design-dlq"))


def flow(stack: LocalStack) -> None:
    """What changes now reaches the warehouse."""
    stack.python("local.faults", "touch", "-")
    stack.extract()
    stack.arrives()


def an_hour_passes(stack: LocalStack) -> None:
    """For what watch remembers to have told."""
    health = msgspec.json.decode(stack.get("ingestion", WATCH_HEALTH), type=WatchHealth)
    open_ = tuple(msgspec.structs.replace(each, notified_at=each.notified_at - REMINDER) for each in health.incidents)
    body = msgspec.json.encode(msgspec.structs.replace(health, incidents=open_))
    stack.aws("s3").put_object(Bucket=stack.names.bucket("ingestion"), Key=WATCH_HEALTH, Body=body)
