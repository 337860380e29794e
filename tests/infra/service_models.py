"""What AWS publishes of its own operations, as botocore has it: parameters, types, enumerations, lengths, patterns."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

NUMBERS = {"integer", "long", "float", "double"}
JAVA = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", "(?i)": "", r"[\w-_]": r"[\w\-_]"}


@functools.cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def faults(service: str, operation: str, params: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a call, one line each; the AWS CLI itself checks only the first half of it."""
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return [f"{operation} takes no {name}" for name in params]
    report = ParamValidator().validate(params, shape)
    return [*report.generate_report().splitlines(), *_beyond(params, shape, operation)]


def _beyond(value: Any, shape: Shape, at: str) -> Iterator[str]:
    """Yield violations of constraints that botocore knows and does not check."""
    if isinstance(value, Mapping) and shape.type_name == "structure":
        members = shape.members  # type: ignore[attr-defined]
        for name in value.keys() & members.keys():
            yield from _beyond(value[name], members[name], f"{at}.{name}")
    elif isinstance(value, Mapping) and shape.type_name == "map":
        for name, each in value.items():
            yield from _beyond(name, shape.key, f"{at}[{name}]")  # type: ignore[attr-defined]
            yield from _beyond(each, shape.value, f"{at}[{name}]")  # type: ignore[attr-defined]
    elif isinstance(value, list):
        yield from _size(len(value), shape, at)
        for each in value:
            yield from _beyond(each, shape.member, f"{at}[]")  # type: ignore[attr-defined]
    elif isinstance(value, str) and shape.type_name == "string":
        yield from _text(value, shape, at)
    elif shape.type_name in NUMBERS:
        yield from _size(value, shape, at)


def _text(value: str, shape: Shape, at: str) -> Iterator[str]:
    yield from _size(len(value), shape, at)
    choices: Sequence[str] = getattr(shape, "enum", ())
    if choices and value not in choices:
        yield f"{at}: {value!r} is none of {', '.join(choices)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pythonic(pattern), value):
        yield f"{at}: {value!r} does not match {pattern}"


def _size(size: float, shape: Shape, at: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least or most is not None and size > most:
        yield f"{at}: {size} is not between {least} and {most}"


def pythonic(pattern: str) -> str:
    """Write Java's classes and flags, and a hyphen that it takes for itself, as Python reads them."""
    for java, python in JAVA.items():
        pattern = pattern.replace(java, python)
    return pattern
