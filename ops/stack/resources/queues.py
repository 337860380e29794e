"""SNS and SQS: the topics, each table's queue and dead-letter queue, the trigger queue of load, the subscriptions."""

import json
from collections.abc import Iterator

from ops.stack import resource_policies, topology
from ops.stack.resources.base import (
    DesiredStack,
    Difference,
    Inventory,
    Removals,
    Request,
    Requests,
    ResourceKind,
    StackState,
    diff,
    last,
)
from ops.stack.statements import Document
from ops.stack.topology import LOAD_TRIGGER
from shared.names import CHANGES, TOPICS
from shared.retry import MAX_RECEIVES


class DeadLetterQueues(ResourceKind):
    name = "dead_letter_queues"
    changes_name = "dead_letter_queue_attributes"
    is_per_table = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for queue in topology.queues(stack.targets):
            name = stack.names.dead_letter_queue(queue.table)
            sources = [stack.names.queue_arn(stack.names.queue(queue.table))]
            allowed = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": sources})
            yield name, _table_queue(stack, name, topology.DEAD_LETTER_RETENTION_S, RedriveAllowPolicy=allowed)

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        return _attributes_of(DeadLetterQueues.desired(stack))

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return _attributes(state, "dead_letter_queues", "queues")

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        return (found for found in _existing_queues(inventory) if found[1].endswith("-dlq"))


class Queues(ResourceKind):
    name = "queues"
    changes_name = "queue_attributes"
    is_per_table = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for queue in topology.queues(stack.targets):
            name = stack.names.queue(queue.table)
            target = stack.names.queue_arn(stack.names.dead_letter_queue(queue.table))
            redrive = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": MAX_RECEIVES})
            yield name, _table_queue(stack, name, topology.QUEUE_RETENTION_S, RedrivePolicy=redrive)
        # The trigger queue exists also when LOAD_ON_MANIFEST is no: it costs nothing.
        name, policy = stack.names.queue(LOAD_TRIGGER), resource_policies.load_trigger_policy(stack.names, stack.tls)
        yield name, _queue(stack, name, topology.TRIGGER_RETENTION_S, topology.TRIGGER_VISIBILITY_S, policy)

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        return _attributes_of(Queues.desired(stack))

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return _attributes(state, "queues", "queues")

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        return (found for found in _existing_queues(inventory) if not found[1].endswith("-dlq"))


class Topics(ResourceKind):
    name = "topics"
    changes_name = "topic_policies"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for noun in TOPICS:
            policy = json.dumps(resource_policies.topic_policy(stack.names, noun, stack.tls))
            name = stack.names.topic(noun)
            yield name, {"Name": name, "Attributes": {"Policy": policy}, "Tags": stack.tag_list}

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        for noun in TOPICS:
            policy = json.dumps(resource_policies.topic_policy(stack.names, noun, stack.tls))
            request = {"TopicArn": stack.names.topic_arn(noun), "AttributeName": "Policy", "AttributeValue": policy}
            yield stack.names.topic(noun), request

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return _attributes(state, "topics", "topics")

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        return inventory.named("topic", "topics", "Topics", "TopicArn", inventory.topics)


class Subscriptions(ResourceKind):
    """The subscription of each table's queue to the topic `changes`."""

    name = "subscriptions"
    changes_name = "subscription_attributes"
    is_per_table = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for queue in topology.queues(stack.targets):
            dead_letters = stack.names.queue_arn(stack.names.dead_letter_queue(queue.table))
            attributes = {
                "RawMessageDelivery": "true",
                "FilterPolicy": json.dumps({"table": queue.sources}),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters}),
            }
            name = stack.names.queue(queue.table)
            yield (
                name,
                {
                    "TopicArn": stack.names.topic_arn(CHANGES),
                    "Protocol": "sqs",
                    "Endpoint": stack.names.queue_arn(name),
                    "Attributes": attributes,
                    "ReturnSubscriptionArn": True,
                },
            )

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        """Yield requests named `queue.attribute`: SNS changes one attribute per call."""
        for name, request in Subscriptions.desired(stack):
            for attribute, value in request["Attributes"].items():
                yield f"{name}.{attribute}", {"AttributeName": attribute, "AttributeValue": value}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return _attributes(state, "subscriptions", "subscriptions")

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        """Yield the subscriptions of our topics, which SNS deletes only some time after the topic. An unconfirmed one
        has no ARN and cannot be deleted."""
        for topic, arn, _, endpoint in subscribers(inventory.state):
            if inventory.has_subscription(topic, endpoint) and arn.startswith("arn:"):
                yield "subscription", last(endpoint), arn


def subscribers(state: StackState) -> Iterator[tuple[str, str, str, str]]:
    """Yield topic, ARN, protocol and endpoint of each subscription. Subscriptions that are being deleted, which have
    another word in place of the ARN, are left out."""
    for line in state.lines("subscriptions.txt"):
        topic, *words = line.split("\t", 3)
        if words and (words[0].startswith("arn:") or words[0] == "PendingConfirmation"):
            arn, protocol, endpoint = words
            yield topic, arn, protocol, endpoint


def _table_queue(stack: DesiredStack, name: str, retention_s: int, **redrive: str) -> Request:
    policy = resource_policies.queue_policy(stack.names, name, stack.tls)
    return _queue(stack, name, retention_s, topology.VISIBILITY_S, policy, **redrive)


def _queue(
    stack: DesiredStack, name: str, retention_s: int, visibility_s: int, policy: Document, **attributes: str
) -> Request:
    common = {
        "VisibilityTimeout": str(visibility_s),
        "MessageRetentionPeriod": str(retention_s),
        "SqsManagedSseEnabled": "true",
        "Policy": json.dumps(policy),
    }
    return {"QueueName": name, "Attributes": common | attributes, "tags": stack.tags}


def _attributes_of(requests: Requests) -> Requests:
    return ((name, {"Attributes": request["Attributes"]}) for name, request in requests)


def _attributes(state: StackState, kind: str, answers: str) -> Iterator[Difference]:
    desired = {name: thing["Attributes"] for name, thing in state.desired(kind).items()}
    return diff(desired, {name: thing["Attributes"] for name, thing in state.answers(answers).items()})


def _existing_queues(inventory: Inventory) -> Removals:
    urls = {url.rpartition("/")[2]: url for url in inventory.state.lines("queue_urls.txt")}
    return (("queue", name, urls[name]) for name in sorted(inventory.queues & set(urls)))
