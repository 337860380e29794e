"""AWS as somebody else than root sees it, on the deployed stack."""

import json
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.stack.stack import LocalStack

Clients = Callable[[str], Any]
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}


def is_denied(clients: Clients, service: str, method: str, params: dict[str, Any]) -> bool:
    """Whether rights are what a call fails for."""
    try:
        getattr(clients(service), method)(**params)
    except ClientError as error:
        return error.response["Error"]["Code"] in DENIED
    return False


def session_of(stack: LocalStack, role: str) -> dict[str, str]:
    """Return the keys of a new session of this role, whoever may otherwise take it."""
    iam, account = stack.aws("iam"), stack.names.account
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust_in(f"arn:aws:iam::{account}:root"))
    try:
        taken = stack.aws("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test")
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    keys = taken["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def trust_in(principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def clients_of(stack: LocalStack, keys: dict[str, str]) -> Clients:
    made: dict[str, Any] = {}
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30)

    def client(service: str) -> Any:
        if service not in made:
            where = {"endpoint_url": stack.settings["AWS_ENDPOINT_URL"], "region_name": stack.settings["AWS_REGION"]}
            made[service] = boto3.client(service, config=once, **where, **keys)  # type: ignore[call-overload]
        return made[service]

    return client
