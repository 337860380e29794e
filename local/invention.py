"""Single invented values in the formats of the real ones; generator and ticker share them. Pure but for the dice."""

import string
from datetime import date, timedelta
from random import Random

from local import words

_CODE_SIGNS = string.ascii_uppercase + string.digits
_FILE_SIGNS = string.ascii_lowercase + string.digits

# One code in this many is all digits, and so looks like a number to careless software; half of
# these begin with a zero that such software loses.
_ONE_NUMERIC_CODE_IN = 150
_DESIGN_AGE_DAYS = 800  # a design's file is dated up to so long before its row


def phone(dice: Random) -> str:
    return f"{dice.randrange(10_000):04d} {dice.randrange(1_000_000):06d}"


def postal_code(dice: Random) -> str:
    """Five digits, leading zeros included, and for two in five another four."""
    code = f"{dice.randrange(100_000):05d}"
    return f"{code}-{dice.randrange(10_000):04d}" if dice.random() < 0.4 else code


def street(dice: Random) -> str:
    number = "".join(dice.choices(string.digits, k=dice.randint(3, 5)))
    return f"{number} {dice.choice(words.LAST_NAMES)} {dice.choice(words.STREET_KINDS)}"


def person(dice: Random) -> str:
    """A contact's name, some with a title or an ending."""
    name = f"{dice.choice(words.FIRST_NAMES)} {dice.choice(words.LAST_NAMES)}"
    kind = dice.random()
    if kind < 0.15:
        return f"{dice.choice(words.TITLES)} {name}"
    return f"{name} {dice.choice(words.NAME_ENDINGS)}" if kind < 0.3 else name


def item_code(dice: Random) -> str:
    if dice.randrange(_ONE_NUMERIC_CODE_IN):
        return "".join(dice.choices(_CODE_SIGNS, k=7))
    first = dice.choice(("0", dice.choice(string.digits[1:])))
    return first + "".join(dice.choices(string.digits, k=6))


def account_number(dice: Random) -> int:
    return dice.randint(10_000_000, 99_999_999)


def design(dice: Random, day: date) -> tuple[str, str, str]:
    """A design's name, file_location and file_name such as steel-20210621-13gb.json."""
    material = dice.choice(words.MATERIALS)
    drawn = day - timedelta(days=dice.randint(1, _DESIGN_AGE_DAYS))
    suffix = "".join(dice.choices(_FILE_SIGNS, k=4))
    return material, dice.choice(words.FOLDERS), f"{material.lower()}-{drawn:%Y%m%d}-{suffix}.json"


def delivery_days(dice: Random) -> int:
    """From order to delivery, 0 to 7 days, the two ends half as likely as the rest."""
    return round(dice.random() * 7)


def payment_days(dice: Random) -> int:
    """From order to payment, 0 to 6 days, the two ends half as likely as the rest."""
    return round(dice.random() * 6)


def sale(dice: Random) -> tuple[int, int]:
    """units_sold, and unit_price in hundredths."""
    return dice.randint(1_001, 99_973), dice.randint(200, 400)


def purchase(dice: Random) -> tuple[int, int]:
    """item_quantity, and item_unit_price in hundredths."""
    return dice.randint(1, 999), dice.randint(332, 99_907)


def money(hundredths: int) -> str:
    """Hundredths as the decimal that numeric(10,2) prints; never through a float."""
    return f"{hundredths // 100}.{hundredths % 100:02d}"
