"""The whole stack on one page: functions, queues, arrows, schedules and the numbers, each with its reason.

`python -m ops.stack.topology [SETTING=VALUE…]` prints it. ops/stack/requests.py turns it into the requests that
deploy.sh sends; bash contains none of it. Pure: no call to AWS, no clock, no environment.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ops.settings.declarations import environment, example_values
from ops.stack.alarms import ALARMS
from shared.names import ALERTS, MAIL, Names

Settings = Mapping[str, str]


class NamedTable(Protocol):
    """The properties of a warehouse table that the topology needs; shared.warehouse.registry has them."""

    @property
    def name(self) -> str: ...

    @property
    def sources(self) -> tuple[str, ...]: ...


Targets = Mapping[str, NamedTable]

INGESTION, PROCESSED = "ingestion", "processed"
BUCKETS = (INGESTION, PROCESSED)
# Packages are stored in the ingestion bucket: a third bucket would have to be protected, too.
DEPLOY_PREFIX = "deploy/"

# health/ is overwritten each minute. Its old versions have no use, and S3 becomes slow for a key with many versions.
HEALTH_VERSION_DAYS = 1
# Any other object that was overwritten or deleted, by a person or by RETENTION_DAYS, can be restored for this long.
VERSION_DAYS = 30
# Only packages are uploaded in parts, which takes a minute.
UPLOAD_DAYS = 1

# SQS must not deliver a message again while a transform of it may still run. AWS recommends six times the timeout.
TRANSFORM_TIMEOUT_S = 60
VISIBILITY_S = 6 * TRANSFORM_TIMEOUT_S
# A dead letter keeps the age of its message, so the dead-letter queue must keep messages longer than the queue.
QUEUE_RETENTION_S = 4 * 86_400
DEAD_LETTER_RETENTION_S = 14 * 86_400
# Several messages per invocation save cold starts; all of them must be processed within one timeout.
MESSAGES_PER_CALL = 5
# The limit for each transform where the account runs few functions at once (a new account: ten). It is the smallest
# value that AWS allows. Reserved concurrency would throttle instead, and each throttled delivery counts as a receive.
TRANSFORMS_AT_ONCE = 2
# From this account limit on, transforms have no limit of their own: each of some ten queues starts with five transforms
# at once. It is half of AWS's default limit; the other half is for other functions.
UNLIMITED_FROM = 500

# Each finished transform triggers a load, after a first run eleven at the same time. One load applies all manifests, so
# a queue collects the triggers: a new account runs only ten functions at once, which the transforms need.
LOAD_TRIGGER = "bell"
LOAD_TIMEOUT_S = 300
# The largest batch for which Lambda does not wait to collect more messages.
TRIGGERS_PER_CALL = 10
# The smallest value that AWS allows. The second load ends when it finds that the first holds the lock. This does not
# depend on the account's limit, because each load opens a session of the warehouse before it can find that out.
LOADS_AT_ONCE = 2
# The smallest value that AWS allows: the function's timeout. A trigger whose load failed is delivered again after it.
TRIGGER_VISIBILITY_S = LOAD_TIMEOUT_S
# An old trigger is not needed: the schedule has loaded its manifest by then. Two loads may fail within this time. A
# trigger contains no data, so it has no dead-letter queue.
TRIGGER_RETENTION_S = 15 * 60

# The next scheduled invocation does the work of a missed one, so a late or repeated invocation has no use.
INVOCATION_MAX_AGE_S = 60
INVOCATION_RETRIES = 0
# Not a setting, because the documentation promises that an incident is found within a minute.
WATCH_SCHEDULE = "rate(1 minute)"
# Parts older than RETENTION_DAYS are removed once a day, at an hour with little other load.
EXPIRE_SCHEDULE = "cron(30 4 * * ? *)"
LOG_RETENTION_DAYS = 14
CODE_VERSION_LENGTH = 12
# The noun of the monthly budget, and the percentages of its limit at which it notifies: of the actual cost, and of the
# cost that is forecast for the month.
BUDGET = "monthly"
BUDGET_NOTIFICATIONS = (("ACTUAL", 80.0), ("FORECASTED", 100.0))
# The path of a private certificate authority in the package. Functions start in the package's root.
CA_IN_PACKAGE = "database-ca.pem"


@dataclass(frozen=True)
class Function:
    """A Lambda function. `table` is the warehouse table of a transform. A `private` function connects to a database, so
    it runs in the VPC if the settings name one."""

    name: str
    handler: str
    memory_mb: int
    timeout_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    private: bool = False


@dataclass(frozen=True)
class Schedule:
    """A rule of EventBridge: `name` invokes `function` at the times of `expression`. `noun` distinguishes the schedules
    of one function; `do` is the command in its event."""

    name: str
    noun: str
    function: str
    expression: str
    do: str = ""

    @property
    def event(self) -> str:
        """Return the event as JSON. It names the rule, so that the log shows which invocations were scheduled."""
        return json.dumps(({"do": self.do} if self.do else {}) | {"rule": self.name})


@dataclass(frozen=True)
class TableQueue:
    """A warehouse table's queue, which receives the change messages of the source tables that it is made from."""

    table: str
    sources: tuple[str, ...]


def known_targets() -> Targets:
    """Return the warehouse tables of this checkout. The import is here because the registry loads pandas."""
    from shared.warehouse.registry import TARGETS

    return TARGETS


def loads_on_manifest(settings: Settings) -> bool:
    """Return whether each manifest triggers a load; otherwise only the schedule does."""
    return settings["LOAD_ON_MANIFEST"] == "yes"


def transforms_at_once(settings: Settings) -> int | None:
    """Return how many invocations of one transform may run at once; None for no limit. Without a limit Lambda polls an
    idle queue less often."""
    chosen = settings.get("TRANSFORMS_AT_ONCE") or str(TRANSFORMS_AT_ONCE)
    return None if chosen == "none" else int(chosen)


def owner_secret(settings: Settings) -> str:
    """Return the name of the secret with the owner's login; by default the loader's login is also the owner's."""
    return settings.get("WAREHOUSE_OWNER_SECRET") or settings["WAREHOUSE_SECRET"]


def secrets(settings: Settings) -> dict[str, str]:
    """Return the names of the secrets, by the setting that names each. A secret with two settings is listed once."""
    named = {name: settings[name] for name in ("SOURCE_SECRET", "WAREHOUSE_SECRET")}
    if owner_secret(settings) not in named.values():
        named["WAREHOUSE_OWNER_SECRET"] = owner_secret(settings)
    named["WAREHOUSE_READER_SECRET"] = settings["WAREHOUSE_READER_SECRET"]
    if slack := settings.get("SLACK_SECRET"):
        named["SLACK_SECRET"] = slack
    return named


def functions(names: Names, settings: Settings, targets: Targets) -> tuple[Function, ...]:
    # The variables of every function. Lambda itself sets the region and, locally, the endpoint.
    common = {"PROJECT": names.project, "STAGE": names.stage, "ACCOUNT_ID": names.account, "PARTITION": names.partition}
    values = {**settings, "WAREHOUSE_OWNER_SECRET": owner_secret(settings)}
    if values.get("DATABASE_CA"):
        values["DATABASE_CA"] = CA_IN_PACKAGE

    def function(noun: str, memory_mb: int, timeout_s: int) -> Function:
        declared = environment(noun, values)
        private = "DATABASE_CA" in declared
        handler = f"handlers.{noun}.handler"
        return Function(names.function(noun), handler, memory_mb, timeout_s, common | declared, private=private)

    return (
        # More memory is more CPU; 1024 MB read a first load in a third of the time of 512.
        function("extract", 1024, 300),
        *(
            Function(
                names.transform(table),
                "handlers.transform.handler",
                512,
                TRANSFORM_TIMEOUT_S,
                common | environment("transform", values) | {"TARGET": table},
                table=table,
            )
            for table in sorted(targets)
        ),
        function("load", 1024, LOAD_TIMEOUT_S),
        function("migrate", 512, 300),
        function("watch", 256, 60),
        function("alert", 256, 60),
        function("inspect", 512, 60),
        # It deletes a thousand objects in a second or two: 300 s are enough for some weeks of runs each minute.
        function("expire", 256, 300),
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


def overview(names: Names, settings: Settings, targets: Targets) -> str:
    """Return the topology as text: one line for each function, queue, topic, alarm and bucket."""
    lines = []
    timed: dict[str, list[str]] = {function: [] for function in (each.function for each in schedules(names, settings))}
    for schedule in schedules(names, settings):
        timed[schedule.function].append(schedule.expression)
    for function in functions(names, settings, targets):
        when = ", ".join(timed.get(function.name, ())) or ("on its queue" if function.table else "when invoked")
        lines.append(f"function {function.name}: {function.memory_mb} MB, {function.timeout_s} s, {when}")
    for queue in queues(targets):
        sources = ", ".join(queue.sources)
        lines.append(f"queue {names.queue(queue.table)}: changes of {sources} -> {names.transform(queue.table)}")
    triggers = f"manifests of {names.bucket(PROCESSED)}" if loads_on_manifest(settings) else "nothing"
    lines.append(f"queue {names.queue(LOAD_TRIGGER)}: {triggers} -> {names.function('load')}")
    lines.append(f"topic {names.topic(ALERTS)}: incidents, alarms -> {names.function('alert')}")
    lines.append(f"topic {names.topic(MAIL)}: alarms, budget -> e-mail")
    for alarm in ALARMS:
        measured = f"{alarm.statistic} of {alarm.metric} in {alarm.periods} x {alarm.period_s} s"
        lines.append(f"alarm {names(alarm.noun)}: {measured} -> {names.topic(alarm.topic)}")
    lines.append(f"bucket {names.bucket(INGESTION)}: runs, batches")
    lines.append(f"bucket {names.bucket(PROCESSED)}: manifests, tables")
    return "\n".join(lines)


def _main(arguments: list[str]) -> None:
    settings = example_values()
    settings |= {name: value for name, _, value in (argument.partition("=") for argument in arguments)}
    names = Names(settings["PROJECT"], settings["STAGE"], settings["AWS_REGION"], "<account>")
    print(overview(names, settings, known_targets()))


if __name__ == "__main__":
    _main(sys.argv[1:])
