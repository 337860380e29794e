"""What passes by itself: the answers of AWS, and the errors of our functions, that a script waits for.

    python -m ops.cli.transient call|function WHAT <WORDS

WHAT is `SERVICE OPERATION`, or a function's name. Prints how many seconds it is worth to try again; nothing when a
person must look. WORDS as advice.py takes them.
"""

import re
import sys
from typing import NamedTuple

from shared.errors import SPREADS_S


class Transient(NamedTuple):
    """`of` is a pattern of WHAT, `says` one of what is said; `why` has the source of `for_s`, the seconds. Where
    several rows know an answer the most patient one counts."""

    of: str
    says: str
    for_s: int
    why: str


WITH_ROLE = r"lambda (?:create-function|update-function-\w+|create-event-source-mapping|update-event-source-mapping)$"
OF_FUNCTION = r"lambda (?:update|put|delete|add-permission|remove-permission|create-event-source-mapping)"
DELETES = r" (?:delete|remove|detach|unsubscribe)|put-bucket-notification-configuration$"

CALLS = (
    # Lambda. The seconds are Terraform's (internal/service/lambda): five minutes until Lambda has heard of a role.
    Transient(WITH_ROLE, r"cannot be assumed by Lambda", 300, "IAM made the role some seconds ago"),
    Transient(WITH_ROLE, r"role does not have permissions", 300, "and its policy"),
    Transient(WITH_ROLE, r"KMS key is invalid for CreateGrant", 300, "KMS does not know the new role yet"),
    Transient(
        WITH_ROLE, r"throttled by EC2", 540, "many functions get network interfaces at once; Terraform: nine minutes"
    ),
    Transient(
        OF_FUNCTION,
        r"\(Resource(?:Conflict|InUse)\w*\)(?!.*already exist)",
        300,
        "Lambda changes one thing after the other, and a function that is Pending not at all; Terraform: five minutes",
    ),
    Transient(
        r"lambda create-event-source-mapping$",
        r"ResourceConflict.*already exists",
        300,
        "a mapping that was deleted goes on for minutes, in the way of its like",
    ),
    Transient(
        r"lambda (?:put-function-event-invoke-config|add-permission|create-event-source-mapping)$",
        r"\(ResourceNotFound\w*\)",
        60,
        "a function that was just made is not known everywhere; Terraform tries add-permission again",
    ),
    Transient(
        r"lambda invoke$",
        r"\((?:ResourceNotReady|ENINotReady|EC2Throttled|ResourceConflict)\w*\)|state: (?:Pending|Inactive)",
        300,
        "a function in a VPC that was idle for weeks gets its network back; it was refused before it ran",
    ),
    Transient(
        r"lambda invoke$",
        r"\(TooManyRequests\w*\)",
        70,
        "an account's few functions at once are all at work; it was refused before it ran",
    ),
    # SQS and SNS.
    Transient(
        r"sqs create-queue$", r"QueueDeletedRecently", 70, "SQS: a name is free 60 s after its queue was deleted"
    ),
    Transient(
        r"sqs set-queue-attributes$",
        r"\((?:QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue)\)",
        60,
        "SQS: a queue can be used a second after it was made, or more",
    ),
    Transient(r"sns (?:subscribe|set-\w+-attributes)$", r"\(NotFound\w*\)", 60, "a topic that was just made"),
    # S3: what belongs to a bucket is consistent in the end; Terraform gives it two minutes.
    Transient(r"s3api create-bucket$", r"OperationAborted", 600, "S3 gives a deleted bucket's name out after minutes"),
    Transient(
        r"s3api (?:put|delete)-|s3 cp$", r"\((?:NoSuchBucket|OperationAborted)\)", 120, "a bucket that was just made"
    ),
    Transient(r"s3api put-object$", r"ConditionalRequestConflict", 60, "somebody else writes the same object just now"),
    Transient(
        r"s3api put-bucket-notification-configuration$",
        r"Unable to validate the following destination",
        120,
        "S3 tries whether it may send to the queue, whose policy it hears of late",
    ),
    # Others.
    Transient(
        r"secretsmanager (?:create-secret|put-secret-value|restore-secret)$",
        r"(?:scheduled|marked) for deletion",
        70,
        "a secret that was deleted at once keeps its name for some seconds",
    ),
    Transient(
        r"iam (?:put-role-policy|attach-role-policy|update-assume-role-policy)$",
        r"\(NoSuchEntity\w*\)",
        120,
        "a role that was just made; Terraform: two minutes",
    ),
    Transient(
        r"iam create-role$",
        r"\(MalformedPolicyDocument\w*\).*[Ii]nvalid principal",
        60,
        "an identity provider that was just made is not known everywhere",
    ),
    Transient(
        r"iam ", r"ConcurrentModification|EntityTemporarilyUnmodifiable", 120, "IAM's own words: try again later"
    ),
    Transient(r"events ", r"ConcurrentModification", 60, "EventBridge changes one thing of a rule after the other"),
    Transient(r"events put-targets$", r"\(ResourceNotFound\w*\)", 60, "a rule that was just made"),
    Transient(r"logs ", r"OperationAborted", 60, "CloudWatch Logs changes one thing of a group after the other"),
    Transient(r"logs put-retention-policy$", r"\(ResourceNotFound\w*\)", 60, "a log group that was just made"),
    Transient(
        DELETES,
        r"\((?:ResourceInUse|ResourceConflict|OperationAborted|ConcurrentModification|DeleteConflict)",
        70,
        "something else has not let go of it yet",
    ),
    Transient(
        r"^(?!lambda invoke$)",
        r"Throttl|TooManyRequests|[Rr]ate exceeded|RequestLimitExceeded|SlowDown",
        120,
        "the account asks too much at once, and the CLI's own tries were not enough",
    ),
)

# Only of what may be done twice: see invoke.sh.
FUNCTIONS = (
    Transient(r"", r"^AwsRefused: ", 120, "a policy spreads; Terraform: two minutes for IAM"),
    Transient(r"", r"^MissingObject: ", SPREADS_S, "S3: a GET may say so after versions were first turned on"),
    Transient(r"", r"^NotYet: ", 120, "what it needs is on its way"),
    Transient(r"", r"^ServiceUnavailable: (?:S3|SNS|SQS|Lambda|Secrets Manager|CloudWatch): ", 60, "AWS has trouble"),
)


def patience_s(what: str, words: str, rows: tuple[Transient, ...]) -> int:
    """0 for what does not pass."""
    line = " ".join(words.split())
    return max((row.for_s for row in rows if re.search(row.of, what) and re.search(row.says, line)), default=0)


def main() -> None:
    kind, what = sys.argv[1:]
    words = sys.stdin.buffer.read().decode(errors="replace")
    print(patience_s(what, words, {"call": CALLS, "function": FUNCTIONS}[kind]))


if __name__ == "__main__":
    main()
