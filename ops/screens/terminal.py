"""What AWS, a function or a stranger's message says, fit to be printed: nothing in it is obeyed by a terminal."""

import json
from typing import IO, Any


def escaped(text: str) -> str:
    """Return `text` on one line, with control characters and marks of direction written out, as \\x1b or \\u202e."""
    return "".join(letter if letter.isprintable() else _written_out(letter) for letter in text)


def printable(value: Any) -> Any:
    """Return a JSON value with all its texts escaped."""
    match value:
        case str():
            return escaped(value)
        case dict():
            return {escaped(name): printable(each) for name, each in value.items()}
        case list():
            return [printable(each) for each in value]
        case _:
            return value


def read_answer(stream: IO[str]) -> Any:
    """Return the answer of a function, as it is to be shown to people."""
    return printable(json.load(stream))


def _written_out(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
