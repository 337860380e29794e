"""What prices are in, with the names that ISO 4217 gives."""

from sqlalchemy import String, Table

from shared.frames import Frame
from shared.warehouse.declaring import key, metadata, required
from shared.warehouse.iso_4217 import NAMES

TABLE = Table(
    "dim_currency",
    metadata,
    key("currency_id"),
    required("currency_code", String),
    required("currency_name", String, "ISO 4217", rejection="currency_code is not one this product knows"),
)


def dim_currency(currency: Frame) -> Frame:
    return Frame(
        {
            "currency_id": currency["currency_id"],
            "currency_code": currency["currency_code"],
            "currency_name": currency["currency_code"].map(NAMES),
        }
    )
