"""What a stack costs in a month, line by line: the table of docs/cost.md.

    python -m benchmarks.bill

Pure arithmetic: the counted calls of a minute (benchmarks/calls.py), what AWS calls by itself, and prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.calls import REGION, SETTINGS
from ops.stack import topology
from ops.stack.alarms import ALARMS
from shared.alerts.metrics import METRICS
from shared.aws.logins import KEPT_S
from shared.names import Names
from shared.warehouse.registry import TARGETS

# As AWS counts a month: 730 hours.
MINUTES = 730 * 60

# What benchmarks/calls.py counts: by function, all transforms being one, and operation. A test holds them to it.
QUIET_MINUTE: Mapping[tuple[str, str], int] = {
    ("extract", "GetObject"): 4,
    ("extract", "ListObjectsV2"): 2,
    ("extract", "PutObject"): 1,
    ("load", "GetObject"): 2,
    ("load", "ListObjectsV2"): 1,
    ("load", "PutObject"): 1,
    ("watch", "GetObject"): 6,
    ("watch", "GetQueueAttributes"): 11,
    ("watch", "PutMetricData"): 1,
    ("watch", "PutObject"): 1,
}
QUIET_INVOKED: Mapping[str, int] = {"extract": 1, "load": 1, "watch": 1}
RUN_MINUTE: Mapping[tuple[str, str], int] = {
    ("extract", "GetObject"): 5,
    ("extract", "ListObjectsV2"): 2,
    ("extract", "PublishBatch"): 1,
    ("extract", "PutObject"): 7,
    ("load", "GetObject"): 16,
    ("load", "ListObjectsV2"): 4,
    ("load", "PutObject"): 2,
    ("transform", "GetObject"): 13,
    ("transform", "PutObject"): 8,
    ("watch", "GetObject"): 10,
    ("watch", "GetQueueAttributes"): 11,
    ("watch", "ListObjectsV2"): 2,
    ("watch", "PutMetricData"): 1,
    ("watch", "PutObject"): 2,
}
RUN_INVOKED: Mapping[str, int] = {"extract": 1, "transform": 4, "load": 2, "watch": 1}
RUN_MESSAGES = 5

# Not measured on AWS: a call takes so long, and writes so much into its log.
ASSUMED_S = 2.0
ASSUMED_LOG_GB = 1e-6
# A long poll waits 20 seconds. Lambda has five at a time on an idle queue whose mapping has a limit, else two:
# docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLS_A_MINUTE = {True: 5 * 3, False: 2 * 3}
# The logins of extract, load and inspect, and Slack's webhook.
SECRETS = 4
READERS_OF_SECRETS = 2


@dataclass(frozen=True)
class Price:
    """`usd` for `per` of a thing, beyond what AWS gives an account each month for nothing."""

    usd: float
    per: int = 1
    free: float = 0

    def of(self, number: float) -> float:
        return max(number - self.free, 0) / self.per * self.usd


MILLION = 1_000_000
# Of eu-west-2, in US dollars without taxes, as known in 2025 and not looked up since. Those of us-east-1 differ by some
# per cent. The free ones are AWS's "always free": they do not end after a year.
PRICES: Mapping[str, Price] = {
    "S3: PUT and LIST": Price(0.0053, 1000),
    "S3: GET": Price(0.00042, 1000),
    "SQS: requests": Price(0.40, MILLION, MILLION),
    "SNS: messages": Price(0.50, MILLION, MILLION),
    "Secrets Manager: secrets": Price(0.40),
    "Secrets Manager: reads": Price(0.05, 10_000),
    "Lambda: invocations": Price(0.20, MILLION, MILLION),
    "Lambda: GB-seconds (arm64)": Price(0.0000133334, 1, 400_000),
    "CloudWatch: metrics": Price(0.30, 1, 10),
    "CloudWatch: PutMetricData": Price(0.01, 1000, MILLION),
    "CloudWatch: alarms": Price(0.10, 1, 10),
    "CloudWatch: dashboards of at most 50 metrics": Price(3.00, 1, 3),
    "CloudWatch: GB of logs": Price(0.5985, 1, 5),
}
Usage = Mapping[str, float]
"""How many in a month, by PRICES."""


@dataclass(frozen=True)
class Minute:
    """What is done in each minute of a month."""

    title: str
    calls: Mapping[tuple[str, str], int]
    invoked: Mapping[str, int]
    messages: int = 0
    limited: bool = False

    def count(self, *operations: str) -> int:
        return sum(count for (_, operation), count in self.calls.items() if operation in operations)


REST = Minute("at rest", QUIET_MINUTE, QUIET_INVOKED)
LIMITED = Minute("at rest, with a limit", QUIET_MINUTE, QUIET_INVOKED, limited=True)
BUSY = Minute("a run each minute", RUN_MINUTE, RUN_INVOKED, RUN_MESSAGES)
MONTHS = (REST, LIMITED, BUSY)


def usage(minute: Minute) -> Usage:
    return {
        "S3: PUT and LIST": MINUTES * minute.count("PutObject", "ListObjectsV2"),
        "S3: GET": MINUTES * minute.count("GetObject"),
        "SQS: requests": MINUTES * (minute.count("GetQueueAttributes") + _polls(minute.limited) + _handed_over(minute)),
        # Of a batch each message counts.
        "SNS: messages": MINUTES * minute.messages,
        "Secrets Manager: secrets": SECRETS,
        "Secrets Manager: reads": MINUTES * 60 / KEPT_S * READERS_OF_SECRETS,
        "Lambda: invocations": MINUTES * sum(minute.invoked.values()),
        "Lambda: GB-seconds (arm64)": MINUTES * ASSUMED_S * _gigabytes(minute.invoked),
        "CloudWatch: metrics": len(METRICS),
        "CloudWatch: PutMetricData": MINUTES * minute.count("PutMetricData"),
        "CloudWatch: alarms": len(ALARMS),
        "CloudWatch: dashboards of at most 50 metrics": 1,
        "CloudWatch: GB of logs": MINUTES * ASSUMED_LOG_GB * sum(minute.invoked.values()),
    }


def total(minute: Minute) -> float:
    return sum(PRICES[name].of(number) for name, number in usage(minute).items())


def second(minute: Minute) -> float:
    """Of a stack beside one that is at rest: what is free is used up in part."""
    pairs = ((price, usage(REST)[name], usage(minute)[name]) for name, price in PRICES.items())
    return sum(price.of(first + more) - price.of(first) for price, first, more in pairs)


def _polls(limited: bool) -> int:
    """Of the tables' queues, and of the bell, which always has a limit."""
    return len(TARGETS) * POLLS_A_MINUTE[limited] + POLLS_A_MINUTE[True]


def _handed_over(minute: Minute) -> int:
    """A message is sent, received and deleted, and each transform's manifest rings the bell, once more each."""
    return 3 * (minute.messages + minute.invoked.get("transform", 0))


def _gigabytes(invoked: Mapping[str, int]) -> float:
    """Of all that are invoked."""
    names = Names(SETTINGS["PROJECT"], SETTINGS["STAGE"], REGION, SETTINGS["ACCOUNT_ID"])
    functions = topology.functions(names, SETTINGS, TARGETS)
    memory = {("transform" if each.table else each.name.rpartition("-")[2]): each.memory_mb for each in functions}
    return sum(count * memory[noun] / 1024 for noun, count in invoked.items())


def table() -> list[str]:
    """In Markdown. What is free is shown, too: it is what another stack of the account may use up."""
    heads = [f"{minute.title} | USD" for minute in MONTHS]
    lines = [f"| a month | free | {' | '.join(heads)} |", "|---|--:|" + "--:|--:|" * len(MONTHS)]
    for name, price in PRICES.items():
        cells = [f"{_number(usage(minute)[name])} | {price.of(usage(minute)[name]):.2f}" for minute in MONTHS]
        lines.append(f"| {name} | {_number(price.free)} | {' | '.join(cells)} |")
    return [*lines, f"| **all** | | {' | '.join(f'| **{total(minute):.2f}**' for minute in MONTHS)} |"]


def _number(number: float) -> str:
    if number >= MILLION:
        return f"{number / MILLION:.2f} M"
    return f"{number:,.0f}" if number >= 1 or not number else f"{number:.2f}"


if __name__ == "__main__":
    print("\n".join(table()))
