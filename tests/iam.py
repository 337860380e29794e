"""IAM's decision on one request, as far as our own policies go: what it does not know it refuses to judge."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]
Context = Mapping[str, str]


def is_allowed(action: str, resource: str, context: Context, identity: Document, *others: Document) -> bool:
    """Whether a role with the policy `identity` may: allowed there, and denied nowhere. `others` are the policies of
    what it asks for, of which only the denials count."""
    policies = (identity, *others)
    if any(_applies(each, "Deny", action, resource, context) for each in policies):
        return False
    return _applies(identity, "Allow", action, resource, context)


def _applies(policy: Document, effect: str, action: str, resource: str, context: Context) -> bool:
    return any(
        statement["Effect"] == effect
        and _matches(statement["Action"], action)
        and _matches(statement["Resource"], resource)
        and all(_holds(name, keys, context) for name, keys in statement.get("Condition", {}).items())
        for statement in policy["Statement"]
    )


def _matches(patterns: str | Sequence[str], text: str) -> bool:
    """IAM's * and ? are the shell's; brackets mean nothing to it, and none of ours has any."""
    listed = [patterns] if isinstance(patterns, str) else patterns
    assert not [each for each in listed if "[" in each]
    return any(fnmatchcase(text, each) for each in listed)


def _holds(operator: str, keys: Mapping[str, str], context: Context) -> bool:
    """`Null` is the only operator that holds for a key that the request does not have."""
    match operator:
        case "Null":
            return all((key not in context) == (value == "true") for key, value in keys.items())
        case "Bool" | "StringEquals":
            return all(context.get(key) == value for key, value in keys.items())
        case "StringEqualsIfExists":
            return all(context.get(key, value) == value for key, value in keys.items())
        case "ArnEquals" | "ArnLike":
            return all(key in context and _matches(value, context[key]) for key, value in keys.items())
    raise NotImplementedError(operator)
