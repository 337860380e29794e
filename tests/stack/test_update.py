"""New code reaches every function while changes flow: nothing is lost, and an update that stops half way goes on."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.stack.checkout import copied
from tests.stack.door import Answer, Call, Door, door_to, refusal
from tests.stack.stack import ROOT, LocalStack, wait_for
from tests.stack.test_bad_input import mapping_away
from tests.stack.test_links import change_everything

FUNCTIONS = 18


@pytest.fixture
def door(stack: LocalStack) -> Iterator[Door]:
    with door_to(stack.settings["AWS_ENDPOINT_URL"]) as made:
        yield made


@pytest.fixture
def changed(stack: LocalStack, tmp_path: Path) -> Iterator[None]:
    """The scripts are another checkout's, where every function's package is another."""
    stack.checkout = copied(tmp_path / "checkout")
    with (stack.checkout / "shared/names.py").open("a") as file:
        file.write("# changed\n")
    yield
    stack.checkout = ROOT


@contextmanager
def load(stack: LocalStack, door: Door) -> Iterator[None]:
    """The source changes each second, and each update of a function meets an extraction."""
    started: list[threading.Thread] = []

    def extract(call: Call) -> None:
        if is_update(call):
            # Its answer may be that it was ended by the update.
            started.append(threading.Thread(target=stack.invoke, args=("extract",)))
            started[-1].start()

    stack.python("local.stack", "tick-start", "--every", "1")
    door.forget()
    door.after = extract
    try:
        yield
    finally:
        stack.python("local.stack", "tick-stop")
        for thread in started:
            thread.join()


def is_update(call: Call) -> bool:
    return call.action.startswith("PUT ") and call.action.endswith("/code")


def codes(stack: LocalStack) -> dict[str, str]:
    listed = stack.aws("lambda").list_functions()["Functions"]
    return {each["FunctionName"]: each["CodeSha256"] for each in listed}


def schedules_are_on(stack: LocalStack) -> bool:
    rules = stack.aws("events").list_rules(NamePrefix=stack.names.prefix)["Rules"]
    return len(rules) == 5 and all(rule["State"] == "ENABLED" for rule in rules)


def no_dead_letters(stack: LocalStack) -> bool:
    sqs = stack.aws("sqs")
    urls = [url for url in sqs.list_queues(QueueNamePrefix=stack.names.prefix)["QueueUrls"] if url.endswith("-dlq")]
    name = "ApproximateNumberOfMessages"
    counts = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name] for url in urls]
    return set(counts) == {"0"}


def ended(stack: LocalStack, door: Door, sign: signal.Signals, scratch: Path) -> subprocess.CompletedProcess[str]:
    """A deploy that is told to end, it and all that it has started, when it has updated two functions."""
    scratch.mkdir()
    environment = stack.environment(AWS_ENDPOINT_URL=door.url, TMPDIR=str(scratch))
    command = [str(stack.checkout / "infra_bash/deploy.sh"), "--local"]
    running = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=hear_interrupts
    )
    extract = door.after

    def after(call: Call) -> None:
        extract(call)
        if sum(map(is_update, door.calls)) == 2 and is_update(call):
            os.killpg(running.pid, sign)

    door.after = after
    _, said = running.communicate(timeout=900)
    wait_for(lambda: not is_alive(running.pid), "the last process of the deploy", longest_s=10)
    assert list(scratch.iterdir()) == []
    return subprocess.CompletedProcess(command, running.returncode, "", said)


def hear_interrupts() -> None:
    """Who runs the tests in the background has them ignore Ctrl-C, and bash cannot trap what it was born to ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def hide_a_message(stack: LocalStack) -> None:
    """As when an update ends a transform in the middle: its manifest is missing, its message hidden for minutes."""
    queue = stack.names.queue("dim_design")
    url = stack.aws("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    with mapping_away(stack, "dim_design"):
        stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 5")
        stack.extract()
        assert stack.aws("sqs").receive_message(QueueUrl=url, VisibilityTimeout=360)["Messages"]


def test_an_update_is_interrupted_refused_and_finished_under_load(
    stack: LocalStack, door: Door, changed: None, tmp_path: Path
) -> None:
    before = codes(stack)
    assert (len(before), len(set(before.values()))) == (FUNCTIONS, 1)

    def have_new() -> int:
        return sum(code != before[name] for name, code in codes(stack).items())

    for sign, code, road in ((signal.SIGTERM, 143, load(stack, door)), (signal.SIGINT, 130, nullcontext())):
        have = have_new()
        door.forget()
        with road:
            stopped = ended(stack, door, sign, tmp_path / sign.name)
        assert stopped.returncode == code, stopped.stderr
        paused, resumed = ([x for x in stopped.stderr.splitlines() if x.startswith(v)] for v in ("pause ", "resume "))
        assert len(paused) == len(resumed) > 0, stopped.stderr
        assert schedules_are_on(stack)
        assert have + 2 <= have_new() < FUNCTIONS

    staff = stack.names.transform("dim_staff")

    def refuse(call: Call) -> Answer | None:
        full = refusal("CodeStorageExceededException", "Code storage limit exceeded.")
        return full if is_update(call) and f"/{staff}/" in call.action else None

    with load(stack, door):
        door.before = refuse
        failed = stack.script("deploy", "--local", AWS_ENDPOINT_URL=door.url)
    assert failed.returncode == 1
    cause, what_to_do = failed.stderr.splitlines()[-2:]
    assert cause.startswith("FAILED  lambda update-function-code: ") and "limit exceeded; delete functions" in cause
    assert what_to_do == (
        f"FAILED  {have_new()} of {FUNCTIONS} functions have the new code, and all of them work;"
        f" the update ended at {staff}; fix the error and run infra_bash/deploy.sh --local again"
    )
    assert codes(stack)[staff] == before[staff] and 0 < have_new() < FUNCTIONS
    assert schedules_are_on(stack)
    change_everything(stack)
    stack.extract()
    stack.arrives()

    hide_a_message(stack)
    old = FUNCTIONS - have_new()
    with load(stack, door):
        finished = stack.script("deploy", "--local", AWS_ENDPOINT_URL=door.url)
    assert finished.returncode == 0, finished.stderr
    assert sum(map(is_update, door.calls)) == old
    assert len(set(codes(stack).values())) == 1 and have_new() == FUNCTIONS
    stack.extract()
    stack.arrives()

    stack.checkout = ROOT
    stack.deploy()
    assert codes(stack) == before
    assert schedules_are_on(stack)
    stack.extract()
    stack.arrives()
    assert no_dead_letters(stack)


def test_a_function_that_is_busy_is_waited_for(stack: LocalStack, door: Door) -> None:
    """AWS changes one thing of a function after the other."""
    stack.aws("lambda").update_function_configuration(FunctionName=stack.names.function("inspect"), Timeout=9)
    refusals = iter([refusal("ResourceConflictException", "An update is in progress.")] * 2)

    def busy(call: Call) -> Answer | None:
        return next(refusals, None) if call.action.endswith("/configuration") and call.is_write else None

    door.before = busy
    done = stack.deploy(AWS_ENDPOINT_URL=door.url)
    assert "wait    until AWS is ready for lambda update-function-configuration" in done.stderr
    assert next(refusals, None) is None
