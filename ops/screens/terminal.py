"""Escape texts of AWS, of functions and of messages, so that a terminal executes no control sequence in them."""

import json
from typing import IO, Any


def escaped(text: str) -> str:
    """Return `text` on one line, with control characters and direction marks written out, as \\x1b or \\u202e."""
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
    """Return a function's answer, escaped for the terminal."""
    return printable(json.load(stream))


def _written_out(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
