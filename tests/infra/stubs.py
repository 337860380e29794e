"""A topology small enough to be read whole."""

from dataclasses import dataclass

from shared.names import Names


@dataclass(frozen=True)
class StubTarget:
    name: str
    sources: tuple[str, ...]


NAMES = Names("totestream", "test", "eu-west-2", "123456789012")
TARGETS = {
    "fact_payment": StubTarget("fact_payment", ("payment",)),
    "dim_staff": StubTarget("dim_staff", ("staff", "department")),
}
SETTINGS = {
    "PROJECT": "totestream",
    "STAGE": "test",
    "AWS_REGION": "eu-west-2",
    "ACCOUNT_ID": "123456789012",
    "PARTITION": "aws",
    "AWS_ENDPOINT_URL": "",
    "EXTRACT_SCHEDULE": "rate(1 minute)",
    "LOAD_SCHEDULE": "rate(2 minutes)",
    "RECONCILE_SCHEDULE": "cron(30 3 * * ? *)",
    "WAIT_FOR_SCHEDULES": "yes",
    "LOAD_ON_MANIFEST": "yes",
    "CREATE_ONLY": "yes",
    "SOURCE_SECRET": "test/source",
    "WAREHOUSE_SECRET": "test/warehouse",
    "WAREHOUSE_OWNER_SECRET": "",
    "WAREHOUSE_READER_SECRET": "test/reader",
    "WAREHOUSE_SCHEMA": "star",
    "DATABASE_CA": "",
    "DATABASE_PLAINTEXT": "no",
    "SUBNET_IDS": "",
    "SECURITY_GROUP_IDS": "",
    "REASK_AFTER_S": "600",
    "FRESHNESS_OBJECTIVE_S": "300",
    "RETENTION_DAYS": "",
    "SLACK_SECRET": "test/slack",
    "SLACK_HOSTS": "hooks.slack.com",
    "ALERT_EMAIL": "someone@example.com",
    "PERMISSIONS_BOUNDARY": "",
    "MONTHLY_BUDGET_USD": "10",
    "COMMAND_OPTIONS": "",
    "KEEP_SUBSCRIPTIONS": "",
    "LAMBDA_PYTHON": "3.13",
    "LAMBDA_ARCH": "arm64",
    "CODE_KEY": "deploy/code-1.zip",
    "LAYER_ARN": "arn:aws:lambda:eu-west-2:123456789012:layer:totestream-test-libraries:1",
}
