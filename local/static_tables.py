"""The six tables that do not change: addresses, currencies, departments, payment types, counterparties, staff."""

from collections.abc import Mapping
from random import Random

from local import name_lists, random_values

Row = tuple[object, ...]

_ADDRESSES, _COUNTERPARTIES, _STAFF = 30, 20, 20


def static_tables(rng: Random, early: str, late: str) -> Mapping[str, list[Row]]:
    """Return the rows of the six tables; `early` and `late` are the two times at which the real ones were created."""
    return {
        "address": [(number, *address, early, early) for number, address in enumerate(_addresses(rng), 1)],
        "currency": [(number, code, early, early) for number, code in enumerate(("GBP", "USD", "EUR"), 1)],
        "department": [(number, *row, early, early) for number, row in enumerate(name_lists.DEPARTMENTS, 1)],
        "payment_type": [(number, name, early, early) for number, name in enumerate(_PAYMENT_TYPES, 1)],
        "counterparty": [(number, *firm, late, late) for number, firm in enumerate(_firms(rng), 1)],
        "staff": [(number, *person, late, late) for number, person in enumerate(_people(rng), 1)],
    }


_PAYMENT_TYPES = ("SALES_RECEIPT", "SALES_REFUND", "PURCHASE_PAYMENT", "PURCHASE_REFUND")


def _addresses(rng: Random) -> list[Row]:
    countries = rng.sample(name_lists.COUNTRIES, _ADDRESSES)
    return [_address(rng, number, country) for number, country in enumerate(countries)]


def _address(rng: Random, number: int, country: str) -> Row:
    """Return an address; the second line is null in two of three, the district in every other."""
    second = f"{rng.choice(name_lists.LINE_TWO)} {rng.randint(1, 999)}" if number % 3 == 0 else None
    district = rng.choice(name_lists.DISTRICTS) if number % 2 else None
    postal_code, phone = random_values.postal_code(rng), random_values.phone(rng)
    return random_values.street(rng), second, district, _city(rng), postal_code, country, phone


def _city(rng: Random) -> str:
    name = rng.choice(name_lists.LAST_NAMES[1:-1]) + rng.choice(name_lists.CITY_ENDINGS)
    return f"{rng.choice(name_lists.CITY_STARTS)} {name}".strip()


def _firms(rng: Random) -> list[Row]:
    return [_firm(rng, name) for name in rng.sample(name_lists.LAST_NAMES, _COUNTERPARTIES)]


def _firm(rng: Random, name: str) -> Row:
    other, third = rng.sample(name_lists.LAST_NAMES, 2)
    forms = (
        f"{name} and Sons",
        f"{name}, {other} and {third}",
        f"{name} Inc",
        f"{name} LLC",
        f"{name} - {other}",
    )
    return rng.choice(forms), rng.randint(1, _ADDRESSES), random_values.person(rng), random_values.person(rng)


def _people(rng: Random) -> list[Row]:
    """Return staff with distinct names; one has an apostrophe, which the e-mail address keeps."""
    firsts = rng.sample(name_lists.FIRST_NAMES, _STAFF)
    lasts = [name_lists.LAST_NAMES[0], *rng.sample(name_lists.LAST_NAMES[1:], _STAFF - 1)]
    rng.shuffle(lasts)
    return [_colleague(rng, first, last) for first, last in zip(firsts, lasts, strict=True)]


def _colleague(rng: Random, first: str, last: str) -> Row:
    department = rng.randint(1, len(name_lists.DEPARTMENTS) - 1)
    return first, last, department, f"{first}.{last}@terrifictotes.com".lower()
