"""List the calls that read the roles of a stack part by part, and join their answers.

    python -m ops.stack.role_parts roles|policies|joined FOLDER

FOLDER/role_names.json is a list of names. `roles` prints the calls whose answers `policies` needs, `policies` the calls
whose answers `joined` needs. A line has the file for the answer, in FOLDER/role_parts/, and the call, with tabs.
`joined` prints {"RoleDetailList": [...]}, the form of IAM's own bulk answer.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PARTS = ("get-role", "list-role-policies", "list-attached-role-policies")


class RoleParts:
    """The parts of the roles of a stack; each method yields the lines that the command of its name prints."""

    def __init__(self, folder: Path) -> None:
        self._parts = folder / "role_parts"
        self._names: list[str] = _answer(folder / "role_names.json") or []

    def roles(self) -> Iterator[str]:
        for name in self._names:
            for part in PARTS:
                yield self._call(f"{name}.{part}", part, "--role-name", name)

    def policies(self) -> Iterator[str]:
        for name in self._names:
            for policy in self._policies_of(name):
                where = f"{name}.policy.{policy}"
                yield self._call(where, "get-role-policy", "--role-name", name, "--policy-name", policy)

    def joined(self) -> Iterator[str]:
        yield json.dumps({"RoleDetailList": [self._role(name) for name in self._names]}, indent=1)

    def _role(self, name: str) -> dict[str, Any]:
        role: dict[str, Any] = self._part(name, "get-role")["Role"]
        return role | {
            "RolePolicyList": [self._part(name, f"policy.{policy}") for policy in self._policies_of(name)],
            "AttachedManagedPolicies": self._part(name, "list-attached-role-policies")["AttachedPolicies"],
        }

    def _policies_of(self, name: str) -> list[str]:
        named: list[str] = self._part(name, "list-role-policies")["PolicyNames"]
        return named

    def _part(self, name: str, part: str) -> Any:
        return _answer(self._parts / f"{name}.{part}.json")

    def _call(self, where: str, *arguments: str) -> str:
        return "\t".join((f"{self._parts}/{where}.json", "iam", *arguments))


def _answer(path: Path) -> Any:
    return json.loads(path.read_text().strip() or "null")


def main() -> None:
    what, folder = sys.argv[1:]
    for line in getattr(RoleParts(Path(folder)), what)():
        print(line)


if __name__ == "__main__":
    main()
