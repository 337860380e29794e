"""The content of the source: generated rows or a person's CSV files, chosen once in a stack's life."""

import argparse
from pathlib import Path

from pg8000.native import Connection

from local import csv_source, loading
from local.errors import LocalError
from local.generator import add_recipe_options, csv_texts, recipe_from
from local.loading import Origin

_RESET = "run ./infra_bash/local.sh reset first to start again"


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose, at a stack's first start, what its source contains."""
    parser.add_argument(
        "--source-csv", dest="csv", type=Path, metavar="DIR", help="load TABLE.csv files instead of inventing rows"
    )
    add_recipe_options(parser)


def ensure(connection: Connection, options: argparse.Namespace) -> str:
    """Load what the options ask for, or check that it is what exists; return a short description."""
    present = loading.origin(connection)
    if present is not None:
        _require_same(present, options)
        return f"source as before ({_described(present)})"
    origin, content = _chosen(options)
    loading.load(connection, content, origin)
    return f"source loaded ({_described(origin)})"


def _chosen(options: argparse.Namespace) -> tuple[Origin, loading.Content]:
    if options.csv is not None:
        _refuse_both(options)
        return _csv_source(options.csv.resolve())
    recipe = recipe_from(options)
    origin: Origin = {
        "kind": "generator",
        "orders": recipe.orders,
        "seed": recipe.seed,
        "today": f"{recipe.today}",
    }
    return origin, csv_texts(recipe)


def _csv_source(folder: Path) -> tuple[Origin, loading.Content]:
    content = csv_source.content(folder)
    return {"kind": "csv", "path": str(folder), "checksum": csv_source.checksum(folder)}, content


def _refuse_both(options: argparse.Namespace) -> None:
    if _given_options(options):
        raise LocalError("--source-csv and the generator's options exclude each other; give one or the other")


def _given_options(options: argparse.Namespace) -> dict[str, str | int]:
    """Return the generator's options that were given, in the format of an origin."""
    given = {"orders": options.orders, "seed": options.seed, "today": options.today}
    return {name: value if isinstance(value, int) else f"{value}" for name, value in given.items() if value is not None}


def _require_same(present: Origin, options: argparse.Namespace) -> None:
    """Raise LocalError if the options ask for another source. No options, or those of the present source, are fine."""
    if options.csv is not None:
        _refuse_both(options)
        _require_same_files(present, options.csv.resolve())
    elif any(present.get(name) != value for name, value in _given_options(options).items()):
        raise LocalError(f"this stack's source is {_described(present)}; {_RESET}")


def _require_same_files(present: Origin, folder: Path) -> None:
    csv_source.content(folder)
    if present["kind"] != "csv":
        raise LocalError(f"this stack's source is {_described(present)}, not {folder}; {_RESET}")
    if present["checksum"] != csv_source.checksum(folder):
        raise LocalError(f"the files in {folder} are not those of this stack's source, {_described(present)}; {_RESET}")


def _described(origin: Origin) -> str:
    if origin["kind"] == "csv":
        return f"the CSV files of {origin['path']}"
    return f"{origin['orders']} invented orders, seed {origin['seed']}, today {origin['today']}"
