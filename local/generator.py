"""Generate a source that behaves like the real one. The same orders, seed and today produce the same bytes.

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

from local.errors import Parser, end_with
from local.static_tables import Row, static_tables
from local.tables import COLUMNS
from local.transactional_tables import transactional_tables
from local.typical_rows import typical_rows

ORDERS = 5_000  # enough to look like a business, few enough to load in a second
SEED = 1
_DAYS = 400  # more than a year, so that every month and quarter occurs


@dataclass(frozen=True)
class Recipe:
    """The parameters of the generated data. `today` is the first day that is not simulated, so no row is in the future
    of a ticker that starts on that day.
    """

    orders: int
    seed: int
    today: date


def generate(recipe: Recipe) -> dict[str, list[Row]]:
    """Return the rows of all tables; None is NULL, every other value prints in PostgreSQL's input format."""
    rng = Random(recipe.seed)
    opening = _working_day(recipe.today - timedelta(days=_DAYS))
    early = f"{opening} 14:20:49.962"
    static = static_tables(rng, early, f"{opening} 14:20:51.563")
    moving = transactional_tables(rng, recipe.orders, opening, recipe.today)
    invented = {**static, **moving}
    return {table: invented[table] if table in invented else typical_rows(table, early) for table in COLUMNS}


def _working_day(day: date) -> date:
    """Return this day, or the Friday before if it is on a weekend."""
    return day - timedelta(days=max(0, day.isoweekday() - 5))


def csv_text(table: str, rows: Iterable[Row]) -> str:
    """Return a table as CSV with a header; NULL is an empty field, as in PostgreSQL's COPY … CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS[table])
    writer.writerows(rows)
    return text.getvalue()


def csv_texts(recipe: Recipe) -> Mapping[str, str]:
    """Return all tables as CSV, by name, in an order that can be loaded."""
    return {table: csv_text(table, rows) for table, rows in generate(recipe).items()}


def utc_today() -> date:
    return datetime.now(UTC).date()


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=_count, help=f"how many orders (default {ORDERS})")
    parser.add_argument("--seed", type=int, help=f"the seed of the random generator (default {SEED})")
    parser.add_argument("--today", type=date.fromisoformat, help="YYYY-MM-DD (default: today, UTC)")


def recipe_from(options: argparse.Namespace) -> Recipe:
    """Return the recipe of these command line options, with defaults filled in."""
    orders = ORDERS if options.orders is None else options.orders
    return Recipe(orders, SEED if options.seed is None else options.seed, options.today or utc_today())


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0")
    return int(text)


def main() -> None:
    """Write the eleven CSV files."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, required=True, metavar="DIR", help="where to write TABLE.csv")
    add_recipe_options(parser)
    options = parser.parse_args()
    options.csv.mkdir(parents=True, exist_ok=True)
    for table, text in csv_texts(recipe_from(options)).items():
        (options.csv / f"{table}.csv").write_text(text, encoding="utf-8", newline="")


if __name__ == "__main__":
    end_with(main)
