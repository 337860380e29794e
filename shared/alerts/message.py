"""How a notice looks in Slack and in an e-mail, within what each of them takes."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

from shared.alerts.notice import Notice, What

# Slack's limits, in characters and of what it is sent: docs.slack.dev, "Block Kit" and "Incoming webhooks".
HEADER, SECTION, FIELD, TEXT = 150, 3000, 2000, 40_000
FIELDS = 10
# Of fifty blocks the numbers take ten at most, and the rest six.
MOST_NUMBERS = 100
# SNS takes a subject of less than 100, and 256 kB of text: four bytes a character at most.
SUBJECT, MAIL = 99, 40_000
# Names of stacks and regions are shorter. A link that is cut leads nowhere: so what it is made of is cut.
NAME, ANCHOR = 50, 500

Block = dict[str, Any]
SIGNS: dict[What, str] = {"begun": "🔴", "open": "🔁", "ended": "🟢", "told": "🔵"}
# In an e-mail's subject, which is ASCII.
WORDS: dict[What, str] = {"begun": "BEGUN", "open": "STILL OPEN", "ended": "OVER", "told": "TOLD"}


def slack_payload(notice: Notice) -> dict[str, Any]:
    """`text` is what a notification shows, and whoever cannot see blocks."""
    head = f"{SIGNS[notice.event]} {_title(notice)}"
    text = _lines(head, _where(notice), notice.says)
    return {"text": fitted(text, TEXT), "blocks": list(_blocks(notice, head))}


def mail_subject(notice: Notice) -> str:
    subject = f"[{notice.stack}] {WORDS[notice.event]} {_title(notice)}"
    ascii_only = " ".join(subject.encode("ascii", "replace").decode().split())
    return ascii_only if len(ascii_only) <= SUBJECT else ascii_only[: SUBJECT - 3] + "..."


def mail_text(notice: Notice, why: str = "") -> str:
    """`why` Slack was not reached, where it should have been; what matters stands first, for the end may be cut."""
    text = _lines(
        f"{WORDS[notice.event]}: {_title(notice)}",
        _where(notice),
        when(notice),
        f"Run: {notice.command}" if notice.command else "",
        f"Runbook: {_runbook(notice)}",
        f"Dashboard: {_dashboard(notice)}",
        f"This is an e-mail because Slack was not reached: {why}" if why else "",
        *(f"{name}: {number(value)}" for name, value in notice.numbers.items()),
        notice.says,
    )
    return _cut(text, MAIL)


def fitted(text: str, most: int) -> str:
    """`text` as Slack wants it, its three special characters escaped, in at most so many characters."""
    return re.sub("&[a-z]*…$", "…", _cut(_escaped(text), most))  # no half of an &amp; is left


def when(notice: Notice) -> str:
    """Since when it is so and for how long; or that it is over."""
    since = f"since {_minute(notice.since)}" if notice.since else ""
    lasted = duration(notice.lasted) if notice.lasted is not None else ""
    at = _minute(notice.at) if notice.at else ""
    match notice.event:
        case "ended":
            over = f"Over at {at}" if at else "Over"
            return f"{over}: it lasted {lasted}, {since}" if lasted else over
        case "open":
            return f"Still open {since}, for {lasted}" if lasted else "Still open"
        case "begun":
            return f"Begun: {since}, for {lasted}" if lasted else "Begun"
        case "told":
            return at


def duration(time: timedelta) -> str:
    """The two greatest units of it: "2 d 4 h", "12 min", "40 s"."""
    seconds = int(time.total_seconds())
    units = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    told = [f"{count} {unit}" for count, unit in units if count]
    return " ".join(told[:2]) or "0 s"


def number(value: float) -> str:
    return f"{value:,.10g}"


def _blocks(notice: Notice, head: str) -> Iterator[Block]:
    yield {"type": "header", "text": _plain(fitted(head, HEADER))}
    if place := _lines(_where(notice), when(notice)):
        yield {"type": "section", "text": _plain(fitted(place, SECTION))}
    if notice.says:
        yield {"type": "section", "text": _plain(fitted(notice.says, SECTION))}
    fields = iter([_plain(fitted(text, FIELD)) for text in _numbers(notice)])
    while some := list(islice(fields, FIELDS)):
        yield {"type": "section", "fields": some}
    if notice.command:
        yield {"type": "section", "text": _markup(_code(notice.command))}
    runbook = _plain(fitted(_runbook(notice), ANCHOR))
    yield {"type": "context", "elements": [_markup(f"<{_dashboard(notice)}|Dashboard>"), runbook]}


def _numbers(notice: Notice) -> Iterable[str]:
    texts = [f"{name}\n{number(value)}" for name, value in notice.numbers.items()]
    if len(texts) <= MOST_NUMBERS:
        return texts
    return [*texts[: MOST_NUMBERS - 1], f"… and {len(texts) - MOST_NUMBERS + 1} more numbers"]


def _code(command: str) -> str:
    """Nothing in it is markup, but the fence itself: its accents are kept apart by a space without width."""
    fence = "```"
    apart = "\u200b".join(fence)
    return f"{fence}\n{fitted(command.replace(fence, apart), SECTION - 2 * len(fence) - 2)}\n{fence}"


def _title(notice: Notice) -> str:
    title = " ".join(notice.title.split()) or notice.kind or "without a title"
    return title if notice.subject in title else f"{notice.subject}: {title}"


def _where(notice: Notice) -> str:
    return ", ".join(name for name in (notice.subject, notice.stack) if name)


def _runbook(notice: Notice) -> str:
    return "docs/runbook.md" + (f"#{notice.runbook}" if notice.runbook else "")


# Where the console of a partition is that is not AWS's first, by how its regions' names begin.
CONSOLES = {
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
    "eusc-": "console.amazonaws-eusc.eu",
}


def _dashboard(notice: Notice) -> str:
    """Without any character that is special in a link of Slack's."""
    region, stack = (quote(name[:NAME], safe="") for name in (notice.region, notice.stack))
    hosts = (host for begins, host in CONSOLES.items() if region.startswith(begins))
    console = next(hosts, "console.aws.amazon.com")
    return f"https://{region}.{console}/cloudwatch/home?region={region}#dashboards/dashboard/{stack}"


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _plain(text: str) -> Block:
    """No table's name is mistaken for markup."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _markup(text: str) -> Block:
    """Slack makes no links and mentions of its own of what it finds in the text."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
