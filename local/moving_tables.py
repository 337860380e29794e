"""The five tables that move: designs, orders, transactions and payments, over the simulated days.

Rows are made in the order of their created_at; ids are given out afterwards, in the order in which the
rows of each table reached their sequence, which is a little different for every table.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

from local import invention
from local.static_tables import Row

_OPENS_MINUTE, _OPEN_MINUTES = 8 * 60, 11 * 60  # orders arrive from 08:00 to 18:59
_SALES_SHARE = 0.705
_DESIGNS_PER_ORDER = 0.03
_FIRST_DESIGNS, _FIRST_ORDERS = 10, 10  # made within three milliseconds on the opening day: many ties
_JITTER_MS = 18  # between a row's created_at and its turn at the sequence
_EDITED_SHARE = 0.01  # of the orders: dozens a quarter at the real rate
_LONGEST_EDIT_DAYS = 640  # after the order; with up to seven days for delivery that is the 650 seen
_COMPANIES, _STAFF, _ADDRESSES, _CURRENCIES = 20, 20, 30, 3


@dataclass(frozen=True)
class Order:
    """A sale or a purchase before it has ids. Prices in hundredths; `what` is a design's number or an item code."""

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


def moving_tables(dice: Random, orders: int, opening: date, until: date) -> Mapping[str, list[Row]]:
    """The rows of the five tables, for so many orders from the opening day up to, not including, `until`."""
    designs = _designs(dice, round(orders * _DESIGNS_PER_ORDER), opening, until)
    moments = _moments(dice, orders, opening, until)
    drawn = [_order(dice, sale, moment, designs) for sale, moment in moments]
    final = [_edited(dice, order, designs, until) for order in drawn]
    return {"design": _design_rows(dice, designs), **_order_rows(dice, final, until)}


def _designs(dice: Random, count: int, opening: date, until: date) -> list[datetime]:
    """When each design was made, in order."""
    first = [datetime.combine(opening, time(14, 20, 49, 962_000))] * _FIRST_DESIGNS
    return first + _ticks(dice, count, opening, until)


def _moments(dice: Random, orders: int, opening: date, until: date) -> list[tuple[bool, datetime]]:
    """(is a sale, created_at) of every order, in order of time."""
    started = datetime.combine(opening, time(14, 20, 52, 186_000))
    first = [(n % 2 == 0, started + timedelta(milliseconds=n % 3)) for n in range(min(orders, _FIRST_ORDERS))]
    later = _ticks(dice, orders - len(first), opening, until)
    rest = [(dice.random() < _SALES_SHARE, moment) for moment in later]
    return sorted(first + rest, key=lambda pair: pair[1])


def _ticks(dice: Random, count: int, opening: date, until: date) -> list[datetime]:
    """So many moments, in order, on minute ticks of the working days after the opening day.

    All rows of one minute lie within the same 18 ms, at about ten seconds past: hence now and then
    two with the same created_at, and two whose ids are not in its order.
    """
    days = _working_days(opening, until)
    minutes = dice.choices(range(len(days) * _OPEN_MINUTES), k=count)
    return sorted(_moment(dice, days[minute // _OPEN_MINUTES], minute % _OPEN_MINUTES) for minute in minutes)


def _working_days(opening: date, until: date) -> list[date]:
    every = (opening + timedelta(days=n) for n in range(1, (until - opening).days))
    return [day for day in every if day.isoweekday() <= 5]


def _moment(dice: Random, day: date, minute: int) -> datetime:
    start = datetime.combine(day, time()) + timedelta(minutes=_OPENS_MINUTE + minute)
    own = Random(f"{day} {minute}").randint(9_600, 10_480)  # the same for all that happens in this minute
    return start + timedelta(milliseconds=own + dice.randint(0, _JITTER_MS))


def _order(dice: Random, sale: bool, created: datetime, designs: Sequence[datetime]) -> Order:
    quantity, price = invention.sale(dice) if sale else invention.purchase(dice)
    return Order(
        sale=sale,
        created=created,
        staff=dice.randint(1, _STAFF),
        company=dice.randint(1, _COMPANIES),
        what=_design_at(dice, created, designs) if sale else invention.item_code(dice),
        quantity=quantity,
        price=price,
        currency=dice.randint(1, _CURRENCIES),
        delivery=created.date() + timedelta(days=invention.delivery_days(dice)),
        payment=created.date() + timedelta(days=invention.payment_days(dice)),
        location=dice.randint(1, _ADDRESSES),
        accounts=(invention.account_number(dice), invention.account_number(dice)),
    )


def _design_at(dice: Random, moment: datetime, designs: Sequence[datetime]) -> int:
    """The id of a design that was there at that moment."""
    return dice.randint(1, bisect_right(designs, moment))


def _edited(dice: Random, order: Order, designs: Sequence[datetime], until: date) -> Order:
    """The order as it stands today: one in a hundred was changed some day, with last_updated left as it was."""
    if dice.random() >= _EDITED_SHARE:
        return order
    left = min((until - order.created.date()).days - 1, _LONGEST_EDIT_DAYS)
    edited = order.created + timedelta(days=dice.randint(0, left))
    what = _design_at(dice, edited, designs) if order.sale else invention.item_code(dice)
    delivery = edited.date() + timedelta(days=invention.delivery_days(dice))
    location, staff = dice.randint(1, _ADDRESSES), dice.randint(1, _STAFF)
    return replace(order, what=what, delivery=delivery, location=location, staff=staff)


def _design_rows(dice: Random, designs: Sequence[datetime]) -> list[Row]:
    return [_design_row(dice, number, made) for number, made in enumerate(designs, 1)]


def _design_row(dice: Random, number: int, made: datetime) -> Row:
    """A design; its silent change, a new file_location, cannot be told from the first one afterwards."""
    return number, _text(made), *invention.design(dice, made.date()), _text(made)


def _order_rows(dice: Random, orders: Sequence[Order], until: date) -> Mapping[str, list[Row]]:
    """The rows of the four tables that one order makes, each table in the order of its ids."""
    sales, purchases = [o for o in orders if o.sale], [o for o in orders if not o.sale]
    sale_ids, purchase_ids = _ids(dice, sales), _ids(dice, purchases)
    transaction_ids, payment_ids = _ids(dice, orders), _ids(dice, orders)
    order_ids = {**sale_ids, **purchase_ids}
    return {
        "sales_order": sorted(_sale_row(order, number) for order, number in sale_ids.items()),
        "purchase_order": sorted(_purchase_row(order, number) for order, number in purchase_ids.items()),
        "transaction": sorted(_transaction_row(o, n, order_ids[o]) for o, n in transaction_ids.items()),
        "payment": sorted(_payment_row(o, n, transaction_ids[o], until) for o, n in payment_ids.items()),
    }


def _ids(dice: Random, orders: Sequence[Order]) -> dict[Order, int]:
    """Each order's id in one table: gap-free, in the order in which the rows reached the sequence."""
    turns = {order: order.created + timedelta(milliseconds=dice.randint(0, _JITTER_MS)) for order in orders}
    return {order: number for number, order in enumerate(sorted(turns, key=turns.__getitem__), 1)}


def _sale_row(order: Order, number: int) -> Row:
    made, price = _text(order.created), invention.money(order.price)
    whom = (order.what, order.staff, order.company)
    return number, made, made, *whom, order.quantity, price, *_agreed(order)


def _purchase_row(order: Order, number: int) -> Row:
    made, price = _text(order.created), invention.money(order.price)
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
    amount = invention.money(order.quantity * order.price)
    what = (transaction, order.company, amount, order.currency, 1 if order.sale else 3)
    return number, made, updated, *what, "t" if paid else "f", order.payment.isoformat(), *order.accounts


def _is_paid(order: Order, until: date) -> bool:
    """Whether the morning job has paid it: it looks on weekdays only, and before the day's orders are made."""
    return order.created.date() < order.payment < until and order.payment.isoweekday() <= 5


def _settled(day: date) -> datetime:
    """The one moment at which all payments due that day turned paid."""
    return datetime.combine(day, time(7, 55)) + timedelta(milliseconds=Random(f"{day}").randint(9_000, 12_000))


def _text(moment: datetime) -> str:
    return moment.isoformat(" ", "milliseconds")
