"""Random values in the formats of the real ones, for generator and ticker. Pure apart from the random generator."""

import string
from datetime import date, timedelta
from random import Random

from local import name_lists

_CODE_SIGNS = string.ascii_uppercase + string.digits
_FILE_SIGNS = string.ascii_lowercase + string.digits

# One code in this many is all digits, and so looks like a number to careless software; half of
# these begin with a zero that such software loses.
_ONE_NUMERIC_CODE_IN = 150
_DESIGN_AGE_DAYS = 800  # a design's file is dated up to so long before its row


def phone(rng: Random) -> str:
    return f"{rng.randrange(10_000):04d} {rng.randrange(1_000_000):06d}"


def postal_code(rng: Random) -> str:
    """Return five digits, with leading zeros, and for two in five another four."""
    code = f"{rng.randrange(100_000):05d}"
    return f"{code}-{rng.randrange(10_000):04d}" if rng.random() < 0.4 else code


def street(rng: Random) -> str:
    number = "".join(rng.choices(string.digits, k=rng.randint(3, 5)))
    return f"{number} {rng.choice(name_lists.LAST_NAMES)} {rng.choice(name_lists.STREET_KINDS)}"


def person(rng: Random) -> str:
    """Return a contact's name, some with a title or a suffix."""
    name = f"{rng.choice(name_lists.FIRST_NAMES)} {rng.choice(name_lists.LAST_NAMES)}"
    kind = rng.random()
    if kind < 0.15:
        return f"{rng.choice(name_lists.TITLES)} {name}"
    return f"{name} {rng.choice(name_lists.NAME_ENDINGS)}" if kind < 0.3 else name


def item_code(rng: Random) -> str:
    if rng.randrange(_ONE_NUMERIC_CODE_IN):
        return "".join(rng.choices(_CODE_SIGNS, k=7))
    first = rng.choice(("0", rng.choice(string.digits[1:])))
    return first + "".join(rng.choices(string.digits, k=6))


def account_number(rng: Random) -> int:
    return rng.randint(10_000_000, 99_999_999)


def design(rng: Random, day: date) -> tuple[str, str, str]:
    """Return a design's name, file_location and file_name, such as steel-20210621-13gb.json."""
    material = rng.choice(name_lists.MATERIALS)
    drawn = day - timedelta(days=rng.randint(1, _DESIGN_AGE_DAYS))
    suffix = "".join(rng.choices(_FILE_SIGNS, k=4))
    return material, rng.choice(name_lists.FOLDERS), f"{material.lower()}-{drawn:%Y%m%d}-{suffix}.json"


def delivery_days(rng: Random) -> int:
    """Return the days from order to delivery, 0 to 7; the two ends are half as likely as the rest."""
    return round(rng.random() * 7)


def payment_days(rng: Random) -> int:
    """Return the days from order to payment, 0 to 6; the two ends are half as likely as the rest."""
    return round(rng.random() * 6)


def sale(rng: Random) -> tuple[int, int]:
    """Return units_sold, and unit_price in hundredths."""
    return rng.randint(1_001, 99_973), rng.randint(200, 400)


def purchase(rng: Random) -> tuple[int, int]:
    """Return item_quantity, and item_unit_price in hundredths."""
    return rng.randint(1, 999), rng.randint(332, 99_907)


def money(hundredths: int) -> str:
    """Format hundredths as numeric(10,2) prints them, without a float."""
    return f"{hundredths // 100}.{hundredths % 100:02d}"
