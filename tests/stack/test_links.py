"""Each link is real: taken away, the flow stops there and nowhere else; deploy.sh mends it; everything arrives."""

import json
from typing import Any

from shared.names import CHANGES
from tests.stack.stack import LocalStack, wait_for

NOW = "date_trunc('milliseconds', now() AT TIME ZONE 'UTC')"


def change_everything(stack: LocalStack) -> None:
    """A change for every warehouse table."""
    stack.change("UPDATE department SET location = location || '.' WHERE department_id = 1")
    stack.change("UPDATE address SET city = city || '.' WHERE address_id = 1")
    stack.change("UPDATE counterparty SET counterparty_legal_name = counterparty_legal_name || '.'")
    stack.change("UPDATE currency SET last_updated = last_updated WHERE currency_id = 1")
    stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 1")
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id = 1")
    stack.change("UPDATE sales_order SET units_sold = units_sold + 1 WHERE sales_order_id = 1")
    stack.change("UPDATE purchase_order SET item_quantity = item_quantity + 1 WHERE purchase_order_id = 1")


def subscription_of(stack: LocalStack, table: str) -> str:
    listed = stack.aws("sns").list_subscriptions_by_topic(TopicArn=stack.names.topic_arn(CHANGES))["Subscriptions"]
    arn = stack.names.queue_arn(stack.names.queue(table))
    return next(str(each["SubscriptionArn"]) for each in listed if each["Endpoint"] == arn)


def mapping_of(stack: LocalStack, table: str) -> dict[str, Any]:
    listed = stack.aws("lambda").list_event_source_mappings(FunctionName=stack.names.transform(table))
    found: dict[str, Any] = listed["EventSourceMappings"][0]
    return found


def test_what_a_table_is_told_by(stack: LocalStack) -> None:
    """A subscription, a filter and a mapping are gone, each of another table; and the bell, which is only a bell."""
    # Nothing may be under way: a sale of a colleague whom dim_staff does not know yet would rightly wait.
    stack.extract()
    stack.arrives()
    stack.aws("sns").unsubscribe(SubscriptionArn=subscription_of(stack, "dim_design"))
    stack.aws("sns").set_subscription_attributes(
        SubscriptionArn=subscription_of(stack, "fact_payment"),
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"table": ["nothing"]}),
    )
    stack.aws("lambda").delete_event_source_mapping(UUID=mapping_of(stack, "dim_staff")["UUID"])
    bucket = stack.names.bucket("processed")
    stack.aws("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    change_everything(stack)
    stack.extract()
    broken = ["dim_design", "dim_staff", "fact_payment"]
    wait_for(lambda: stack.differing() == broken, f"everything but {', '.join(broken)}")
    stack.deploy()
    stack.arrives()
    assert stack.aws("s3").get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations")


def test_schedules_and_the_bell(stack: LocalStack) -> None:
    """Without its schedule extract does nothing by itself; without load's the bell loads all the same."""
    rules = [stack.names.function(noun) for noun in ("extract", "load")]
    for rule in rules:
        stack.aws("events").disable_rule(Name=rule)
    before = stack.newest_run()
    change_everything(stack)
    assert not comes_within_a_minute(stack, before)
    stack.extract()
    stack.arrives()
    stack.deploy()
    assert {stack.aws("events").describe_rule(Name=rule)["State"] for rule in rules} == {"ENABLED"}


def comes_within_a_minute(stack: LocalStack, run: int) -> bool:
    """Whether a later run than `run` is there after a little more than a minute."""
    try:
        wait_for(lambda: stack.newest_run() > run, "a scheduled run", longest_s=75)
    except AssertionError:
        return False
    return True
