"""The whole stack on one page: functions, queues, arrows, schedules and the numbers, each with its reason.

`python -m ops.stack.topology [SETTING=VALUE…]` prints it. Bash knows nothing of it: ops/stack/requests.py
turns it into the requests that deploy.sh sends. Nothing here asks AWS, a clock or the environment.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ops.stack.alarms import ALARMS
from shared.names import ALERTS, MAIL, Names

Settings = Mapping[str, str]


class NamedTable(Protocol):
    """What shared.warehouse.registry says of a warehouse table."""

    @property
    def name(self) -> str: ...

    @property
    def sources(self) -> tuple[str, ...]: ...


Targets = Mapping[str, NamedTable]

INGESTION, PROCESSED = "ingestion", "processed"
BUCKETS = (INGESTION, PROCESSED)
# Packages lie beside the data: a third bucket would be one more thing to guard.
DEPLOY_PREFIX = "deploy/"

# health/ is written each minute and says what was: nobody wants to know what it said yesterday, and S3 slows down for
# a key with very many versions.
HEALTH_VERSION_DAYS = 1
# Whatever else was written over or deleted, by a hand or by RETENTION_DAYS, can be had back for so long.
VERSION_DAYS = 30
# An upload in parts is a package's, and takes a minute.
UPLOAD_DAYS = 1

# SQS must not show a message again while a transform of it may still run: AWS asks for six times its timeout.
TRANSFORM_TIMEOUT_S = 60
VISIBILITY_S = 6 * TRANSFORM_TIMEOUT_S
# A dead letter keeps the age of its message, so its queue must keep longer than the first one.
QUEUE_RETENTION_S = 4 * 86_400
DEAD_LETTER_RETENTION_S = 14 * 86_400
# A few at once save starts; all of a batch must be done within one timeout.
MESSAGES_PER_CALL = 5
# So many of one transform where the account runs few functions at once (a new one ten): the least that AWS allows.
# Reserved concurrency would throttle, and throttling uses up receives.
TRANSFORMS_AT_ONCE = 2
# From so many on the account has room for all: each of some ten queues begins with five transforms at once. It is half
# of what AWS gives an account by default, the rest being for other functions.
PLENTY_AT_ONCE = 500

# Each finished transform rings the loader, eleven at once after a first run, and one load takes all that is there:
# a queue gathers the rings. A new account runs ten functions at once in all, and the transforms want those.
BELL = "bell"
LOAD_TIMEOUT_S = 300
# As many as one call can take without waiting for more.
BELLS_PER_CALL = 10
# The least that AWS allows: the second finds the first at work and leaves. Whatever the account runs at once, for each
# load opens a session of the warehouse before it knows.
BELLS_AT_ONCE = 2
# The least that AWS allows: a bell whose load failed rings again so much later.
BELL_VISIBILITY_S = LOAD_TIMEOUT_S
# Nobody misses an old bell: by then the schedule has loaded what it rang for. Two loads may fail meanwhile. It says
# nothing, so there is no dead-letter queue to keep it.
BELL_RETENTION_S = 15 * 60

# What is missed comes with the next minute: a late or repeated tick helps nobody.
TICK_MAX_AGE_S = 60
TICK_RETRIES = 0
# A promise to the operator rather than a preference of theirs: incidents are seen within a minute.
WATCH_SCHEDULE = "rate(1 minute)"
# What RETENTION_DAYS has let grow too old is removed each day, at an hour when little else is done.
EXPIRE_SCHEDULE = "cron(30 4 * * ? *)"
LOG_RETENTION_DAYS = 14
CODE_VERSION_LENGTH = 12
# What AWS spends in a month is watched by a budget of this noun, which tells of it in time to do something: the
# percentage of the limit that was spent, and the one that the month will come to.
BUDGET = "monthly"
BUDGET_NOTICES = (("ACTUAL", 80.0), ("FORECASTED", 100.0))
# Where a private certificate authority lies, relative to the package's root, which is where functions start.
CA_IN_PACKAGE = "database-ca.pem"


@dataclass(frozen=True)
class Function:
    """`table` is the warehouse table of a transform, `private` says that it talks to a database and so runs in the
    VPC when there is one."""

    name: str
    handler: str
    memory_mb: int
    timeout_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    private: bool = False


@dataclass(frozen=True)
class Schedule:
    """The rule `name` invokes `function` when `expression`, EventBridge's, says so. `noun` tells the schedules of one
    function apart, `do` is what the function is asked to do."""

    name: str
    noun: str
    function: str
    expression: str
    do: str = ""

    @property
    def event(self) -> str:
        """It names the rule: what is done by it can be told from what somebody has invoked."""
        return json.dumps(({"do": self.do} if self.do else {}) | {"rule": self.name})


@dataclass(frozen=True)
class TableQueue:
    """A warehouse table's queue hears of the changes of the tables it is made of."""

    table: str
    sources: tuple[str, ...]


def known_targets() -> Targets:
    """The warehouse tables of this checkout. Imported late: the registry loads pandas."""
    from shared.warehouse.registry import TARGETS

    return TARGETS


def rings(settings: Settings) -> bool:
    """Whether a manifest wakes the loader, or the schedule alone does."""
    return settings["LOAD_ON_MANIFEST"] == "yes"


def transforms_at_once(settings: Settings) -> int | None:
    """How many of one transform may be at work; None for no limit, and then Lambda polls an idle queue less often."""
    chosen = settings.get("TRANSFORMS_AT_ONCE") or str(TRANSFORMS_AT_ONCE)
    return None if chosen == "none" else int(chosen)


def owner_secret(settings: Settings) -> str:
    """One login may be both the loader's and the owner's."""
    return settings.get("WAREHOUSE_OWNER_SECRET") or settings["WAREHOUSE_SECRET"]


def secrets(settings: Settings) -> dict[str, str]:
    """Which setting names which secret; one secret that serves twice is listed once."""
    asked = {name: settings[name] for name in ("SOURCE_SECRET", "WAREHOUSE_SECRET")}
    if owner_secret(settings) not in asked.values():
        asked["WAREHOUSE_OWNER_SECRET"] = owner_secret(settings)
    asked["WAREHOUSE_READER_SECRET"] = settings["WAREHOUSE_READER_SECRET"]
    if slack := settings.get("SLACK_SECRET"):
        asked["SLACK_SECRET"] = slack
    return asked


def _named(settings: Settings, *names: str) -> dict[str, str]:
    return {name: settings.get(name, "") for name in names}


def functions(names: Names, settings: Settings, targets: Targets) -> tuple[Function, ...]:
    # What every function is told. The region, and locally the endpoint, come from Lambda itself.
    common = {"PROJECT": names.project, "STAGE": names.stage, "ACCOUNT_ID": names.account, "PARTITION": names.partition}
    database = _named(settings, "DATABASE_CA", "DATABASE_PLAINTEXT")
    if database["DATABASE_CA"]:
        database["DATABASE_CA"] = CA_IN_PACKAGE
    schema = database | _named(settings, "WAREHOUSE_SCHEMA")
    warehouse = schema | _named(settings, "WAREHOUSE_SECRET")
    reader = _named(settings, "WAREHOUSE_READER_SECRET")
    reask = _named(settings, "REASK_AFTER_S")

    def function(noun: str, memory_mb: int, timeout_s: int, **own: str) -> Function:
        private = "DATABASE_CA" in own
        return Function(
            names.function(noun), f"handlers.{noun}.handler", memory_mb, timeout_s, common | own, private=private
        )

    return (
        # More memory is more CPU; 1024 MB read a first load in a third of the time of 512.
        function(
            "extract",
            1024,
            300,
            **database,
            **_named(settings, "SOURCE_SECRET"),
        ),
        *(
            Function(
                names.transform(table),
                "handlers.transform.handler",
                512,
                TRANSFORM_TIMEOUT_S,
                common | {"TARGET": table},
                table=table,
            )
            for table in sorted(targets)
        ),
        function("load", 1024, LOAD_TIMEOUT_S, **warehouse, **reask),
        function("migrate", 512, 300, **warehouse, **reader, WAREHOUSE_OWNER_SECRET=owner_secret(settings)),
        function("watch", 256, 60, **reask, **_named(settings, "FRESHNESS_OBJECTIVE_S")),
        function("alert", 256, 60, **_named(settings, "SLACK_SECRET", "SLACK_HOSTS", "ALERT_EMAIL")),
        function("inspect", 512, 60, **schema, **reader),
        # A thousand objects a second or two: 300 s are what a stack of a run each minute makes in weeks.
        function("expire", 256, 300, **_named(settings, "RETENTION_DAYS")),
    )


def schedules(names: Names, settings: Settings) -> tuple[Schedule, ...]:
    extract, load, watch, expire = (names.function(noun) for noun in ("extract", "load", "watch", "expire"))
    return (
        Schedule(extract, "schedule", extract, settings["EXTRACT_SCHEDULE"]),
        Schedule(load, "schedule", load, settings["LOAD_SCHEDULE"]),
        Schedule(watch, "schedule", watch, WATCH_SCHEDULE),
        Schedule(expire, "schedule", expire, EXPIRE_SCHEDULE),
        Schedule(names("reconcile"), "reconcile", extract, settings["RECONCILE_SCHEDULE"], "reconcile"),
    )


def queues(targets: Targets) -> tuple[TableQueue, ...]:
    return tuple(TableQueue(name, tuple(sorted(target.sources))) for name, target in sorted(targets.items()))


def page(names: Names, settings: Settings, targets: Targets) -> str:
    """The topology to be read aloud."""
    lines = []
    timed: dict[str, list[str]] = {function: [] for function in (each.function for each in schedules(names, settings))}
    for schedule in schedules(names, settings):
        timed[schedule.function].append(schedule.expression)
    for function in functions(names, settings, targets):
        when = ", ".join(timed.get(function.name, ())) or ("on its queue" if function.table else "when invoked")
        lines.append(f"function {function.name}: {function.memory_mb} MB, {function.timeout_s} s, {when}")
    for queue in queues(targets):
        heard = ", ".join(queue.sources)
        lines.append(f"queue {names.queue(queue.table)}: changes of {heard} -> {names.transform(queue.table)}")
    heard = f"manifests of {names.bucket(PROCESSED)}" if rings(settings) else "nothing"
    lines.append(f"queue {names.queue(BELL)}: {heard} -> {names.function('load')}")
    lines.append(f"topic {names.topic(ALERTS)}: incidents, alarms -> {names.function('alert')}")
    lines.append(f"topic {names.topic(MAIL)}: alarms, budget -> e-mail")
    for alarm in ALARMS:
        seen = f"{alarm.statistic} of {alarm.metric} in {alarm.periods} x {alarm.period_s} s"
        lines.append(f"alarm {names(alarm.noun)}: {seen} -> {names.topic(alarm.topic)}")
    lines.append(f"bucket {names.bucket(INGESTION)}: runs, batches")
    lines.append(f"bucket {names.bucket(PROCESSED)}: manifests, tables")
    return "\n".join(lines)


def _main(arguments: list[str]) -> None:
    settings = {
        "PROJECT": "totestream",
        "STAGE": "dev",
        "AWS_REGION": "eu-west-2",
        "EXTRACT_SCHEDULE": "rate(1 minute)",
        "LOAD_SCHEDULE": "rate(1 minute)",
        "RECONCILE_SCHEDULE": "cron(30 3 * * ? *)",
        "LOAD_ON_MANIFEST": "yes",
        "SOURCE_SECRET": "source",
        "WAREHOUSE_SECRET": "warehouse",
    }
    settings |= {name: value for name, _, value in (argument.partition("=") for argument in arguments)}
    names = Names(settings["PROJECT"], settings["STAGE"], settings["AWS_REGION"], "<account>")
    print(page(names, settings, known_targets()))


if __name__ == "__main__":
    _main(sys.argv[1:])
