"""Every version of every sale."""

from sqlalchemy import Integer, Numeric, Table

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
    "fact_sales_order",
    metadata,
    record_id("sales_record_id"),
    business_id("sales_order_id"),
    *created_and_updated(),
    reference("sales_staff_id", "dim_staff.staff_id"),
    reference("counterparty_id", "dim_counterparty.counterparty_id"),
    required("units_sold", Integer),
    required("unit_price", Numeric(10, 2), "In the row's currency"),
    reference("currency_id", "dim_currency.currency_id"),
    reference("design_id", "dim_design.design_id"),
    text_day("agreed_payment_date"),
    text_day("agreed_delivery_date"),
    reference("agreed_delivery_location_id", "dim_location.location_id"),
)


def fact_sales_order(sales_order: Frame) -> Frame:
    return Frame(
        {
            "sales_order_id": sales_order["sales_order_id"],
            "created_date": day_of(sales_order["created_at"]),
            "created_time": time_of(sales_order["created_at"]),
            "last_updated_date": day_of(sales_order["last_updated"]),
            "last_updated_time": time_of(sales_order["last_updated"]),
            "sales_staff_id": sales_order["staff_id"],
            "counterparty_id": sales_order["counterparty_id"],
            "units_sold": sales_order["units_sold"],
            "unit_price": sales_order["unit_price"],
            "currency_id": sales_order["currency_id"],
            "design_id": sales_order["design_id"],
            "agreed_payment_date": from_text_date(sales_order["agreed_payment_date"]),
            "agreed_delivery_date": from_text_date(sales_order["agreed_delivery_date"]),
            "agreed_delivery_location_id": sales_order["agreed_delivery_location_id"],
        }
    )
