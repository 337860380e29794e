"""The six tables that stand still: addresses, currencies, departments, payment types, counterparties, staff."""

from collections.abc import Mapping
from random import Random

from local import invention, words

Row = tuple[object, ...]

_ADDRESSES, _COUNTERPARTIES, _STAFF = 30, 20, 20


def static_tables(dice: Random, early: str, late: str) -> Mapping[str, list[Row]]:
    """Their rows; `early` and `late` are the two moments at which the real ones were made, too."""
    return {
        "address": [(number, *address, early, early) for number, address in enumerate(_addresses(dice), 1)],
        "currency": [(number, code, early, early) for number, code in enumerate(("GBP", "USD", "EUR"), 1)],
        "department": [(number, *row, early, early) for number, row in enumerate(words.DEPARTMENTS, 1)],
        "payment_type": [(number, name, early, early) for number, name in enumerate(_PAYMENT_TYPES, 1)],
        "counterparty": [(number, *firm, late, late) for number, firm in enumerate(_firms(dice), 1)],
        "staff": [(number, *person, late, late) for number, person in enumerate(_people(dice), 1)],
    }


_PAYMENT_TYPES = ("SALES_RECEIPT", "SALES_REFUND", "PURCHASE_PAYMENT", "PURCHASE_REFUND")


def _addresses(dice: Random) -> list[Row]:
    countries = dice.sample(words.COUNTRIES, _ADDRESSES)
    return [_address(dice, number, country) for number, country in enumerate(countries)]


def _address(dice: Random, number: int, country: str) -> Row:
    """The second line is null in two of three, the district in every other."""
    second = f"{dice.choice(words.LINE_TWO)} {dice.randint(1, 999)}" if number % 3 == 0 else None
    district = dice.choice(words.DISTRICTS) if number % 2 else None
    postal_code, phone = invention.postal_code(dice), invention.phone(dice)
    return invention.street(dice), second, district, _city(dice), postal_code, country, phone


def _city(dice: Random) -> str:
    name = dice.choice(words.LAST_NAMES[1:-1]) + dice.choice(words.CITY_ENDINGS)
    return f"{dice.choice(words.CITY_STARTS)} {name}".strip()


def _firms(dice: Random) -> list[Row]:
    return [_firm(dice, name) for name in dice.sample(words.LAST_NAMES, _COUNTERPARTIES)]


def _firm(dice: Random, name: str) -> Row:
    other, third = dice.sample(words.LAST_NAMES, 2)
    forms = (
        f"{name} and Sons",
        f"{name}, {other} and {third}",
        f"{name} Inc",
        f"{name} LLC",
        f"{name} - {other}",
    )
    return dice.choice(forms), dice.randint(1, _ADDRESSES), invention.person(dice), invention.person(dice)


def _people(dice: Random) -> list[Row]:
    """Staff, each with a name of their own; one has an apostrophe, which the e-mail address keeps."""
    firsts = dice.sample(words.FIRST_NAMES, _STAFF)
    lasts = [words.LAST_NAMES[0], *dice.sample(words.LAST_NAMES[1:], _STAFF - 1)]
    dice.shuffle(lasts)
    return [_colleague(dice, first, last) for first, last in zip(firsts, lasts, strict=True)]


def _colleague(dice: Random, first: str, last: str) -> Row:
    department = dice.randint(1, len(words.DEPARTMENTS) - 1)
    return first, last, department, f"{first}.{last}@terrifictotes.com".lower()
