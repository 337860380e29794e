"""Who may invoke a function: compared by principal, action and condition, whatever a statement is called."""

import json
from collections.abc import Iterator

from ops.stack.actual.base import Line, Thing, Things, normal

# Ends the name of a permission that took the place of another one.
ANEW = "-anew"
# AWS writes an equality in one of these.
EQUALS = ("ArnLike", "ArnEquals", "StringEquals", "StringLike")
KEYS = {"SourceArn": "aws:sourcearn", "SourceAccount": "aws:sourceaccount"}


def judged_permissions(wanted: Things, policies: Things) -> Iterator[Line]:
    """`policies` are AWS's answers, by function. One of ours that allows something else gives way to one under the
    other of our two names, so that there is no moment without."""
    there = {
        f"{function}.{statement['Sid']}": allowed(statement)
        for function, answer in policies.items()
        for statement in json.loads(answer["Policy"]).get("Statement", [])
    }
    superfluous: list[str] = []
    for name, want in wanted.items():
        ours = [each for each in (name, f"{name}{ANEW}") if each in there]
        right = [each for each in ours if there[each] == allowed_by(want)]
        if ours and not right:
            yield "update", name, ",".join(each.rpartition(".")[2] for each in ours)
        else:
            yield "ok" if right else "create", name, ""
            superfluous += [each for each in ours if each not in right[:1]]
    yield from (("delete", name, "") for name in superfluous)


def allowed(statement: Thing) -> Thing:
    """What it allows whom and when, in the same words whatever AWS's are."""
    conditions = [
        ["" if operator in EQUALS else operator, key.lower(), normal(value)]
        for operator, tests in (statement.get("Condition") or {}).items()
        for key, value in tests.items()
    ]
    principal = statement.get("Principal")
    who = principal["Service"] if isinstance(principal, dict) and list(principal) == ["Service"] else principal
    return _in_words(statement.get("Effect"), who, statement.get("Action"), conditions)


def allowed_by(request: Thing) -> Thing:
    """What add-permission makes of a request."""
    conditions = [["", key, request[name]] for name, key in KEYS.items() if name in request]
    return _in_words("Allow", request["Principal"], request["Action"], conditions)


def _in_words(effect: object, who: object, action: object, conditions: list[list[object]]) -> Thing:
    return {"effect": effect, "who": normal(who), "action": normal(action), "when": sorted(conditions, key=repr)}
