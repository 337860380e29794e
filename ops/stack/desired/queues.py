"""SNS and SQS: the topics, each table's queue and dead letters, the bell's queue, who hears what."""

import json

from ops.stack import policies, topology
from ops.stack.desired.base import Base, Request, Requests
from ops.stack.topology import BELL
from shared.names import CHANGES, TOPICS
from shared.retry import MAX_RECEIVES


class DesiredQueues(Base):
    def topics(self) -> Requests:
        for noun in TOPICS:
            policy = json.dumps(policies.topic_policy(self.names, noun, self.tls))
            name = self.names.topic(noun)
            yield name, {"Name": name, "Attributes": {"Policy": policy}, "Tags": self.tag_list}

    def topic_policies(self) -> Requests:
        for noun in TOPICS:
            policy = json.dumps(policies.topic_policy(self.names, noun, self.tls))
            request = {"TopicArn": self.names.topic_arn(noun), "AttributeName": "Policy", "AttributeValue": policy}
            yield self.names.topic(noun), request

    def dead_letter_queues(self) -> Requests:
        for queue in topology.queues(self.targets):
            name = self.names.dead_letter_queue(queue.table)
            sources = [self.names.queue_arn(self.names.queue(queue.table))]
            allowed = {"redrivePermission": "byQueue", "sourceQueueArns": sources}
            yield (
                name,
                self._table_queue(name, topology.DEAD_LETTER_RETENTION_S, RedriveAllowPolicy=json.dumps(allowed)),
            )

    def queues(self) -> Requests:
        for queue in topology.queues(self.targets):
            name = self.names.queue(queue.table)
            target = self.names.queue_arn(self.names.dead_letter_queue(queue.table))
            redrive = {"deadLetterTargetArn": target, "maxReceiveCount": MAX_RECEIVES}
            yield name, self._table_queue(name, topology.QUEUE_RETENTION_S, RedrivePolicy=json.dumps(redrive))
        # Also when nothing rings it: it costs nothing.
        name, policy = self.names.queue(BELL), policies.bell_policy(self.names, self.tls)
        yield name, self._queue(name, topology.BELL_RETENTION_S, topology.BELL_VISIBILITY_S, policy)

    def dead_letter_queue_attributes(self) -> Requests:
        yield from ((name, {"Attributes": r["Attributes"]}) for name, r in self.dead_letter_queues())

    def queue_attributes(self) -> Requests:
        yield from ((name, {"Attributes": r["Attributes"]}) for name, r in self.queues())

    def _table_queue(self, name: str, retention_s: int, **redrive: str) -> Request:
        policy = policies.queue_policy(self.names, name, self.tls)
        return self._queue(name, retention_s, topology.VISIBILITY_S, policy, **redrive)

    def _queue(
        self, name: str, retention_s: int, visibility_s: int, policy: policies.Document, **attributes: str
    ) -> Request:
        common = {
            "VisibilityTimeout": str(visibility_s),
            "MessageRetentionPeriod": str(retention_s),
            "SqsManagedSseEnabled": "true",
            "Policy": json.dumps(policy),
        }
        return {"QueueName": name, "Attributes": common | attributes, "tags": self.tags}

    def subscriptions(self) -> Requests:
        for queue in topology.queues(self.targets):
            dead_letters = self.names.queue_arn(self.names.dead_letter_queue(queue.table))
            attributes = {
                "RawMessageDelivery": "true",
                "FilterPolicy": json.dumps({"table": queue.sources}),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters}),
            }
            name = self.names.queue(queue.table)
            yield (
                name,
                {
                    "TopicArn": self.names.topic_arn(CHANGES),
                    "Protocol": "sqs",
                    "Endpoint": self.names.queue_arn(name),
                    "Attributes": attributes,
                    "ReturnSubscriptionArn": True,
                },
            )

    def subscription_attributes(self) -> Requests:
        """Each named `queue.attribute`: SNS changes one at a time."""
        for name, request in self.subscriptions():
            for attribute, value in request["Attributes"].items():
                yield f"{name}.{attribute}", {"AttributeName": attribute, "AttributeValue": value}
