"""List what others have attached to our roles, functions, topics, rules and buckets: a line each, with tabs.

    python -m ops.teardown.foreign FOLDER

A line is `delete WORD NAME ID NOTE`, or `stays WORD NAME ID NOTE` for what only a person can remove.
FOLDER/KIND/*.json are the desired requests, FOLDER/actual/ holds AWS's answers, FOLDER/retired has the lines of
retired_tables.py; KEEP_SUBSCRIPTIONS comes from the environment.
"""

import json
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ops.stack.resources.base import Json, StackState
from ops.stack.resources.iam import VPC_POLICY
from ops.stack.resources.permissions import REPLACEMENT_SUFFIX
from ops.stack.resources.queues import subscribers
from ops.teardown.planned_removal import PlannedRemoval

LATEST = "$LATEST"


class Foreign:
    """The attachments that are not desired. A deploy removes them."""

    def __init__(self, folder: Path, keep: Collection[str]) -> None:
        self._stack, self._keep = StackState(folder), keep
        file = folder / "retired"
        lines = file.read_text().splitlines() if file.exists() else []
        self._deleted = {line.split("\t")[3] for line in lines}

    def lines(self) -> Iterator[PlannedRemoval]:
        yield from self._policies()
        yield from self._permissions()
        yield from self._urls_aliases_and_versions()
        yield from self._foreign_functions()
        yield from self._subscriptions()
        yield from self._targets()
        yield from self._bucket_policies()

    def _policies(self) -> Iterator[PlannedRemoval]:
        """Yield the policies of our roles except the one inline policy of each. AttachedPolicies decides about the
        managed policy of earlier versions."""
        inline = {(role, request["PolicyName"]) for role, request in self._stack.desired("role_policies").items()}
        for role in self._stack.listed("roles", "RoleDetailList"):
            name = role["RoleName"]
            if name not in self._stack.desired("roles"):
                continue
            for policy in role.get("RolePolicyList", []):
                if (name, policy["PolicyName"]) not in inline:
                    yield PlannedRemoval(
                        "delete", "role policy", name, f"{name}/{policy['PolicyName']}", policy["PolicyName"]
                    )
            for policy in role.get("AttachedManagedPolicies", []):
                if not policy["PolicyArn"].endswith(VPC_POLICY):
                    yield PlannedRemoval(
                        "delete", "attached policy", name, f"{name}/{policy['PolicyArn']}", policy["PolicyArn"]
                    )

    def _permissions(self) -> Iterator[PlannedRemoval]:
        """Yield other permissions to invoke. A permission of ours that was changed has its id, so Permissions repairs
        it."""
        for function, answer in self._stack.answers("permissions").items():
            for statement in json.loads(answer["Policy"]).get("Statement", []):
                name = f"{function}.{statement['Sid'].removesuffix(REPLACEMENT_SUFFIX)}"
                if name not in self._stack.desired("permissions"):
                    note = f"{statement['Sid']}, for {_principals(statement)}"
                    yield PlannedRemoval("delete", "permission", function, f"{function}/{statement['Sid']}", note)

    def _urls_aliases_and_versions(self) -> Iterator[PlannedRemoval]:
        """Yield function URLs, aliases and versions: each has a policy of its own, which is deleted with it."""
        for function, answer in self._stack.answers("function_urls").items():
            for url in answer.get("FunctionUrlConfigs", []):
                # The URL of an alias has the alias's ARN; the function itself has one URL.
                alias = url["FunctionArn"].split(":")[7:]
                yield PlannedRemoval(
                    "delete", "function url", function, ":".join([function, *alias]), url["FunctionUrl"]
                )
        for function, answer in self._stack.answers("aliases").items():
            for alias in answer.get("Aliases", []):
                yield PlannedRemoval("delete", "alias", function, f"{function}/{alias['Name']}", alias["Name"])
        for version in self._stack.listed("versions", "Functions"):
            name, number = version["FunctionName"], version.get("Version", LATEST)
            if name in self._stack.desired("functions") and number != LATEST:
                yield PlannedRemoval("delete", "version", name, f"{name}/{number}", number)

    def _foreign_functions(self) -> Iterator[PlannedRemoval]:
        """Yield foreign functions that run with our roles. They are not deleted: only their owners have the code."""
        roles = {request["Role"] for request in self._stack.desired("functions").values()}
        for function in self._stack.listed("functions", "Functions"):
            name = function["FunctionName"]
            if name not in self._stack.desired("functions") and function.get("Role") in roles:
                role = function["Role"].rpartition("/")[2]
                yield PlannedRemoval("stays", "function", name, name, f"runs with our role {role}: delete it")

    def _subscriptions(self) -> Iterator[PlannedRemoval]:
        kinds = ("subscriptions", "alert_subscriptions")
        requests = [request for kind in kinds for request in self._stack.desired(kind).values()]
        desired = {(request["TopicArn"], request["Endpoint"]) for request in requests}
        for topic, arn, protocol, endpoint in subscribers(self._stack):
            if (topic, endpoint) in desired or endpoint in self._keep or arn in self._deleted:
                continue
            name, subscriber = topic.rpartition(":")[2], f"{protocol} {_without_path(endpoint)}"
            if arn.startswith("arn:"):
                yield PlannedRemoval("delete", "subscription", name, arn, subscriber)
            else:
                yield PlannedRemoval("stays", "subscription", name, arn, f"{subscriber}, not confirmed yet")

    def _targets(self) -> Iterator[PlannedRemoval]:
        for rule, request in self._stack.desired("rule_targets").items():
            ours = {target["Id"] for target in request["Targets"]}
            for target in self._stack.answers("rule_targets").get(rule, {}).get("Targets", []):
                if target["Id"] not in ours:
                    yield PlannedRemoval("delete", "rule target", rule, f"{rule}/{target['Id']}", target["Arn"])

    def _bucket_policies(self) -> Iterator[PlannedRemoval]:
        """Yield bucket policies where we have none, and replications. BucketParts repairs a policy of ours."""
        for bucket in self._stack.desired("buckets"):
            if bucket in self._stack.answers("bucket_policies"):
                yield PlannedRemoval("delete", "bucket policy", bucket, bucket)
            if bucket in self._stack.answers("bucket_replications"):
                yield PlannedRemoval("delete", "bucket replication", bucket, bucket)


def _principals(statement: Json) -> str:
    """Return `*`, an ARN or a service; several are separated by commas."""
    principal = statement.get("Principal", "")
    return principal if isinstance(principal, str) else ", ".join(str(each) for each in principal.values())


def _without_path(endpoint: str) -> str:
    """Return a URL with its host alone, because the rest may be a secret; another endpoint as it is."""
    url = urlsplit(endpoint)
    return f"{url.scheme}://{url.hostname}" if url.scheme in ("http", "https") else endpoint


def main() -> None:
    keep = os.environ["KEEP_SUBSCRIPTIONS"].split()
    for line in Foreign(Path(sys.argv[1]), keep).lines():
        print("\t".join((*line[:-1], f"({line.note})" if line.note else "")))


if __name__ == "__main__":
    main()
