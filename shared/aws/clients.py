"""Make boto3 clients with a timeout on every call, and translate their errors in one place."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from shared.errors import AwsRefused, AwsUnavailable
from shared.retry import retried

T = TypeVar("T")

# An answer has some megabytes at most: after ten seconds without a byte the service hangs. A function reserves more
# time than that, or its timeout ends it and SQS hides its messages for minutes. botocore's own retries are off:
# shared.retry is the only policy.
CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"total_max_attempts": 1, "mode": "standard"},
    s3={"addressing_style": "path"},
)

REFUSALS = {
    "403",  # HeadObject's answer has no body, so its status is the only code
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "NoSuchBucket",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ResourceNotFoundException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


def client(service: str, read_timeout_s: float = CONFIG.read_timeout) -> Any:  # type: ignore[attr-defined]
    """Return a boto3 client of `service`; region, credentials and endpoint come from the environment."""
    return boto3.client(service, config=CONFIG.merge(Config(read_timeout=read_timeout_s)))  # type: ignore[call-overload]


def code_of(error: ClientError) -> str:
    """Return the service's error code."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


Sleep = Callable[[float], None]

# What a function in a VPC meets whose subnets have no route to AWS.
NO_ROUTE = (
    "if it stays so, the function's network has no route to AWS: "
    "the subnets of SUBNET_IDS need a NAT gateway or endpoints"
)


def called(
    service: str,
    doing: str,
    call: Callable[[], T],
    expected: frozenset[str] = frozenset(),
    sleep: Sleep = time.sleep,
) -> T:
    """Call with retries, and return the result. A ClientError whose code is `expected` is raised as it is.

    Raises AwsUnavailable (transient) or AwsRefused (may pass). Their text holds the error's code, never its message,
    which can quote what was sent.
    """

    def attempt() -> T:
        try:
            return call()
        except ClientError as error:
            code = code_of(error)
            if code in expected:
                raise
            if code in REFUSALS:
                raise AwsRefused(service, doing, code, "deploy again, and look at the role's rights") from error
            raise AwsUnavailable(service, doing, code) from error
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            raise AwsUnavailable(service, doing, type(error).__name__, fix=NO_ROUTE) from error
        except BotoCoreError as error:
            raise AwsUnavailable(service, doing, type(error).__name__) from error

    return retried(attempt, sleep)
