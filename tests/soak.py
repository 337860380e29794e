"""One place that says which parameters of a test only a soak takes."""

from collections.abc import Iterable
from typing import Any

import pytest


def also_in_soak(usual: Iterable[Any], soak: Iterable[Any]) -> list[Any]:
    """Return parameters for parametrize: `usual` in every run, `soak` in `test.sh --soak` only.

    A parameter with several values or a name of its own is a pytest.param.
    """
    return [*usual, *map(_marked, soak)]


def _marked(parameter: Any) -> Any:
    if isinstance(parameter, type(pytest.param())):
        return pytest.param(*parameter.values, id=parameter.id, marks=[*parameter.marks, pytest.mark.soak])
    return pytest.param(parameter, marks=pytest.mark.soak)
