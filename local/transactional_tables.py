"""The five tables that grow: designs, orders, transactions and payments, over the simulated days.

Rows are made in the order of their created_at; ids are assigned afterwards, in the order in which the rows of each
table reached their sequence, which differs a little from table to table.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

from local import random_values
from local.static_tables import Row

_OPENS_MINUTE, _OPEN_MINUTES = 8 * 60, 11 * 60  # orders arrive from 08:00 to 18:59
_SALES_SHARE = 0.705
_DESIGNS_PER_ORDER = 0.03
_FIRST_DESIGNS, _FIRST_ORDERS = 10, 10  # made within three milliseconds on the opening day: many ties
_JITTER_MS = 18  # between a row's created_at and its turn at the sequence
_EDITED_SHARE = 0.01  # dozens of orders a quarter at the real rate
_LONGEST_EDIT_DAYS = 640  # after the order; with up to seven days for delivery that is the 650 seen
_COMPANIES, _STAFF, _ADDRESSES, _CURRENCIES = 20, 20, 30, 3


@dataclass(frozen=True)
class Order:
    """A sale or a purchase without ids. Prices are in hundredths; `what` is a design's number or an item code."""

    sale: bool
    created: datetime
    staff: int
    company: int
    what: int | str
    quantity: int
    price: int
    currency: int
    delivery: date
    payment: date
    location: int
    accounts: tuple[int, int]


def transactional_tables(rng: Random, orders: int, opening: date, until: date) -> Mapping[str, list[Row]]:
    """Return the rows of the five tables, for `orders` orders from the opening day up to, not including, `until`."""
    designs = _designs(rng, round(orders * _DESIGNS_PER_ORDER), opening, until)
    moments = _moments(rng, orders, opening, until)
    drawn = [_order(rng, sale, moment, designs) for sale, moment in moments]
    final = [_edited(rng, order, designs, until) for order in drawn]
    return {"design": _design_rows(rng, designs), **_order_rows(rng, final, until)}


def _designs(rng: Random, count: int, opening: date, until: date) -> list[datetime]:
    """Return when each design was made, in order."""
    first = [datetime.combine(opening, time(14, 20, 49, 962_000))] * _FIRST_DESIGNS
    return first + _ticks(rng, count, opening, until)


def _moments(rng: Random, orders: int, opening: date, until: date) -> list[tuple[bool, datetime]]:
    """Return (is a sale, created_at) for every order, in the order of time."""
    started = datetime.combine(opening, time(14, 20, 52, 186_000))
    first = [(n % 2 == 0, started + timedelta(milliseconds=n % 3)) for n in range(min(orders, _FIRST_ORDERS))]
    later = _ticks(rng, orders - len(first), opening, until)
    rest = [(rng.random() < _SALES_SHARE, moment) for moment in later]
    return sorted(first + rest, key=lambda pair: pair[1])


def _ticks(rng: Random, count: int, opening: date, until: date) -> list[datetime]:
    """Return `count` times, in order, on minute ticks of the working days after the opening day.

    All rows of one minute lie within the same 18 ms, about ten seconds after its start. So some rows share a
    created_at, and some ids are not in its order.
    """
    days = _working_days(opening, until)
    minutes = rng.choices(range(len(days) * _OPEN_MINUTES), k=count)
    return sorted(_moment(rng, days[minute // _OPEN_MINUTES], minute % _OPEN_MINUTES) for minute in minutes)


def _working_days(opening: date, until: date) -> list[date]:
    every = (opening + timedelta(days=n) for n in range(1, (until - opening).days))
    return [day for day in every if day.isoweekday() <= 5]


def _moment(rng: Random, day: date, minute: int) -> datetime:
    start = datetime.combine(day, time()) + timedelta(minutes=_OPENS_MINUTE + minute)
    own = Random(f"{day} {minute}").randint(9_600, 10_480)  # the same for all rows of this minute
    return start + timedelta(milliseconds=own + rng.randint(0, _JITTER_MS))


def _order(rng: Random, sale: bool, created: datetime, designs: Sequence[datetime]) -> Order:
    quantity, price = random_values.sale(rng) if sale else random_values.purchase(rng)
    return Order(
        sale=sale,
        created=created,
        staff=rng.randint(1, _STAFF),
        company=rng.randint(1, _COMPANIES),
        what=_design_at(rng, created, designs) if sale else random_values.item_code(rng),
        quantity=quantity,
        price=price,
        currency=rng.randint(1, _CURRENCIES),
        delivery=created.date() + timedelta(days=random_values.delivery_days(rng)),
        payment=created.date() + timedelta(days=random_values.payment_days(rng)),
        location=rng.randint(1, _ADDRESSES),
        accounts=(random_values.account_number(rng), random_values.account_number(rng)),
    )


def _design_at(rng: Random, moment: datetime, designs: Sequence[datetime]) -> int:
    """Return the id of a design that existed at that time."""
    return rng.randint(1, bisect_right(designs, moment))


def _edited(rng: Random, order: Order, designs: Sequence[datetime], until: date) -> Order:
    """Return the order as it is today: one in a hundred was changed later, with last_updated left as it was."""
    if rng.random() >= _EDITED_SHARE:
        return order
    left = min((until - order.created.date()).days - 1, _LONGEST_EDIT_DAYS)
    edited = order.created + timedelta(days=rng.randint(0, left))
    what = _design_at(rng, edited, designs) if order.sale else random_values.item_code(rng)
    delivery = edited.date() + timedelta(days=random_values.delivery_days(rng))
    location, staff = rng.randint(1, _ADDRESSES), rng.randint(1, _STAFF)
    return replace(order, what=what, delivery=delivery, location=location, staff=staff)


def _design_rows(rng: Random, designs: Sequence[datetime]) -> list[Row]:
    return [_design_row(rng, number, made) for number, made in enumerate(designs, 1)]


def _design_row(rng: Random, number: int, made: datetime) -> Row:
    """Return a design's row; a later silent change of its file_location would look the same."""
    return number, _text(made), *random_values.design(rng, made.date()), _text(made)


def _order_rows(rng: Random, orders: Sequence[Order], until: date) -> Mapping[str, list[Row]]:
    """Return the rows of the four tables that an order fills, each table in the order of its ids."""
    sales, purchases = [o for o in orders if o.sale], [o for o in orders if not o.sale]
    sale_ids, purchase_ids = _ids(rng, sales), _ids(rng, purchases)
    transaction_ids, payment_ids = _ids(rng, orders), _ids(rng, orders)
    order_ids = {**sale_ids, **purchase_ids}
    return {
        "sales_order": sorted(_sale_row(order, number) for order, number in sale_ids.items()),
        "purchase_order": sorted(_purchase_row(order, number) for order, number in purchase_ids.items()),
        "transaction": sorted(_transaction_row(o, n, order_ids[o]) for o, n in transaction_ids.items()),
        "payment": sorted(_payment_row(o, n, transaction_ids[o], until) for o, n in payment_ids.items()),
    }


def _ids(rng: Random, orders: Sequence[Order]) -> dict[Order, int]:
    """Return each order's id in one table: without gaps, in the order in which the rows reached the sequence."""
    turns = {order: order.created + timedelta(milliseconds=rng.randint(0, _JITTER_MS)) for order in orders}
    return {order: number for number, order in enumerate(sorted(turns, key=turns.__getitem__), 1)}


def _sale_row(order: Order, number: int) -> Row:
    made, price = _text(order.created), random_values.money(order.price)
    whom = (order.what, order.staff, order.company)
    return number, made, made, *whom, order.quantity, price, *_agreed(order)


def _purchase_row(order: Order, number: int) -> Row:
    made, price = _text(order.created), random_values.money(order.price)
    return number, made, made, order.staff, order.company, order.what, order.quantity, price, *_agreed(order)


def _agreed(order: Order) -> Row:
    return order.currency, order.delivery.isoformat(), order.payment.isoformat(), order.location


def _transaction_row(order: Order, number: int, order_id: int) -> Row:
    made = _text(order.created)
    if order.sale:
        return number, "SALE", order_id, None, made, made
    return number, "PURCHASE", None, order_id, made, made


def _payment_row(order: Order, number: int, transaction: int, until: date) -> Row:
    made, paid = _text(order.created), _is_paid(order, until)
    updated = _text(_settled(order.payment)) if paid else made
    amount = random_values.money(order.quantity * order.price)
    what = (transaction, order.company, amount, order.currency, 1 if order.sale else 3)
    return number, made, updated, *what, "t" if paid else "f", order.payment.isoformat(), *order.accounts


def _is_paid(order: Order, until: date) -> bool:
    """Return whether the morning job has paid it: the job runs on weekdays, before the day's orders are made."""
    return order.created.date() < order.payment < until and order.payment.isoweekday() <= 5


def _settled(day: date) -> datetime:
    """Return the one time at which all payments due that day became paid."""
    return datetime.combine(day, time(7, 55)) + timedelta(milliseconds=Random(f"{day}").randint(9_000, 12_000))


def _text(moment: datetime) -> str:
    return moment.isoformat(" ", "milliseconds")
