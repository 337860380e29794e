"""What wanted and there are compared with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Thing = dict[str, Any]
Things = dict[str, Thing]
Line = tuple[str, str, str]


def normal(value: Any) -> Any:
    """The same for everything that means the same: JSON in a string, a list in another order, one or [one]."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return normal(json.loads(value))
    if isinstance(value, dict):
        # In one order, for lists are sorted by how their things are written.
        return {key: normal(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((normal(each) for each in value), key=repr) if len(value) != 1 else normal(value[0])
    return str(value)


def differences(want: Thing, have: Thing) -> list[str]:
    return [key for key in want if normal(want[key]) != normal(have.get(key, ""))]


def judged(want: Things, have: Things) -> Iterator[Line]:
    for name, thing in want.items():
        if name not in have:
            yield "create", name, ""
        elif differs := differences(thing, have[name]):
            yield "update", name, ",".join(differs)
        else:
            yield "ok", name, ""


def _json(path: Path) -> Thing:
    """AWS answers nothing at all where there is nothing to say."""
    text = path.read_text() if path.exists() else ""
    answer: Thing = json.loads(text) if text.strip() else {}
    return answer


def _folder(path: Path) -> Things:
    return {file.stem: _json(file) for file in sorted(path.glob("*.json"))}


def only(things: Things, *keys: str) -> Things:
    return {name: {key: thing[key] for key in keys if key in thing} for name, thing in things.items()}


def without(thing: Thing, *keys: str) -> Thing:
    return {key: value for key, value in thing.items() if key not in keys}


class Answers:
    """What is wanted and what AWS has answered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def want(self, kind: str) -> Things:
        return _folder(self.folder / kind)

    def have(self, answer: str) -> Thing:
        return _json(self.folder / "have" / f"{answer}.json")

    def lines(self, answer: str) -> list[str]:
        path = self.folder / "have" / answer
        return path.read_text().splitlines() if path.exists() else []

    def each(self, kind: str) -> Things:
        return {name: thing for name, thing in _folder(self.folder / "have" / kind).items() if thing}
