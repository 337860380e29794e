"""Says what others have attached to our things, as far as those are closed: `delete WORD NAME ID NOTE`, with tabs.

    python -m ops.teardown.foreign FOLDER

FOLDER/KIND/*.json are the wanted requests, FOLDER/have/ holds AWS's answers, FOLDER/retired what went with warehouse
tables that are gone; KEEP_SUBSCRIPTIONS comes from the environment. `stays` is what only a person can take away.
"""

import json
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ops.stack.actual.base import Thing
from ops.stack.actual.permissions import ANEW
from ops.stack.actual.roles import VPC_POLICY
from ops.stack.verdicts import StackDifferences
from ops.teardown.retired_tables import Line

LATEST = "$LATEST"


class Foreign:
    def __init__(self, folder: Path, keep: Collection[str]) -> None:
        self._stack, self._keep = StackDifferences(folder), keep
        file = folder / "retired"
        lines = file.read_text().splitlines() if file.exists() else []
        self._gone = {line.split("\t")[3] for line in lines}

    def lines(self) -> Iterator[Line]:
        yield from self._policies()
        yield from self._permissions()
        yield from self._ways_into_functions()
        yield from self._borrowers()
        yield from self._subscriptions()
        yield from self._targets()
        yield from self._bucket_policies()

    def _policies(self) -> Iterator[Line]:
        """Of our roles: one inline policy each, and no managed one. When that of former deploys may go, Roles says."""
        inline = {(role, want["PolicyName"]) for role, want in self._stack.want("role_policies").items()}
        for role in self._stack.have("roles").get("RoleDetailList", []):
            name = role["RoleName"]
            if name not in self._stack.want("roles"):
                continue
            for policy in role.get("RolePolicyList", []):
                if (name, policy["PolicyName"]) not in inline:
                    yield Line("delete", "role policy", name, f"{name}/{policy['PolicyName']}", policy["PolicyName"])
            for policy in role.get("AttachedManagedPolicies", []):
                if not policy["PolicyArn"].endswith(VPC_POLICY):
                    yield Line("delete", "attached policy", name, f"{name}/{policy['PolicyArn']}", policy["PolicyArn"])

    def _permissions(self) -> Iterator[Line]:
        """Whoever else may invoke. One of ours that was changed keeps its name, and is put again."""
        for function, answer in self._stack.each("permissions").items():
            for statement in json.loads(answer["Policy"]).get("Statement", []):
                if f"{function}.{statement['Sid'].removesuffix(ANEW)}" not in self._stack.want("permissions"):
                    note = f"{statement['Sid']}, for {_principal(statement)}"
                    yield Line("delete", "permission", function, f"{function}/{statement['Sid']}", note)

    def _ways_into_functions(self) -> Iterator[Line]:
        """Each has a policy of its own, which goes with it."""
        for function, answer in self._stack.each("function_urls").items():
            for url in answer.get("FunctionUrlConfigs", []):
                # Of an alias its ARN is told; a function has one URL of its own.
                alias = url["FunctionArn"].split(":")[7:]
                yield Line("delete", "function url", function, ":".join([function, *alias]), url["FunctionUrl"])
        for function, answer in self._stack.each("aliases").items():
            for alias in answer.get("Aliases", []):
                yield Line("delete", "alias", function, f"{function}/{alias['Name']}", alias["Name"])
        for version in self._stack.have("versions").get("Functions", []):
            name, number = version["FunctionName"], version.get("Version", LATEST)
            if name in self._stack.want("functions") and number != LATEST:
                yield Line("delete", "version", name, f"{name}/{number}", number)

    def _borrowers(self) -> Iterator[Line]:
        """A function of somebody else's is code that only they have, so it is not deleted."""
        roles = {want["Role"] for want in self._stack.want("functions").values()}
        for function in self._stack.have("functions").get("Functions", []):
            name = function["FunctionName"]
            if name not in self._stack.want("functions") and function.get("Role") in roles:
                role = function["Role"].rpartition("/")[2]
                yield Line("stays", "function", name, name, f"runs as our role {role}: delete it")

    def _subscriptions(self) -> Iterator[Line]:
        kinds = ("subscriptions", "alert_subscriptions")
        wanted = {(want["TopicArn"], want["Endpoint"]) for kind in kinds for want in self._stack.want(kind).values()}
        for topic, arn, protocol, endpoint in self._stack.listeners():
            if (topic, endpoint) in wanted or endpoint in self._keep or arn in self._gone:
                continue
            name, who = topic.rpartition(":")[2], f"{protocol} {_shown(endpoint)}"
            if arn.startswith("arn:"):
                yield Line("delete", "subscription", name, arn, who)
            else:
                yield Line("stays", "subscription", name, arn, f"{who}, who has not agreed yet")

    def _targets(self) -> Iterator[Line]:
        for rule, want in self._stack.want("rule_targets").items():
            ours = {target["Id"] for target in want["Targets"]}
            for target in self._stack.each("rule_targets").get(rule, {}).get("Targets", []):
                if target["Id"] not in ours:
                    yield Line("delete", "rule target", rule, f"{rule}/{target['Id']}", target["Arn"])

    def _bucket_policies(self) -> Iterator[Line]:
        """A policy of ours that was changed is put again as a bucket part."""
        for bucket in self._stack.want("buckets"):
            if bucket in self._stack.each("bucket_policies"):
                yield Line("delete", "bucket policy", bucket, bucket)
            if bucket in self._stack.each("bucket_replications"):
                yield Line("delete", "bucket replication", bucket, bucket)


def _principal(statement: Thing) -> str:
    """`*`, an ARN or a service."""
    principal = statement.get("Principal", "")
    return principal if isinstance(principal, str) else ", ".join(str(each) for each in principal.values())


def _shown(endpoint: str) -> str:
    """Of a URL its host: the rest may be a secret."""
    url = urlsplit(endpoint)
    return f"{url.scheme}://{url.hostname}" if url.scheme in ("http", "https") else endpoint


def main() -> None:
    keep = os.environ["KEEP_SUBSCRIPTIONS"].split()
    for line in Foreign(Path(sys.argv[1]), keep).lines():
        print("\t".join((*line[:-1], f"({line.note})" if line.note else "")))


if __name__ == "__main__":
    main()
