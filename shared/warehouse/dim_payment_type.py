"""What a payment is for: a sale's receipt or refund, a purchase's payment or refund."""

from sqlalchemy import String, Table

from shared.frames import Frame
from shared.warehouse.declaring import key, metadata, required

TABLE = Table(
    "dim_payment_type",
    metadata,
    key("payment_type_id"),
    required("payment_type_name", String),
)


def dim_payment_type(payment_type: Frame) -> Frame:
    return payment_type[["payment_type_id", "payment_type_name"]]
