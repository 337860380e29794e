"""IAM documents, made of statements. Pure."""

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]


def document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: Sequence[str], *resources: str) -> Document:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
