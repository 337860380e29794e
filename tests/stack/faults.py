"""What breaks the local stack for real, and how a test knows that it did."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Literal

from pg8000.native import Connection

from local import folders, logins
from local.processes import command_of
from ops.stack.topology import VISIBILITY_S
from shared.warehouse.registry import TARGETS
from tests.stack.door import Answer, Call, Door
from tests.stack.stack import LocalStack, wait_for
from tests.stack.test_deploy import workers

PAYMENT = "transform-fact_payment"
BEHIND_THE_DOOR = ("extract", "load", PAYMENT)
SCHEDULED = ("extract", "load", "watch")
# For a message that was taken. MiniStack looks at its schedules as often.
HURRY_S = 10
SLOW_DOWN = Answer(
    503, [("Content-Type", "application/xml")], b"<Error><Code>SlowDown</Code><Message>Reduce.</Message></Error>"
)
# Longer than any client waits for an answer.
HANG_S = 60.0


# ---- what the functions are told


Variables = dict[str, str]


@contextmanager
def told(stack: LocalStack, nouns: Iterable[str], change: Callable[[Variables], Variables]) -> Iterator[None]:
    """The functions have another environment meanwhile, what `change` makes of theirs. It costs each a cold start."""
    functions, before = stack.aws("lambda"), {}
    for name in map(stack.names.function, nouns):
        before[name] = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": change(before[name])})
    try:
        yield
    finally:
        for name, variables in before.items():
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


@contextmanager
def behind(stack: LocalStack, door: Door) -> Iterator[None]:
    """Three functions find S3 behind the door, and all else where it was."""
    with told(stack, BEHIND_THE_DOOR, lambda variables: variables | {"AWS_ENDPOINT_URL_S3": door.url}):
        yield


@contextmanager
def hurried(stack: LocalStack) -> Iterator[None]:
    """Schedules and queues come again soon. On a busy machine a tick may find the last one still at work: it is
    dropped, or each would start one more process."""
    functions = stack.aws("lambda")
    for name in map(stack.names.function, SCHEDULED):
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    set_pace(stack, "rate(0 minutes)", HURRY_S)
    try:
        yield
    finally:
        set_pace(stack, stack.environment()["EXTRACT_SCHEDULE"], VISIBILITY_S)
        for name in map(stack.names.function, SCHEDULED):
            functions.delete_function_concurrency(FunctionName=name)


def set_pace(stack: LocalStack, schedule: str, visibility_s: int) -> None:
    events, sqs = stack.aws("events"), stack.aws("sqs")
    for name in map(stack.names.function, SCHEDULED):
        events.put_rule(Name=name, ScheduleExpression=schedule)
    for table in TARGETS:
        url = sqs.get_queue_url(QueueName=stack.names.queue(table))["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(visibility_s)})


@contextmanager
def ticking(stack: LocalStack) -> Iterator[None]:
    """The source changes each second."""
    stack.python("local.stack", "tick-start", "--every", "1")
    try:
        yield
    finally:
        stack.python("local.stack", "tick-stop")


# ---- functions killed in the middle


@dataclass(frozen=True)
class Death:
    """Of the function that asks S3 for this, before S3 hears it or after S3 has done it and nobody was told."""

    noun: str
    asks: str
    path: str
    when: Literal["before", "after"] = "before"


@dataclass
class Reaper:
    """Lets each death happen once, in any order."""

    stack: LocalStack
    left: list[Death]
    pids: set[int] = field(default_factory=set)

    def at(self, door: Door) -> None:
        door.before = partial(self._meet, "before")
        door.after = partial(self._meet, "after")

    def _meet(self, when: str, call: Call) -> Answer | None:
        for death in self.left:
            if death.when == when and is_for(call, death.asks, death.path):
                self.left.remove(death)
                self.pids |= kill(self.stack, death.noun)
                return SLOW_DOWN
        return None


def is_for(call: Call, asks: str, path: str) -> bool:
    return call.service == "s3" and call.action.startswith(asks) and path in call.action


def kill(stack: LocalStack, noun: str) -> set[int]:
    """kill -9 for all processes of a function."""
    pids = workers(stack).get(stack.names.function(noun), set())
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def are_gone(pids: set[int]) -> bool:
    return not any(command_of(pid) for pid in pids)


# ---- S3 in trouble


@dataclass
class Hold:
    """Calls that are asked and not answered, until `release` or for longer than any client waits."""

    asks: str
    path: str
    held: list[Call] = field(default_factory=list)
    released: Event = field(default_factory=Event)

    def __call__(self, call: Call) -> Answer | None:
        if is_for(call, self.asks, self.path) and not self.released.is_set():
            self.held.append(call)
            self.released.wait(HANG_S)
        return None


@dataclass
class Trouble:
    """S3 hangs up, is overloaded, and hangs: call by call, so that each function meets all of it."""

    hanging: Hold = field(default_factory=lambda: Hold("", "/"))
    met: Counter[str] = field(default_factory=Counter)

    def begin_after(self, door: Door, asks: str, path: str) -> None:
        def begin(call: Call) -> None:
            if is_for(call, asks, path):
                door.before = self

        door.after = begin

    def __call__(self, call: Call) -> Answer | None:
        kind = ("hung up", "overloaded", "hanging")[self.met.total() % 3]
        self.met[kind] += 1
        if kind == "hung up":
            raise ConnectionAbortedError
        return SLOW_DOWN if kind == "overloaded" else self.hanging(call)


# ---- a full disk


@contextmanager
def no_file_of(pids: set[int]) -> Iterator[None]:
    """Whatever these processes write into a file fails, wherever it lies: it would be too long."""
    for pid in pids:
        file_size(pid, "--fsize=0:")
    try:
        yield
        # Of several processes of a function the emulator ends those that nobody needs.
        left = {file_size(pid, "--fsize", "--output=SOFT", "--noheadings") for pid in pids} - {""}
        assert left == {"0"}, left
    finally:
        for pid in pids:
            file_size(pid, "--fsize=unlimited:")


def file_size(pid: int, *options: str) -> str:
    """Run prlimit as the process's own user: root may not be allowed it of another's. Nothing of one that ended."""
    place = Path(f"/proc/{pid}")
    if not place.exists():
        return ""
    command = ["prlimit", f"--pid={pid}", *options]
    them = place.stat()
    done = subprocess.run(
        command, user=them.st_uid, group=them.st_gid, extra_groups=[], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not place.exists(), done.stderr
    return done.stdout.strip()


# ---- PostgreSQL


def crash(stack: LocalStack, while_down: Callable[[], None] = lambda: None) -> None:
    """PostgreSQL stops as in a power cut, and starts again; its log says that it had to recover."""
    server = stack.server
    said_before = server.log.read_text().count("automatic recovery in progress")
    server.stop("immediate")
    assert not server.running
    while_down()
    server.start()
    assert server.log.read_text().count("automatic recovery in progress") == said_before + 1


def in_transaction(stack: LocalStack) -> set[str]:
    """The functions' logins that are in the middle of a transaction."""
    with stack.server.superuser() as admin:
        found = admin.run(
            "SELECT usename FROM pg_stat_activity WHERE xact_start IS NOT NULL AND application_name = 'totestream'"
        )
    return {str(name) for (name,) in found}


@contextmanager
def no_connection_left(stack: LocalStack) -> Iterator[None]:
    """For the functions' logins."""
    with stack.server.superuser() as admin:
        set_limit(admin, 0)
        try:
            yield
        finally:
            set_limit(admin, -1)


def set_limit(admin: Connection, limit: int) -> None:
    for login in (logins.EXTRACT, logins.LOAD):
        admin.run(f"ALTER ROLE {login} CONNECTION LIMIT {limit}")


@contextmanager
def reader_of(stack: LocalStack, table: str) -> Iterator[None]:
    """A report that wants a warehouse table to stand still."""
    session = stack.warehouse()
    session.run("BEGIN")
    session.run(f"LOCK TABLE {table} IN SHARE MODE")
    try:
        yield
    finally:
        session.close()


# ---- the emulator


def emulator_pid(stack: LocalStack) -> int:
    return int((folders.ministack_home(stack.folder) / "pid").read_text())


def start_again(stack: LocalStack) -> None:
    stack.python("local.stack", "start")


def wait_until_held(*holds: Hold) -> None:
    wait_for(lambda: all(hold.held for hold in holds), "calls that hang")
