"""Write to a folder what the ingestion bucket does not have: packages under deploy/, the catalogue under catalogue/.

    python -m ops.package.uploads FOLDER PRESENT PACKAGE...

PRESENT/uploads.json and PRESENT/catalogue.json are lists of the keys that the bucket has.
Prints the keys written to FOLDER. A key is made from its content, so no upload overwrites another content.
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
    """Return the catalogue, one document per source table by key, with which batches can be read years later."""
    return {
        catalogue_key(name, table.fingerprint): msgspec.json.encode(
            {
                "table": name,
                "key": table.key,
                "reference": table.reference,
                "columns": [
                    {"name": column.name, "kind": str(column.kind), "nullable": column.nullable}
                    for column in table.columns
                ],
            }
        )
        for name, table in TABLES.items()
    }


def main() -> None:
    folder, present, *packages = sys.argv[1:]
    existing = {key for listed in ("uploads", "catalogue") for key in keys(Path(present) / f"{listed}.json")}
    for package in map(Path, packages):
        if (key := DEPLOY_PREFIX + package.name) not in existing:
            shutil.copyfile(package, with_parent(Path(folder) / key))
            print(key)
    for key, body in catalogue().items():
        if key not in existing:
            with_parent(Path(folder) / key).write_bytes(body)
            print(key)


def keys(answer: Path) -> list[str]:
    """Return the keys of an answer. For an empty list AWS returns null or nothing."""
    listed: list[str] | None = json.loads(answer.read_text().strip() or "null")
    return listed or []


def with_parent(path: Path) -> Path:
    """Return `path` after creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    main()
