"""Texts that a warehouse in another encoding than UTF-8 cannot hold. Pure."""

import codecs
import re
from collections.abc import Sequence

from shared.columns import Column, Kind
from shared.frames import Frame, Series

REASON = "the warehouse's encoding lacks a character of it"
# PostgreSQL's names for what Python calls otherwise.
_OTHERWISE = ((r"WIN(\d+)", r"cp\1"), (r"KOI8([RU])", r"koi8_\1"), (r"ISO_8859_(\d+)", r"iso8859_\1"))


def codec_of(server_encoding: str) -> str | None:
    """Python's name of an encoding that lacks characters; None where there is nothing to check, or no such codec."""
    if server_encoding in ("UTF8", "SQL_ASCII"):
        return None
    name = server_encoding
    for theirs, ours in _OTHERWISE:
        name = re.sub(theirs, ours, name)
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def refusals(frame: Frame, columns: Sequence[Column], codec: str) -> Series:
    """By the frame's index, the reason why a row cannot be held; names of columns and no values."""
    reasons: dict[object, str] = {}
    for column in columns:
        if column.kind is not Kind.TEXT:
            continue
        texts = frame[column.name].dropna()
        for index in texts.index[[not is_encodable(text, codec) for text in texts]]:
            reasons[index] = "; ".join(filter(None, (reasons.get(index), f"{column.name}: {REASON}")))
    return Series(reasons, dtype="str")


def is_encodable(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def spelled(text: str, codec: str | None) -> str:
    """The text with what the encoding lacks as an escape."""
    return text.encode(codec, "backslashreplace").decode(codec) if codec else text
