"""What a migration did, one change at a time."""

from typing import Literal, NamedTuple

ChangeKind = Literal[
    "schema", "tables", "views", "columns", "indexes", "comments", "sequences", "keys", "rights", "logins"
]


class SchemaChange(NamedTuple):
    """One thing that a migration did; `words` name it for people, and nothing parses them."""

    kind: ChangeKind
    words: str
