"""The source's tables and columns, in an order in which they can be loaded under their foreign keys."""

from collections.abc import Mapping

_TIMES = ("created_at", "last_updated")

# Columns in physical order; the first is the key.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "address": (
        *("address_id", "address_line_1", "address_line_2", "district", "city", "postal_code", "country"),
        *("phone", *_TIMES),
    ),
    "counterparty": (
        *("counterparty_id", "counterparty_legal_name", "legal_address_id"),
        *("commercial_contact", "delivery_contact", *_TIMES),
    ),
    "currency": ("currency_id", "currency_code", *_TIMES),
    "department": ("department_id", "department_name", "location", "manager", *_TIMES),
    "payment_type": ("payment_type_id", "payment_type_name", *_TIMES),
    "design": ("design_id", "created_at", "design_name", "file_location", "file_name", "last_updated"),
    "staff": ("staff_id", "first_name", "last_name", "department_id", "email_address", *_TIMES),
    "sales_order": (
        *("sales_order_id", *_TIMES, "design_id", "staff_id", "counterparty_id", "units_sold", "unit_price"),
        *("currency_id", "agreed_delivery_date", "agreed_payment_date", "agreed_delivery_location_id"),
    ),
    "purchase_order": (
        *("purchase_order_id", *_TIMES, "staff_id", "counterparty_id", "item_code", "item_quantity"),
        *("item_unit_price", "currency_id", "agreed_delivery_date", "agreed_payment_date"),
        "agreed_delivery_location_id",
    ),
    "transaction": ("transaction_id", "transaction_type", "sales_order_id", "purchase_order_id", *_TIMES),
    "payment": (
        *("payment_id", *_TIMES, "transaction_id", "counterparty_id", "payment_amount", "currency_id"),
        *("payment_type_id", "paid", "payment_date", "company_ac_number", "counterparty_ac_number"),
    ),
}
