"""Every version of every purchase."""

from sqlalchemy import Integer, Numeric, String, Table

from shared.frames import Frame
from shared.warehouse.declaring import (
    business_id,
    created_and_updated,
    metadata,
    record_id,
    reference,
    required,
    text_day,
)
from shared.warehouse.values import day_of, from_text_date, time_of

TABLE = Table(
    "fact_purchase_orders",
    metadata,
    record_id("purchase_record_id"),
    business_id("purchase_order_id"),
    *created_and_updated(),
    reference("staff_id", "dim_staff.staff_id"),
    reference("counterparty_id", "dim_counterparty.counterparty_id"),
    required("item_code", String),
    required("item_quantity", Integer),
    required("item_unit_price", Numeric, "In the row's currency"),
    reference("currency_id", "dim_currency.currency_id"),
    text_day("agreed_delivery_date"),
    text_day("agreed_payment_date"),
    reference("agreed_delivery_location_id", "dim_location.location_id"),
)


def fact_purchase_orders(purchase_order: Frame) -> Frame:
    return Frame(
        {
            "purchase_order_id": purchase_order["purchase_order_id"],
            "created_date": day_of(purchase_order["created_at"]),
            "created_time": time_of(purchase_order["created_at"]),
            "last_updated_date": day_of(purchase_order["last_updated"]),
            "last_updated_time": time_of(purchase_order["last_updated"]),
            "staff_id": purchase_order["staff_id"],
            "counterparty_id": purchase_order["counterparty_id"],
            "item_code": purchase_order["item_code"],
            "item_quantity": purchase_order["item_quantity"],
            "item_unit_price": purchase_order["item_unit_price"],
            "currency_id": purchase_order["currency_id"],
            "agreed_delivery_date": from_text_date(purchase_order["agreed_delivery_date"]),
            "agreed_payment_date": from_text_date(purchase_order["agreed_payment_date"]),
            "agreed_delivery_location_id": purchase_order["agreed_delivery_location_id"],
        }
    )
