"""A line about a resource that a deploy removes."""

from typing import NamedTuple


class PlannedRemoval(NamedTuple):
    """A resource that is to be removed (`delete`), or that only a person can remove (`stays`, `keep`).

    `word` says what it is, `id` is what remove_WORD in infra_bash/aws/ deletes it by.
    """

    action: str
    word: str
    name: str
    id: str
    note: str = ""
