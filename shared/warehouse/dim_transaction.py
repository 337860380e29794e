"""Which order a payment belongs to: a sale or a purchase."""

from sqlalchemy import Integer, String, Table

from shared.frames import Frame
from shared.warehouse.declaring import key, metadata, optional, required

TABLE = Table(
    "dim_transaction",
    metadata,
    key("transaction_id"),
    required("transaction_type", String, "SALE or PURCHASE"),
    optional("sales_order_id", Integer, "Of a sale, unless the order is deleted"),
    optional("purchase_order_id", Integer, "Of a purchase, unless the order is deleted"),
)


def dim_transaction(transaction: Frame) -> Frame:
    return transaction[["transaction_id", "transaction_type", "sales_order_id", "purchase_order_id"]]
