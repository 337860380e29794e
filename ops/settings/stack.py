"""The settings of the stack: its name, where and when it runs."""

from ops.settings.setting import YES_OR_NO, Form, Setting

WORD = Form(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "small letters, digits and hyphens")
REGION = Form(r"[a-z]{2}(-[a-z]+)+-[0-9]+", "a region's name, such as eu-west-2")
PYTHON = Form(r"3\.1[1-3]", "3.11, 3.12 or 3.13, for which requirements.txt is locked")
ARCHITECTURE = Form("arm64|x86_64", "arm64 or x86_64")
SCHEDULE = Form(r"(rate|cron)\(.+\)", "rate(…) or cron(…)")
CONCURRENCY = Form("([2-9]|[1-9][0-9]{1,2}|1000|none)?", "a number of 2 to 1000, none, or empty")

STACK = (
    Setting(
        "PROJECT",
        "totestream",
        form=WORD,
        required=True,
        about="""
Every resource is called <project>-<stage>-<noun>, so one account can have several stacks.
""",
    ),
    Setting("STAGE", "dev", form=WORD, required=True),
    Setting(
        "AWS_REGION",
        "eu-west-2",
        form=REGION,
        required=True,
        about="""
The region, and the endpoint, which is empty on AWS. Credentials come from the environment or from a profile, as for
any AWS tool; those given here win over those in the environment.
""",
    ),
    Setting("AWS_ENDPOINT_URL"),
    Setting("AWS_PROFILE", credential=True),
    Setting("AWS_ACCESS_KEY_ID", credential=True),
    Setting("AWS_SECRET_ACCESS_KEY", credential=True),
    Setting("AWS_SESSION_TOKEN", credential=True),
    Setting(
        "LAMBDA_PYTHON",
        "3.13",
        form=PYTHON,
        about="""
The functions' runtime and processor: Python 3.12 or 3.13 on AWS, and arm64 or x86_64.
""",
    ),
    Setting("LAMBDA_ARCH", "arm64", form=ARCHITECTURE),
    Setting(
        "EXTRACT_SCHEDULE",
        "rate(1 minute)",
        form=SCHEDULE,
        about="""
When changes are read from the source, and when manifests are loaded into the warehouse: EventBridge expressions.
""",
    ),
    Setting("LOAD_SCHEDULE", "rate(1 minute)", form=SCHEDULE),
    Setting(
        "RECONCILE_SCHEDULE",
        "cron(30 3 * * ? *)",
        form=SCHEDULE,
        about="""
When the whole source is compared with the warehouse: each night at 03:30 UTC.
""",
    ),
    Setting(
        "WAIT_FOR_SCHEDULES",
        "yes",
        form=YES_OR_NO,
        about="""
yes: a deploy ends once each schedule of at most five minutes was seen to start its function, which takes up to two of
its intervals. no: the deploy only says when they will start.
""",
    ),
    Setting(
        "LOAD_ON_MANIFEST",
        "yes",
        form=YES_OR_NO,
        about="""
yes: a finished transform also starts the loader. no: the schedule alone does, up to a minute later.
""",
    ),
    Setting(
        "CREATE_ONLY",
        "yes",
        form=YES_OR_NO,
        about="""
yes: the bucket policies deny overwriting an object to everybody, except below health/ and deploy/. no: for an S3 that
does not know the condition s3:if-none-match.
""",
    ),
    Setting(
        "TRANSFORMS_AT_ONCE",
        form=CONCURRENCY,
        about="""
How many transforms of one table may run at once: 2 to 1000, or none for no limit. With a limit Lambda polls each
table's queue 15 times a minute even when it is empty, without one 6 times: docs/cost.md. Empty: deploy.sh reads how
many functions the account may run at once; it sets no limit from 500 on, and else 2, since a new account runs ten.
""",
    ),
)
