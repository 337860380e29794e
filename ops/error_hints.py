"""Print in one line what failed and how to fix it.

    python -m ops.error_hints call|function WHAT <WORDS

WORDS is what the AWS CLI, version 1 or 2, wrote to stderr, or the error of a function. Prints `WHAT: error; fix`;
without the fix when no row matches the error. The rows match errors of AWS; the messages of our own errors contain the
fix.
"""

import re
import sys

from ops.screens.terminal import escaped

# A pattern of an error's line, and the fix. The first row that matches a line counts.
Rows = tuple[tuple[str, str], ...]

CALLS: Rows = (
    # The AWS CLI itself.
    (r"command not found|No such file or directory|Permission denied", "TOTESTREAM_AWS must name an AWS CLI"),
    (
        r"Unknown options|Unknown parameter in input|[Ii]nvalid choice",
        "this AWS CLI is too old: leave TOTESTREAM_AWS empty, and the one of .venv is used",
    ),
    # Credentials.
    (
        r"Unable to locate credentials",
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in settings.env or in the environment",
    ),
    (r"Partial credentials found in .*, missing: (\w+)", r"set \1 too"),
    (r"Unable to parse config file", "correct that file: AWS_CONFIG_FILE, else ~/.aws/config or ~/.aws/credentials"),
    (r"The config profile \(.*\) could not be found", "AWS_PROFILE must be one of `aws configure list-profiles`"),
    (
        r"Signature (?:expired|not yet current)|RequestExpired|RequestTimeTooSkewed|RequestInTheFuture",
        "set this machine's clock: AWS takes five minutes of difference",
    ),
    (
        r"ExpiredToken|token included in the request is expired|[Tt]oken has expired|SSO|session has expired",
        "get new credentials (`aws sso login`, or however you got these) and run this again",
    ),
    (
        r"InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|AuthFailure",
        "check AWS_ACCESS_KEY_ID or AWS_PROFILE, and that the region of AWS_REGION is enabled for this account",
    ),
    (
        r"SignatureDoesNotMatch|InvalidSignatureException|IncompleteSignature",
        "check AWS_SECRET_ACCESS_KEY: it does not belong to the AWS_ACCESS_KEY_ID",
    ),
    (r"OptInRequired|SubscriptionRequired", "finish this account's sign-up in the AWS console"),
    # Endpoints and regions.
    (r"Bad value for --endpoint-url", "AWS_ENDPOINT_URL must begin with http:// or https://"),
    (
        r"(?:Could not connect to the|[Tt]imeout on|response from) endpoint URL: \"https?://(?:127\.|localhost)",
        "start the local stack: infra_bash/local.sh start",
    ),
    (
        r"(?:Could not connect to the|[Tt]imeout on|response from) endpoint URL|Failed to connect to proxy",
        "check AWS_REGION, AWS_ENDPOINT_URL and this machine's internet connection",
    ),
    (r"SSL validation failed", "trust the certificate of the proxy in between, with AWS_CA_BUNDLE"),
    (
        r"You must specify a region|Invalid endpoint|match a supported format|not available in region",
        "AWS_REGION must be a region's name, such as eu-west-2",
    ),
    (
        r"IllegalLocationConstraint|InvalidLocationConstraint|InvalidRegion",
        "check that AWS_REGION and AWS_ENDPOINT_URL are of one region",
    ),
    (
        r"PermanentRedirect|\(301\)|AuthorizationHeaderMalformed|bucket is in this region",
        "the bucket was created in another region: set AWS_REGION to that one, or choose another PROJECT or STAGE",
    ),
    # Rights.
    (
        r"AccessDenied.*(?:[Bb]udgets:\w+|calling the \w*Budget\w* )",
        "ask the account's administrator to allow you budgets, or leave MONTHLY_BUDGET_USD empty",
    ),
    (r"not authorized to perform: ([\w-]+:\w+)", r"ask the account's administrator to allow you \1"),
    (
        r"(?:AccessDenied|UnauthorizedOperation|AuthorizationError|Forbidden|\(403\)).* calling the (\w+)",
        r"ask the account's administrator to allow you the call \1",
    ),
    # Names.
    (r"\(BucketAlreadyExists\)", "another account has this name: choose another PROJECT or STAGE"),
    (
        r"scheduled for deletion",
        "restore it with `aws secretsmanager restore-secret`, or give the secret another name in the settings",
    ),
    (r"OperationAborted|QueueDeletedRecently", "this name was deleted just now: run this again in some minutes"),
    (
        r"EntityAlreadyExists|BucketAlreadyOwnedByYou|Queue(?:Already|Name)Exists|Resource(?:Already)?Exists"
        r"|ResourceConflictException.*already exist",
        "run this again, one at a time; if this stays, the name is someone else's: choose another PROJECT or STAGE",
    ),
    (r"ResourceConflictException|ResourceInUse|ConcurrentModification", "it is being changed: run this again soon"),
    (r"ResourceNotFoundException.* calling the Invoke ", "deploy this stack first: infra_bash/deploy.sh"),
    # Limits.
    (
        r"TooManyRequestsException.* calling the Invoke |ConcurrentInvocationLimitExceeded",
        "this account runs too few functions at once (a new one 10): ask for more in Service Quotas, "
        "AWS Lambda, Concurrent executions (L-B99A9384)",
    ),
    (
        r"CodeStorageExceeded",
        "delete functions and layer versions that nobody uses, or ask for more in Service Quotas, AWS Lambda, "
        "Function and layer storage (L-2ACBD22F)",
    ),
    (
        r"Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|[Rr]ate exceeded",
        "run this again in a minute: no change is made twice",
    ),
    (
        r"LimitExceeded|QuotaExceeded|TooManyBuckets|OverLimit",
        "remove what nobody uses, or ask for more in Service Quotas",
    ),
    # Settings that only AWS can check.
    (
        r"[Ss]ubnet|[Ss]ecurity ?[Gg]roup",
        "check that SUBNET_IDS and SECURITY_GROUP_IDS are of one network in this region",
    ),
    (r"'runtime'|runtime parameter", "LAMBDA_PYTHON must be a Python that Lambda has"),
    (
        r"Internal(?:Error|Failure)|ServiceException|ServiceUnavailable|\(50\d\)",
        "run this again later: AWS has a fault",
    ),
)

NETWORK = "SUBNET_IDS and SECURITY_GROUP_IDS"
FUNCTIONS: Rows = (
    (
        r"[Tt]imed out after",
        f"on AWS this is also the symptom of a network without a route: check {NETWORK}, then the function's log",
    ),
    (r"Runtime\.ImportModuleError", "LAMBDA_PYTHON and LAMBDA_ARCH must be those that the layer was built for"),
)

PREFIX = re.compile(r"^(?:aws: \[ERROR\]: )?(?:\S+\.sh: line \d+: )?")


def one_line(what: str, words: str, rows: Rows) -> str:
    lines = [PREFIX.sub("", line.strip()) for line in words.splitlines() if line.strip()]
    for pattern, advice in rows:
        for line in lines:
            if found := re.search(pattern, line):
                return f"{what}: {line.rstrip('.')}; {found.expand(advice)}"
    return f"{what}: {unknown(lines)}"


def unknown(lines: list[str]) -> str:
    """Return an unknown error as it is, or the last line of a traceback or a usage text."""
    if lines and lines[0].startswith(("Traceback", "usage:")):
        return lines[-1]
    return " ".join(lines) or "ended without a message"


def main() -> None:
    kind, what = sys.argv[1:]
    words = sys.stdin.buffer.read().decode(errors="replace")
    print(escaped(one_line(what, words, {"call": CALLS, "function": FUNCTIONS}[kind])))


if __name__ == "__main__":
    main()
