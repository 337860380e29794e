"""Invent a source that behaves as the real one does. The same orders, seed and today give the same bytes.

Usage: python -m local.generator --csv DIR [--orders N] [--seed N] [--today YYYY-MM-DD]
"""

import argparse
import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from local.moving_tables import moving_tables
from local.static_tables import Row, static_tables
from local.tables import COLUMNS

ORDERS = 5_000  # enough to look like a business, few enough to load in a second
SEED = 1
_DAYS = 400  # more than a year, so that every month and quarter occurs


@dataclass(frozen=True)
class Recipe:
    """What the generated data are made of. `today` is the first day that is not simulated any more:
    nothing lies in the future of whoever starts ticking on that day."""

    orders: int
    seed: int
    today: date


def generate(recipe: Recipe) -> dict[str, list[Row]]:
    """The rows of all eleven tables; None is NULL, everything else prints as PostgreSQL reads it."""
    dice = Random(recipe.seed)
    opening = _working_day(recipe.today - timedelta(days=_DAYS))
    static = static_tables(dice, f"{opening} 14:20:49.962", f"{opening} 14:20:51.563")
    moving = moving_tables(dice, recipe.orders, opening, recipe.today)
    return {table: ({**static, **moving})[table] for table in COLUMNS}


def _working_day(day: date) -> date:
    """This day, or the Friday before."""
    return day - timedelta(days=max(0, day.isoweekday() - 5))


def csv_text(table: str, rows: Iterable[Row]) -> str:
    """A table as CSV with a header; NULL is an empty field, as PostgreSQL's COPY … CSV has it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS[table])
    writer.writerows(rows)
    return text.getvalue()


def csv_texts(recipe: Recipe) -> Mapping[str, str]:
    """All tables as CSV, by name, in an order that can be loaded."""
    return {table: csv_text(table, rows) for table, rows in generate(recipe).items()}


def utc_today() -> date:
    return datetime.now(UTC).date()


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=_count, help=f"how many orders (default {ORDERS})")
    parser.add_argument("--seed", type=int, help=f"the dice's seed (default {SEED})")
    parser.add_argument("--today", type=date.fromisoformat, help="YYYY-MM-DD (default: today, UTC)")


def recipe_from(options: argparse.Namespace) -> Recipe:
    """The recipe asked for, defaults filled in."""
    orders = ORDERS if options.orders is None else options.orders
    return Recipe(orders, SEED if options.seed is None else options.seed, options.today or utc_today())


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0")
    return int(text)


def main() -> None:
    """Write the eleven CSV files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, required=True, metavar="DIR", help="where to write TABLE.csv")
    add_recipe_options(parser)
    options = parser.parse_args()
    options.csv.mkdir(parents=True, exist_ok=True)
    for table, text in csv_texts(recipe_from(options)).items():
        (options.csv / f"{table}.csv").write_text(text, encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
