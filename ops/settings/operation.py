"""The settings of operation: ages, alerts, rights and cost."""

from ops.settings.setting import SECONDS, SECRET, Form, Setting

DAYS = Form("([1-9][0-9]{0,3})?", "a number of days, 9999 at most, or empty")
TIME = Form("([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z)?", "a time in UTC such as 2026-12-02T09:00Z, or empty")
DOLLARS = Form("([1-9][0-9]*)?", "a number of dollars, or empty")
EMAIL = Form(r"([^@\s]+@[^@\s]+)?", "one address, or empty")
POLICY_ARN = Form(r"(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/\S+)?", "a policy's ARN, or empty")

OPERATION = (
    Setting(
        "REASK_AFTER_S",
        "600",
        form=SECONDS,
        functions=("load", "watch"),
        about="""
After how many seconds the message of a transform without a manifest is published again. If its manifest is still
missing five minutes later, a fact is loaded without it, provided that a full batch follows.
""",
    ),
    Setting(
        "FRESHNESS_OBJECTIVE_S",
        "300",
        form=SECONDS,
        functions=("watch",),
        about="""
How many seconds old the warehouse may be before an alert is sent. It must be longer than the schedules' intervals,
which is checked for rate(…).
""",
    ),
    Setting(
        "RETENTION_DAYS",
        form=DAYS,
        functions=("expire",),
        about="""
After how many days loaded data is deleted from the buckets: the batches read from the source, and the rows made from
them. The run log, the manifests and what later runs still need are kept. Deleted objects can be restored for another
30 days. A warehouse can be restored to an earlier state, or filled with all its history, only as far back as the data
is kept. Empty: never.
""",
    ),
    Setting(
        "SLACK_SECRET",
        form=SECRET,
        functions=("alert",),
        about="""
The name of the secret with Slack's webhook, where alerts go. deploy.sh makes it as it makes the logins, from
SLACK_SECRET_VALUE={"url": "https://hooks.slack.com/services/…"}
""",
    ),
    Setting(
        "SLACK_HOSTS",
        "hooks.slack.com",
        functions=("alert",),
        about="""
The hosts that a webhook may name, separated by blanks.
""",
    ),
    Setting(
        "ALERT_EMAIL",
        form=EMAIL,
        functions=("alert",),
        about="""
The address for alerts that Slack did not accept, for alarms about the alerts themselves, and for the budget. AWS asks
the address to confirm, and sends nothing before that. Another address replaces it, and every other e-mail subscription
of that topic is removed. Empty: no e-mail is sent. Alerts may then be lost while Slack is down for some minutes, and
nobody is alerted when watch itself is broken. Without SLACK_SECRET and ALERT_EMAIL nobody is alerted at all.
""",
    ),
    Setting(
        "ACCOUNT_EXPIRES",
        form=TIME,
        functions=("watch",),
        about="""
When the account ends, in UTC, such as 2026-12-02T09:00Z, where it is one for some days only, as in a training. Twelve
hours before, status.sh and an alert say so; docs/aws.md says how to continue in the next account. Empty: never.
""",
    ),
    Setting(
        "COMMAND_OPTIONS",
        functions=("watch",),
        about="""
The options that name this stack in the commands of alerts, such as --settings prod.env. Empty: as the deploy named it,
so set it where several people, or a workflow, deploy the stack under other names.
""",
    ),
    Setting(
        "KEEP_SUBSCRIPTIONS",
        about="""
Subscriptions to our topics that the next deploy keeps, separated by blanks: an address, a URL or an ARN, as
`aws sns list-subscriptions` shows it. All others that the product did not make are removed.
""",
    ),
    Setting(
        "PERMISSIONS_BOUNDARY",
        form=POLICY_ARN,
        about="""
The ARN of a policy that bounds what the functions' roles may ever do. A deployer under docs/policies/deploy.json can
make roles with this boundary only, so that the right to make roles is not every right. Empty: new roles have none, and
a boundary that somebody else has set is kept.
""",
    ),
    Setting(
        "MONTHLY_BUDGET_USD",
        "20",
        form=DOLLARS,
        about="""
What AWS may cost in a month, in US dollars. An e-mail is sent when 80 % are spent, and when the forecast for the month
exceeds it. A stack at rest costs about 5 dollars, and one with a run each minute, day and night, 11 dollars
(docs/cost.md): neither causes an e-mail, and unexpected cost shows within days. Add the cost of a private network's
gateway or endpoints. The budget counts the whole account: AWS can separate a stack's cost by its tags only once
somebody has activated these for billing, and a budget of inactive tags counts nothing, which looks like no cost.
Empty: no budget, and no right to read one is needed. It must be empty in China and GovCloud, which have no budgets in
US dollars.
""",
    ),
)
