"""Lambda and EventBridge: the functions, and what starts them."""

from ops.stack import topology
from ops.stack.desired.base import Base, Requests
from ops.stack.topology import BELL, INGESTION
from shared.names import ALERTS


class DesiredFunctions(Base):
    def functions(self) -> Requests:
        code = {"S3Bucket": self.names.bucket(INGESTION), "S3Key": self.settings["CODE_KEY"]}
        for name, configuration in self.function_configurations():
            arch = {"Architectures": [self.settings["LAMBDA_ARCH"]]}
            yield name, configuration | arch | {"Code": code, "Tags": self.tags}

    def function_codes(self) -> Requests:
        code = {"S3Bucket": self.names.bucket(INGESTION), "S3Key": self.settings["CODE_KEY"]}
        for function in self.all_functions:
            arch = {"Architectures": [self.settings["LAMBDA_ARCH"]]}
            yield function.name, {"FunctionName": function.name} | code | arch

    def function_configurations(self) -> Requests:
        for function in self.all_functions:
            yield (
                function.name,
                {
                    "FunctionName": function.name,
                    "Runtime": f"python{self.settings['LAMBDA_PYTHON']}",
                    "Handler": function.handler,
                    "Role": self.names.role_arn(function.name),
                    "MemorySize": function.memory_mb,
                    "Timeout": function.timeout_s,
                    "Environment": {"Variables": dict(function.environment)},
                    "Layers": [self.settings["LAYER_ARN"]],
                    "VpcConfig": self._vpc() if function.private else {"SubnetIds": [], "SecurityGroupIds": []},
                },
            )

    def mappings(self) -> Requests:
        at_once = topology.transforms_at_once(self.settings)
        scaling = {"ScalingConfig": {"MaximumConcurrency": at_once}} if at_once else {}
        for queue in topology.queues(self.targets):
            name = self.names.transform(queue.table)
            yield (
                name,
                {
                    "FunctionName": name,
                    "EventSourceArn": self.names.queue_arn(self.names.queue(queue.table)),
                    "BatchSize": topology.MESSAGES_PER_CALL,
                    "FunctionResponseTypes": ["ReportBatchItemFailures"],
                    "Enabled": True,
                    **scaling,
                },
            )
        if topology.rings(self.settings):
            load = self.names.function("load")
            yield (
                load,
                {
                    "FunctionName": load,
                    "EventSourceArn": self.names.queue_arn(self.names.queue(BELL)),
                    "BatchSize": topology.BELLS_PER_CALL,
                    "ScalingConfig": {"MaximumConcurrency": topology.BELLS_AT_ONCE},
                    "Enabled": True,
                },
            )

    def mapping_changes(self) -> Requests:
        for name, request in self.mappings():
            change = {key: value for key, value in request.items() if key != "EventSourceArn"}
            # What is left out stays as it is; an empty one takes the limit away.
            yield name, {"ScalingConfig": {}} | change

    def rules(self) -> Requests:
        for schedule in self._schedules():
            rule = {"Name": schedule.name, "ScheduleExpression": schedule.expression}
            yield schedule.name, rule | {"State": "ENABLED", "Tags": self.tag_list}

    def rule_targets(self) -> Requests:
        for schedule in self._schedules():
            target = {"Id": "function", "Arn": self.names.function_arn(schedule.function), "Input": schedule.event}
            yield schedule.name, {"Rule": schedule.name, "Targets": [target]}

    def tick_configs(self) -> Requests:
        for function in dict.fromkeys(schedule.function for schedule in self._schedules()):
            yield (
                function,
                {
                    "FunctionName": function,
                    "MaximumRetryAttempts": topology.TICK_RETRIES,
                    "MaximumEventAgeInSeconds": topology.TICK_MAX_AGE_S,
                },
            )

    def permissions(self) -> Requests:
        """Who may invoke: each rule its function, and the topic `alerts` the function alert. Queues are read by
        Lambda itself. The ARNs of rules and topics hold the account."""
        for schedule in self._schedules():
            yield (
                f"{schedule.function}.{schedule.noun}",
                {
                    "FunctionName": schedule.function,
                    "StatementId": schedule.noun,
                    "Action": "lambda:InvokeFunction",
                    "Principal": "events.amazonaws.com",
                    # EventBridge says no SourceAccount: one that is asked for keeps it from invoking.
                    "SourceArn": self.names.rule_arn(schedule.name),
                },
            )
        alert = self.names.function("alert")
        yield (
            f"{alert}.{ALERTS}",
            {
                "FunctionName": alert,
                "StatementId": ALERTS,
                "Action": "lambda:InvokeFunction",
                "Principal": "sns.amazonaws.com",
                "SourceArn": self.names.topic_arn(ALERTS),
            },
        )
