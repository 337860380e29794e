"""Real faults in the middle of real work: afterwards every table equals the oracle, and nobody has lent a hand."""

import os
import signal
from collections.abc import Iterator

import pytest

from local import folders
from local.ministack import Ministack
from tests.stack import faults
from tests.stack.door import Call, Door, door_to
from tests.stack.faults import BEHIND_THE_DOOR, PAYMENT, Death, Hold, Reaper, Trouble, ticking
from tests.stack.function_logs import Logs
from tests.stack.stack import LocalStack, wait_for
from tests.stack.test_deploy import workers
from tests.stack.test_links import change_everything
from tests.stack.test_update import no_dead_letters


@pytest.fixture(scope="module")
def door_of_the_module(stack: LocalStack) -> Iterator[Door]:
    """Between the functions and S3."""
    with door_to(stack.settings["AWS_ENDPOINT_URL"]) as made, faults.behind(stack, made), faults.hurried(stack):
        yield made
        made.forget()


@pytest.fixture
def door(door_of_the_module: Door) -> Iterator[Door]:
    yield door_of_the_module
    door_of_the_module.forget()


@pytest.fixture
def logs(door: Door, stack: LocalStack) -> Logs:
    return Logs(stack)


def start_work(stack: LocalStack) -> None:
    """What becomes of the call is not asked: it may find another at work, or be killed before it can answer."""
    change_everything(stack)
    stack.aws("lambda").invoke(FunctionName=stack.names.function("extract"), InvocationType="Event")


def test_functions_are_killed_in_the_middle(stack: LocalStack, door: Door, logs: Logs) -> None:
    reaper = Reaper(
        stack,
        [
            Death("extract", "PUT", "/runs/", "after"),
            Death("extract", "PUT", "/published/"),
            Death(PAYMENT, "PUT", "/fact_payment.json"),
            Death("load", "GET", "/tables/fact_sales_order/"),
        ],
    )
    reaper.at(door)
    with ticking(stack):
        start_work(stack)
        wait_for(lambda: not reaper.left, "the last of the deaths")
    stack.arrives()
    assert len(reaper.pids) >= 4 and faults.are_gone(reaper.pids)
    for noun in BEHIND_THE_DOOR:
        assert logs.cut_short(noun), f"the log of {noun} shows no start without an end"
    assert no_dead_letters(stack)


def test_postgresql_crashes_during_an_extraction_and_a_load(stack: LocalStack, door: Door, logs: Logs) -> None:
    loading, reading = Hold("GET", "/tables/fact_sales_order/"), Hold("PUT", "/batches/")

    def release() -> None:
        loading.released.set()
        reading.released.set()

    with ticking(stack):
        door.before = loading
        start_work(stack)
        faults.wait_until_held(loading)
        door.before = lambda call: loading(call) or reading(call)
        start_work(stack)
        faults.wait_until_held(reading)
        assert faults.in_transaction(stack) == {"totestream_extract", "totestream_load"}
        # Before it is back, which takes long on a busy machine: their clients of S3 wait 10 s for an answer.
        faults.crash(stack, while_down=release)
    stack.arrives()
    assert logs.say("extract", "extraction failed", "source:")
    assert logs.say("load", "load failed", "warehouse: the connection was lost")


def test_no_connection_is_left_and_then_a_reader_holds_a_table(stack: LocalStack, door: Door, logs: Logs) -> None:
    with faults.reader_of(stack, "fact_payment"):
        with faults.no_connection_left(stack):
            change_everything(stack)
            wait_for(lambda: logs.say("extract", "extraction failed", "53300"), "an extraction without a connection")
            wait_for(lambda: logs.say("load", "load failed", "53300"), "a load without a connection")
        wait_for(lambda: logs.say("load", "table was not loaded", "fact_payment", "55P03"), "a load that meets a lock")
        wait_for(lambda: stack.differing() == ["fact_payment"], "all that nobody holds")
    stack.arrives()


def test_s3_hangs_up_is_overloaded_and_hangs(stack: LocalStack, door: Door, logs: Logs) -> None:
    """From the moment on in which a run is committed: its messages meet it, and so do the schedules."""
    trouble = Trouble()
    with ticking(stack):
        trouble.begin_after(door, "PUT", "/runs/")
        start_work(stack)
        wait_for(lambda: logs.say("extract", "extraction failed", "S3"), "an extraction in trouble")
        wait_for(lambda: logs.say("load", "load failed", "S3"), "a load in trouble")
        wait_for(lambda: logs.say(PAYMENT, "message will be retried", "S3"), "a transform in trouble")
        wait_for(lambda: len(trouble.met) == 3 and min(trouble.met.values()) >= 3, "each trouble three times")
        door.forget()
        trouble.hanging.released.set()
    stack.arrives()
    assert no_dead_letters(stack)


@pytest.mark.soak
def test_the_emulator_is_stopped_and_then_killed(stack: LocalStack, door: Door, logs: Logs) -> None:
    """Stopped, it keeps its messages. Killed, it has those of when it was stopped, and the watch asks for the rest."""
    transforming = Hold("PUT", "/tables/fact_payment/")
    door.before = transforming
    with ticking(stack):
        start_work(stack)
        faults.wait_until_held(transforming)
        pid = faults.emulator_pid(stack)
        Ministack(folders.ministack_home(stack.folder)).stop()
        transforming.released.set()
        faults.start_again(stack)

        def end(call: Call) -> None:
            if faults.is_for(call, "PUT", "/published/"):
                door.after = lambda call: None
                os.killpg(faults.emulator_pid(stack), signal.SIGKILL)

        second = faults.emulator_pid(stack)
        start_work(stack)
        door.after = end
        wait_for(lambda: faults.are_gone({second}), "the end of the emulator")
        faults.start_again(stack)
    stack.arrives()
    assert pid != second != faults.emulator_pid(stack)
    assert logs.say("watch", "missing manifest was republished")
    assert no_dead_letters(stack)


def test_no_function_needs_a_disk(stack: LocalStack, door: Door) -> None:
    """Each runs in a process that can write not one byte into a file."""
    before = workers(stack)
    with faults.no_file_of(set().union(*before.values())):
        start_work(stack)
        stack.arrives()
        after = workers(stack)
    for name, pids in before.items():
        assert pids & after[name], f"{name} was restarted"
