"""Every version of every payment: due, then paid."""

from sqlalchemy import Boolean, Numeric, Table

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
    "fact_payment",
    metadata,
    record_id("payment_record_id"),
    business_id("payment_id"),
    *created_and_updated(),
    reference("transaction_id", "dim_transaction.transaction_id"),
    reference("counterparty_id", "dim_counterparty.counterparty_id"),
    required("payment_amount", Numeric, "In the row's currency"),
    reference("currency_id", "dim_currency.currency_id"),
    reference("payment_type_id", "dim_payment_type.payment_type_id"),
    required("paid", Boolean),
    text_day("payment_date", "When it is due"),
)


def fact_payment(payment: Frame) -> Frame:
    return Frame(
        {
            "payment_id": payment["payment_id"],
            "created_date": day_of(payment["created_at"]),
            "created_time": time_of(payment["created_at"]),
            "last_updated_date": day_of(payment["last_updated"]),
            "last_updated_time": time_of(payment["last_updated"]),
            "transaction_id": payment["transaction_id"],
            "counterparty_id": payment["counterparty_id"],
            "payment_amount": payment["payment_amount"],
            "currency_id": payment["currency_id"],
            "payment_type_id": payment["payment_type_id"],
            "paid": payment["paid"],
            "payment_date": from_text_date(payment["payment_date"]),
        }
    )
