"""Whom we trade with, at their legal address."""

from sqlalchemy import String, Table

from shared.frames import Frame
from shared.warehouse.declaring import Declared, key, metadata, optional, required
from shared.warehouse.values import partners


def _of_address(name: str) -> Declared:
    return required(name, String, rejection="missing, or no address has this row's legal_address_id")


TABLE = Table(
    "dim_counterparty",
    metadata,
    key("counterparty_id"),
    required("counterparty_legal_name", String),
    _of_address("counterparty_legal_address_line_1"),
    optional("counterparty_legal_address_line_2", String),
    optional("counterparty_legal_district", String),
    _of_address("counterparty_legal_city"),
    _of_address("counterparty_legal_postal_code"),
    _of_address("counterparty_legal_country"),
    _of_address("counterparty_legal_phone_number"),
)


def dim_counterparty(counterparty: Frame, address: Frame) -> Frame:
    legal = partners(counterparty["legal_address_id"], address, "address_id")
    return Frame(
        {
            "counterparty_id": counterparty["counterparty_id"],
            "counterparty_legal_name": counterparty["counterparty_legal_name"],
            "counterparty_legal_address_line_1": legal["address_line_1"],
            "counterparty_legal_address_line_2": legal["address_line_2"],
            "counterparty_legal_district": legal["district"],
            "counterparty_legal_city": legal["city"],
            "counterparty_legal_postal_code": legal["postal_code"],
            "counterparty_legal_country": legal["country"],
            "counterparty_legal_phone_number": legal["phone"],
        }
    )
