"""The grammar of EventBridge's schedules, which AWS checks only when the rule is put. Pure.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import re
from dataclasses import dataclass

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@dataclass(frozen=True)
class CronField:
    """A field of cron(…): its numbers, the names that stand for them in this order, and forms that only it has."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()
    special: str = "(?!)"

    def accepts(self, text: str) -> bool:
        return all(self._accepts_part(part) for part in text.split(","))

    def _accepts_part(self, part: str) -> bool:
        if re.fullmatch(self.special, part):
            return True
        found = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/([0-9]+))?", part)
        if not found:
            return False
        numbers = [self._number(each) for each in (found[2], found[3]) if each is not None]
        return all(number is not None for number in numbers) and found[4] != "0"

    def _number(self, text: str) -> int | None:
        """Return the number of a text, None when the field does not have it."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.lowest
        return int(text) if text.isdecimal() and self.lowest <= int(text) <= self.highest else None


FIELDS = (
    CronField("minutes", 0, 59),
    CronField("hours", 0, 23),
    CronField("day of the month", 1, 31, special=r"\?|L|LW|([1-9]|[12][0-9]|3[01])W"),
    CronField("month", 1, 12, tuple(MONTHS)),
    CronField("day of the week", 1, 7, tuple(WEEKDAYS), special=r"\?|L|[1-7]L|[1-7]#[1-5]"),
    CronField("year", 1970, 2199),
)


def problem(expression: str) -> str:
    """Return why EventBridge would refuse the expression; empty when it would not."""
    if rate := re.fullmatch(r"rate\((.*)\)", expression):
        return _rate_problem(rate[1])
    if cron := re.fullmatch(r"cron\((.*)\)", expression):
        return _cron_problem(cron[1].split())
    return "it must be rate(…) or cron(…)"


def _rate_problem(rate: str) -> str:
    found = re.fullmatch(r"([1-9][0-9]*) (minute|hour|day)(s?)", rate)
    if not found:
        return "it must be like rate(5 minutes), with minutes, hours or days"
    if (found[1] == "1") == (found[3] == ""):
        return ""
    return f"EventBridge writes it rate({found[1]} {found[2]}{'' if found[1] == '1' else 's'})"


def _cron_problem(texts: list[str]) -> str:
    if len(texts) != len(FIELDS):
        return f"cron(…) has six fields: {', '.join(field.name for field in FIELDS)}"
    for field, text in zip(FIELDS, texts, strict=True):
        if not field.accepts(text):
            return f"the field {field.name} of cron(…) cannot be '{text}'"
    if (texts[2] == "?") == (texts[4] == "?"):
        return "one of the days of cron(…), of the month or of the week, must be ?, and the other not"
    return ""
