"""The errors of AWS and of our functions that are transient, and how long a script retries after each.

    python -m ops.cli.transient call|function WHAT <WORDS

WHAT is `SERVICE OPERATION`, or a function's name; WORDS is what the call wrote to stderr, or the function's answer as
JSON. Prints for how many seconds to retry; 0 for a permanent error.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import NamedTuple

from shared.errors import SPREADS_S, AwsRefused, AwsUnavailable, MissingObject, NotYet


class Transient(NamedTuple):
    """A transient error: `call` is a pattern of WHAT, `error` one of the error's text. `retry_s` says for how long to
    retry, `reason` why, or by which source. Where several rows match, the longest time counts."""

    call: str
    error: str
    retry_s: int
    reason: str


CALLS_WITH_ROLE = (
    r"lambda (?:create-function|update-function-\w+|create-event-source-mapping|update-event-source-mapping)$"
)
FUNCTION_CHANGES = r"lambda (?:update|put|delete|add-permission|remove-permission|create-event-source-mapping)"
DELETIONS = r" (?:delete|remove|detach|unsubscribe)|put-bucket-notification-configuration$"

CALLS = (
    # Lambda. The seconds are Terraform's (internal/service/lambda): five minutes until Lambda knows a new role.
    Transient(CALLS_WITH_ROLE, r"cannot be assumed by Lambda", 300, "IAM created the role some seconds ago"),
    Transient(
        CALLS_WITH_ROLE, r"role does not have permissions", 300, "IAM created the role's policy some seconds ago"
    ),
    Transient(CALLS_WITH_ROLE, r"KMS key is invalid for CreateGrant", 300, "KMS does not know the new role yet"),
    Transient(
        CALLS_WITH_ROLE,
        r"throttled by EC2",
        540,
        "EC2 creates network interfaces for many functions; Terraform: nine minutes",
    ),
    Transient(
        FUNCTION_CHANGES,
        r"\(Resource(?:Conflict|InUse)\w*\)(?!.*already exist)",
        300,
        "Lambda makes one change at a time, and none while a function is Pending; Terraform: five minutes",
    ),
    Transient(
        r"lambda create-event-source-mapping$",
        r"ResourceConflict.*already exists",
        300,
        "a deleted mapping exists for some minutes more",
    ),
    Transient(
        r"lambda (?:put-function-event-invoke-config|add-permission|create-event-source-mapping)$",
        r"\(ResourceNotFound\w*\)",
        60,
        "a new function is not known everywhere yet; Terraform retries add-permission",
    ),
    Transient(
        r"lambda invoke$",
        r"\((?:ResourceNotReady|ENINotReady|EC2Throttled|ResourceConflict)\w*\)|state: (?:Pending|Inactive)",
        300,
        "a function in a VPC that was idle for weeks gets its network back; the invocation was refused before it ran",
    ),
    Transient(
        r"lambda invoke$",
        r"\(TooManyRequests\w*\)",
        70,
        "the account's limit of concurrent functions is reached; the invocation was refused before it ran",
    ),
    # SQS and SNS.
    Transient(
        r"sqs create-queue$", r"QueueDeletedRecently", 70, "SQS: a name is free 60 s after its queue was deleted"
    ),
    Transient(
        r"sqs set-queue-attributes$",
        r"\((?:QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue)\)",
        60,
        "SQS: a new queue can be used after a second or more",
    ),
    Transient(
        r"sns (?:subscribe|set-\w+-attributes)$", r"\(NotFound\w*\)", 60, "a new topic is not known everywhere yet"
    ),
    # S3: the settings of a bucket are eventually consistent; Terraform waits two minutes.
    Transient(
        r"s3api create-bucket$", r"OperationAborted", 600, "S3 releases the name of a deleted bucket after minutes"
    ),
    Transient(
        r"s3api (?:put|delete)-|s3 cp$",
        r"\((?:NoSuchBucket|OperationAborted)\)",
        120,
        "a new bucket is not known everywhere yet",
    ),
    Transient(r"s3api put-object$", r"ConditionalRequestConflict", 60, "another writer is creating the same object"),
    Transient(
        r"s3api put-bucket-notification-configuration$",
        r"Unable to validate the following destination",
        120,
        "S3 tests whether it may send to the queue, whose policy takes effect after some time",
    ),
    # Others.
    Transient(
        r"secretsmanager (?:create-secret|put-secret-value|restore-secret)$",
        r"(?:scheduled|marked) for deletion",
        70,
        "a secret that was deleted without recovery keeps its name for some seconds",
    ),
    Transient(
        r"iam (?:put-role-policy|attach-role-policy|update-assume-role-policy)$",
        r"\(NoSuchEntity\w*\)",
        120,
        "a new role is not known everywhere yet; Terraform: two minutes",
    ),
    Transient(
        r"iam create-role$",
        r"\(MalformedPolicyDocument\w*\).*[Ii]nvalid principal",
        60,
        "a new identity provider is not known everywhere yet",
    ),
    Transient(
        r"iam ", r"ConcurrentModification|EntityTemporarilyUnmodifiable", 120, "IAM's own message: try again later"
    ),
    Transient(r"events ", r"ConcurrentModification", 60, "EventBridge makes one change of a rule at a time"),
    Transient(r"events put-targets$", r"\(ResourceNotFound\w*\)", 60, "a new rule is not known everywhere yet"),
    Transient(r"logs ", r"OperationAborted", 60, "CloudWatch Logs makes one change of a group at a time"),
    Transient(
        r"logs put-retention-policy$", r"\(ResourceNotFound\w*\)", 60, "a new log group is not known everywhere yet"
    ),
    Transient(
        DELETIONS,
        r"\((?:ResourceInUse|ResourceConflict|OperationAborted|ConcurrentModification|DeleteConflict)",
        70,
        "another resource still uses it",
    ),
    Transient(
        r"^(?!lambda invoke$)",
        r"Throttl|TooManyRequests|[Rr]ate exceeded|RequestLimitExceeded|SlowDown",
        120,
        "the account makes too many calls, and the CLI's own retries were not enough",
    ),
)

# The errors of our functions, by their code. Only for invocations that are idempotent: see invoke.sh.
FUNCTIONS: Mapping[str, int] = {
    AwsRefused.code: 120,  # a policy takes effect after some time; Terraform: two minutes for IAM
    MissingObject.code: SPREADS_S,  # S3: a GET may fail after versioning was turned on
    NotYet.code: 120,  # an object that it needs does not exist yet
    AwsUnavailable.code: 60,  # a fault of AWS
}


def retry_time_s(what: str, words: str, rows: tuple[Transient, ...]) -> int:
    """Return for how many seconds to retry WHAT after the error `words`; 0 for a permanent error."""
    line = " ".join(words.split())
    return max((row.retry_s for row in rows if re.search(row.call, what) and re.search(row.error, line)), default=0)


def function_retry_time_s(answer: str) -> int:
    """Return for how many seconds to retry a function that ended with `answer`; 0 for a permanent error."""
    return FUNCTIONS.get(json.loads(answer).get("errorType", ""), 0)


def main() -> None:
    kind, what = sys.argv[1:]
    words = sys.stdin.buffer.read().decode(errors="replace")
    print(retry_time_s(what, words, CALLS) if kind == "call" else function_retry_time_s(words))


if __name__ == "__main__":
    main()
