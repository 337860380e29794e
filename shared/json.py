"""The one place where a parser reads JSON that others wrote. Pure."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from shared.errors import BadDocument

T = TypeVar("T")


def decode_json(
    body: bytes | str,
    kind: type[T],
    name: str,
    *,
    strict: bool = True,
    dec_hook: Callable[[type, Any], Any] | None = None,
) -> T:
    """Return the `kind` that is written in `body`. Raises BadDocument, naming it `name`, whatever is wrong with it.

    `strict` and `dec_hook` are msgspec's: whether "1" is no number, and what makes a type of ours.
    """
    try:
        return msgspec.json.decode(body, type=kind, strict=strict, dec_hook=dec_hook)
    except msgspec.DecodeError as error:
        raise BadDocument(name, str(error)) from error
    except UnicodeError as error:
        # A message repeats neither the bytes nor half of a surrogate pair.
        raise BadDocument(name, "it is not UTF-8") from error
    except RecursionError as error:
        raise BadDocument(name, "it is nested too deeply") from error
