"""Schedules are checked as EventBridge does, before anything is written."""

import pytest

from ops.settings.schedule import problem

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "expression",
    [
        *("rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "rate(12 hours)", "rate(1 day)", "rate(7 days)"),
        *("cron(0 10 * * ? *)", "cron(15 12 * * ? *)", "cron(0 18 ? * MON-FRI *)", "cron(0 8 1 * ? *)"),
        *("cron(0/15 * * * ? *)", "cron(0/10 * ? * MON-FRI *)", "cron(0/5 8-17 ? * MON-FRI *)"),
        *("cron(0 9 ? * 2#1 *)", "cron(0 0 L * ? *)", "cron(0 0 LW * ? *)", "cron(0 0 ? * 6L 2026-2030)"),
        *("cron(0 0 15W JAN,jul ? *)", "cron(* * * * ? *)", "cron(30 3 * * ? *)"),
    ],
)
def test_what_aws_documents_is_accepted(expression: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    assert problem(expression) == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("rate(1 minutes)", "rate(1 minute)"),
        ("rate(5 minute)", "rate(5 minutes)"),
        ("rate(0 minutes)", "rate(5 minutes)"),
        ("rate(30 seconds)", "minutes, hours or days"),
        ("rate(1.5 hours)", "rate(5 minutes)"),
        ("cron(0 10 * * ?)", "six fields"),
        ("cron(60 10 * * ? *)", "minutes"),
        ("cron(0 24 * * ? *)", "hours"),
        ("cron(0 10 32 * ? *)", "day of the month"),
        ("cron(0 10 * 13 ? *)", "month"),
        ("cron(0 10 ? * 8 *)", "day of the week"),
        ("cron(0 10 ? * MON-FOO *)", "day of the week"),
        ("cron(0 10 * * ? 1969)", "year"),
        ("cron(*/0 10 * * ? *)", "minutes"),
        ("cron(0 10 * * * *)", "must be ?"),
        ("cron(0 10 ? * ? *)", "must be ?"),
        ("at(2026-11-20T13:00:00)", "rate(…) or cron(…)"),
        ("1 minute", "rate(…) or cron(…)"),
    ],
)
def test_what_aws_would_refuse_is_named_with_what_is_right(expression: str, words: str) -> None:
    assert words in problem(expression)
