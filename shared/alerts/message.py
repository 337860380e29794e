"""The text of a notice in Slack and in an e-mail, within the limits of each."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

from shared.alerts.notice import Notice, NoticeEvent

# Slack's limits, in characters of the sent text: docs.slack.dev, "Block Kit" and "Incoming webhooks".
HEADER, SECTION, FIELD, TEXT = 150, 3000, 2000, 40_000
FIELDS = 10
# The numbers use at most ten of the fifty blocks, and the rest six.
MOST_NUMBERS = 100
# SNS accepts a subject below 100 characters, and 256 kB of text: at most four bytes a character.
SUBJECT, MAIL = 99, 40_000
# Names of stacks and regions are shorter. A cut link would not work, so its parts are cut instead.
NAME, ANCHOR = 50, 500

Block = dict[str, Any]
SIGNS: dict[NoticeEvent, str] = {"begun": "🔴", "open": "🔁", "ended": "🟢", "note": "🔵"}
# The e-mail's subject is ASCII.
WORDS: dict[NoticeEvent, str] = {"begun": "BEGUN", "open": "STILL OPEN", "ended": "OVER", "note": "NOTE"}


def slack_payload(notice: Notice) -> dict[str, Any]:
    """Return the payload for a webhook. Its `text` is what notifications and clients without blocks show."""
    head = f"{SIGNS[notice.event]} {_title(notice)}"
    text = _lines(head, _where(notice), notice.says)
    return {"text": truncated(text, TEXT), "blocks": list(_blocks(notice, head))}


def mail_subject(notice: Notice) -> str:
    subject = f"[{notice.stack}] {WORDS[notice.event]} {_title(notice)}"
    ascii_only = " ".join(subject.encode("ascii", "replace").decode().split())
    return ascii_only if len(ascii_only) <= SUBJECT else ascii_only[: SUBJECT - 3] + "..."


def mail_text(notice: Notice, why: str = "") -> str:
    """Return the e-mail's text, the most important lines first because the end may be cut. `why` is why Slack was not
    reached.
    """
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


def truncated(text: str, most: int) -> str:
    """Return `text` with Slack's three special characters escaped, cut to at most `most` characters."""
    return re.sub("&[a-z]*…$", "…", _cut(_escaped(text), most))  # removes half an &amp; at the cut


def when(notice: Notice) -> str:
    """Return since when it lasts and for how long, or that it is over."""
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
        case "note":
            return at


def duration(time: timedelta) -> str:
    """Return the two greatest units of a duration: "2 d 4 h", "12 min", "40 s"."""
    seconds = int(time.total_seconds())
    units = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    parts = [f"{count} {unit}" for count, unit in units if count]
    return " ".join(parts[:2]) or "0 s"


def number(value: float) -> str:
    return f"{value:,.10g}"


def _blocks(notice: Notice, head: str) -> Iterator[Block]:
    yield {"type": "header", "text": _plain(truncated(head, HEADER))}
    if place := _lines(_where(notice), when(notice)):
        yield {"type": "section", "text": _plain(truncated(place, SECTION))}
    if notice.says:
        yield {"type": "section", "text": _plain(truncated(notice.says, SECTION))}
    fields = iter([_plain(truncated(text, FIELD)) for text in _numbers(notice)])
    while some := list(islice(fields, FIELDS)):
        yield {"type": "section", "fields": some}
    if notice.command:
        yield {"type": "section", "text": _markup(_code(notice.command))}
    runbook = _plain(truncated(_runbook(notice), ANCHOR))
    yield {"type": "context", "elements": [_markup(f"<{_dashboard(notice)}|Dashboard>"), runbook]}


def _numbers(notice: Notice) -> Iterable[str]:
    texts = [f"{name}\n{number(value)}" for name, value in notice.numbers.items()]
    if len(texts) <= MOST_NUMBERS:
        return texts
    return [*texts[: MOST_NUMBERS - 1], f"… and {len(texts) - MOST_NUMBERS + 1} more numbers"]


def _code(command: str) -> str:
    """Return a code block. Its content cannot end the block: zero-width spaces separate the accents in it."""
    fence = "```"
    apart = "\u200b".join(fence)
    return f"{fence}\n{truncated(command.replace(fence, apart), SECTION - 2 * len(fence) - 2)}\n{fence}"


def _title(notice: Notice) -> str:
    title = " ".join(notice.title.split()) or notice.kind or "without a title"
    return title if notice.subject in title else f"{notice.subject}: {title}"


def _where(notice: Notice) -> str:
    return ", ".join(name for name in (notice.subject, notice.stack) if name)


def _runbook(notice: Notice) -> str:
    return "docs/runbook.md" + (f"#{notice.runbook}" if notice.runbook else "")


# The console's host in other partitions than `aws`, by the prefix of their regions' names.
CONSOLES = {
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
    "eusc-": "console.amazonaws-eusc.eu",
}


def _dashboard(notice: Notice) -> str:
    """Return the dashboard's URL, without any character that is special in a Slack link."""
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
    """Return a plain text object, so that no table's name is interpreted as markup."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _markup(text: str) -> Block:
    """Return a markup object in which Slack adds no links or mentions."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
