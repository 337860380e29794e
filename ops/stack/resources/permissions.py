"""The comparison of permissions to invoke a function: by principal, action and condition, not by statement id."""

import json
from collections.abc import Iterator

from ops.stack.resources.base import Difference, Json, JsonByName, normal

# The end of the id of a permission that replaced another one.
REPLACEMENT_SUFFIX = "-anew"
# The operators by which AWS may express an equality.
EQUALS = ("ArnLike", "ArnEquals", "StringEquals", "StringLike")
KEYS = {"SourceArn": "aws:sourcearn", "SourceAccount": "aws:sourceaccount"}


def permission_differences(desired: JsonByName, policies: JsonByName) -> Iterator[Difference]:
    """Compare the desired permissions with `policies`, AWS's answers by function.

    A permission with our id that allows something else is replaced by one with the other of our two ids, so that one of
    them always exists.
    """
    actual = {
        f"{function}.{statement['Sid']}": permission_of_statement(statement)
        for function, answer in policies.items()
        for statement in json.loads(answer["Policy"]).get("Statement", [])
    }
    superfluous: list[str] = []
    for name, request in desired.items():
        ours = [each for each in (name, f"{name}{REPLACEMENT_SUFFIX}") if each in actual]
        correct = [each for each in ours if actual[each] == permission_of_request(request)]
        if ours and not correct:
            yield "update", name, ",".join(each.rpartition(".")[2] for each in ours)
        else:
            yield "ok" if correct else "create", name, ""
            superfluous += [each for each in ours if each not in correct[:1]]
    yield from (("delete", name, "") for name in superfluous)


def permission_of_statement(statement: Json) -> Json:
    """Return effect, principal, action and condition of a statement in one normal form."""
    conditions = [
        ["" if operator in EQUALS else operator, key.lower(), normal(value)]
        for operator, tests in (statement.get("Condition") or {}).items()
        for key, value in tests.items()
    ]
    principal = statement.get("Principal")
    principal_name = (
        principal["Service"] if isinstance(principal, dict) and list(principal) == ["Service"] else principal
    )
    return _normalized(statement.get("Effect"), principal_name, statement.get("Action"), conditions)


def permission_of_request(request: Json) -> Json:
    """Return the normal form of the statement that add-permission makes from a request."""
    conditions = [["", key, request[name]] for name, key in KEYS.items() if name in request]
    return _normalized("Allow", request["Principal"], request["Action"], conditions)


def _normalized(effect: object, principal_name: object, action: object, conditions: list[list[object]]) -> Json:
    return {
        "effect": effect,
        "principal": normal(principal_name),
        "action": normal(action),
        "conditions": sorted(conditions, key=repr),
    }
