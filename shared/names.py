"""What everything is called: `<project>-<stage>-<noun>`, and ARNs as pure functions of names."""

from dataclasses import dataclass

# The topics: what changed; what a person should know, for Slack; and the same by e-mail, should Slack not be reached.
TOPICS = CHANGES, ALERTS, MAIL = "changes", "alerts", "mail"


@dataclass(frozen=True)
class Names:
    project: str
    stage: str
    region: str
    account: str
    # AWS's word for a set of regions with accounts of their own: aws, aws-cn, aws-us-gov. It begins every ARN.
    partition: str = "aws"

    @property
    def prefix(self) -> str:
        return f"{self.project}-{self.stage}"

    def __call__(self, noun: str) -> str:
        return f"{self.prefix}-{noun}"

    def bucket(self, noun: str) -> str:
        """Return a bucket's name, which the account id makes globally unique."""
        return f"{self.prefix}-{noun}-{self.account}"

    def function(self, noun: str) -> str:
        return self(noun)

    def transform(self, table: str) -> str:
        return self(f"transform-{table}")

    def queue(self, table: str) -> str:
        return self(table)

    def dead_letter_queue(self, table: str) -> str:
        return f"{self.queue(table)}-dlq"

    def topic(self, noun: str) -> str:
        return self(noun)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """Return an ARN without a region, of IAM or Budgets."""
        return f"arn:{self.partition}:{service}::{self.account}:{resource}"

    def bucket_arn(self, noun: str, key: str = "") -> str:
        return f"arn:{self.partition}:s3:::{self.bucket(noun)}" + (f"/{key}" if key else "")

    def function_arn(self, name: str) -> str:
        return self.arn("lambda", f"function:{name}")

    def queue_arn(self, name: str) -> str:
        return self.arn("sqs", name)

    def topic_arn(self, noun: str) -> str:
        return self.arn("sns", self.topic(noun))

    def role_arn(self, name: str) -> str:
        return self.global_arn("iam", f"role/{name}")

    def rule_arn(self, name: str) -> str:
        return self.arn("events", f"rule/{name}")

    def log_group_arn(self, function: str) -> str:
        return self.arn("logs", f"log-group:/aws/lambda/{function}")
