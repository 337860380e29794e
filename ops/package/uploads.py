"""Puts into a folder what the ingestion bucket lacks: packages under deploy/, the catalogue under catalogue/.

    python -m ops.package.uploads FOLDER PRESENT PACKAGE...

PRESENT/uploads.json and PRESENT/catalogue.json are lists of the keys that the bucket has.
Prints the keys put into FOLDER. Every key is made from its content, so nothing is ever uploaded over something else.
"""

import json
import shutil
import sys
from pathlib import Path

import msgspec

from ops.stack.topology import DEPLOY_PREFIX
from shared.catalogue import TABLES
from shared.lake.keys import catalogue_key


def catalogue() -> dict[str, bytes]:
    """What totesys is agreed to look like, table by table, for whoever reads a batch years later."""
    return {
        catalogue_key(name, table.fingerprint): msgspec.json.encode(
            {
                "table": name,
                "key": table.key,
                "reference": table.reference,
                "columns": [
                    {"name": column.name, "kind": column.kind, "nullable": column.nullable} for column in table.columns
                ],
            }
        )
        for name, table in TABLES.items()
    }


def main() -> None:
    folder, present, *packages = sys.argv[1:]
    there = {key for listed in ("uploads", "catalogue") for key in keys(Path(present) / f"{listed}.json")}
    for package in map(Path, packages):
        if (key := DEPLOY_PREFIX + package.name) not in there:
            shutil.copyfile(package, made(Path(folder) / key))
            print(key)
    for key, body in catalogue().items():
        if key not in there:
            made(Path(folder) / key).write_bytes(body)
            print(key)


def keys(answer: Path) -> list[str]:
    """AWS answers null, or nothing, for an empty list."""
    listed: list[str] | None = json.loads(answer.read_text().strip() or "null")
    return listed or []


def made(place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


if __name__ == "__main__":
    main()
