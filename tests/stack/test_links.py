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


def only_missing(stack: LocalStack, table: str) -> None:
    """Everything comes but `table`."""
    stack.extract()
    wait_for(lambda: stack.differing() == [table], f"everything but {table}")


def subscription_of(stack: LocalStack, table: str) -> str:
    listed = stack.aws("sns").list_subscriptions_by_topic(TopicArn=stack.names.topic_arn(CHANGES))["Subscriptions"]
    arn = stack.names.queue_arn(stack.names.queue(table))
    return next(str(each["SubscriptionArn"]) for each in listed if each["Endpoint"] == arn)


def mapping_of(stack: LocalStack, table: str) -> dict[str, Any]:
    listed = stack.aws("lambda").list_event_source_mappings(FunctionName=stack.names.transform(table))
    found: dict[str, Any] = listed["EventSourceMappings"][0]
    return found


def test_a_subscription(stack: LocalStack) -> None:
    stack.aws("sns").unsubscribe(SubscriptionArn=subscription_of(stack, "dim_design"))
    change_everything(stack)
    only_missing(stack, "dim_design")
    stack.deploy()
    stack.arrives()


def test_a_filter(stack: LocalStack) -> None:
    stack.aws("sns").set_subscription_attributes(
        SubscriptionArn=subscription_of(stack, "fact_payment"),
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"table": ["nothing"]}),
    )
    change_everything(stack)
    only_missing(stack, "fact_payment")
    stack.deploy()
    stack.arrives()


def test_a_mapping(stack: LocalStack) -> None:
    stack.aws("lambda").delete_event_source_mapping(UUID=mapping_of(stack, "dim_staff")["UUID"])
    change_everything(stack)
    only_missing(stack, "dim_staff")
    stack.deploy()
    stack.arrives()


def test_the_bell_is_only_a_bell(stack: LocalStack) -> None:
    """Without it the manifests come at once, and the schedule loads."""
    bucket = stack.names.bucket("processed")
    stack.aws("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    change_everything(stack)
    stack.extract()
    stack.arrives()
    stack.deploy()
    assert stack.aws("s3").get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations")


def test_the_bell_rings(stack: LocalStack) -> None:
    """Without the schedule it loads all the same, and sooner than a minute."""
    stack.aws("events").disable_rule(Name=stack.names.function("load"))
    change_everything(stack)
    stack.extract()
    stack.arrives()
    stack.deploy()
    assert stack.aws("events").describe_rule(Name=stack.names.function("load"))["State"] == "ENABLED"


def test_the_schedule(stack: LocalStack) -> None:
    rule = stack.names.function("extract")
    stack.aws("events").disable_rule(Name=rule)
    before = stack.newest_run()
    change_everything(stack)
    done_by_schedule = wait_for_a_minute(stack, before)
    assert not done_by_schedule
    stack.deploy()
    stack.arrives()


def wait_for_a_minute(stack: LocalStack, run: int) -> bool:
    """Whether a run came within a little more than a minute by itself."""
    try:
        wait_for(lambda: stack.newest_run() > run, "a scheduled run", longest_s=75)
    except AssertionError:
        return False
    return True
