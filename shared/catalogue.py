"""The catalogue: the source tables, their columns and readers. Every extraction compares it with the sources.

A *reference* table is small and joined by others: when a row of it changed, its batch is the whole table.
A *transactional* table grows all the time: its batches hold the rows that changed.
"""

import hashlib
from dataclasses import dataclass

from shared.columns import BOOLEAN, INTEGER, MONEY, TEXT, TIMESTAMP, UNREADABLE, Column

POSTGRESQL = "postgresql"

CREATED = Column("created_at", TIMESTAMP)
UPDATED = Column("last_updated", TIMESTAMP)


@dataclass(frozen=True)
class SourceTable:
    """A table of a source. `reference` says how it is read; `reader` is the name of the reader that reads it.

    `key_column` is its integer key, where that is not named for the table.
    """

    name: str
    reference: bool
    columns: tuple[Column, ...]
    reader: str = POSTGRESQL
    key_column: str = ""

    @property
    def key(self) -> str:
        """Return the key column, an integer. Every totesys table has one that is named for itself."""
        return self.key_column or f"{self.name}_id"

    @property
    def batch_columns(self) -> tuple[Column, ...]:
        """Return the columns of a batch's parquet: the table's, and the names of those whose value could not be
        held."""
        return (*self.columns, Column(UNREADABLE, TEXT, nullable=True))

    @property
    def texts(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.kind == TEXT)

    @property
    def fingerprint(self) -> str:
        """Return what identifies this declaration in each batch that is read under it."""
        text = "\n".join(f"{c.name} {c.kind} {c.nullable}" for c in self.columns)
        return hashlib.sha256(f"{self.name}\n{text}".encode()).hexdigest()[:16]


def _reference(name: str, *columns: Column, key: str = "") -> SourceTable:
    return SourceTable(name, True, (Column(key or f"{name}_id", INTEGER), *columns), key_column=key)


def _transactional(name: str, *columns: Column, key: str = "") -> SourceTable:
    return SourceTable(name, False, (Column(key or f"{name}_id", INTEGER), *columns), key_column=key)


TABLES = {
    table.name: table
    for table in (
        _reference(
            "address",
            Column("address_line_1", TEXT),
            Column("address_line_2", TEXT, nullable=True),
            Column("district", TEXT, nullable=True),
            Column("city", TEXT),
            Column("postal_code", TEXT),
            Column("country", TEXT),
            Column("phone", TEXT),
            CREATED,
            UPDATED,
        ),
        _reference(
            "counterparty",
            Column("counterparty_legal_name", TEXT),
            Column("legal_address_id", INTEGER),
            Column("commercial_contact", TEXT, nullable=True),
            Column("delivery_contact", TEXT, nullable=True),
            CREATED,
            UPDATED,
        ),
        _reference("currency", Column("currency_code", TEXT), CREATED, UPDATED),
        _reference(
            "department",
            Column("department_name", TEXT),
            Column("location", TEXT, nullable=True),
            Column("manager", TEXT, nullable=True),
            CREATED,
            UPDATED,
        ),
        _reference(
            "design",
            CREATED,
            Column("design_name", TEXT),
            Column("file_location", TEXT),
            Column("file_name", TEXT),
            UPDATED,
        ),
        _transactional(
            "payment",
            CREATED,
            UPDATED,
            Column("transaction_id", INTEGER),
            Column("counterparty_id", INTEGER),
            Column("payment_amount", MONEY),
            Column("currency_id", INTEGER),
            Column("payment_type_id", INTEGER),
            Column("paid", BOOLEAN),
            Column("payment_date", TEXT),
            Column("company_ac_number", INTEGER),
            Column("counterparty_ac_number", INTEGER),
        ),
        _reference("payment_type", Column("payment_type_name", TEXT), CREATED, UPDATED),
        _transactional(
            "purchase_order",
            CREATED,
            UPDATED,
            Column("staff_id", INTEGER),
            Column("counterparty_id", INTEGER),
            Column("item_code", TEXT),
            Column("item_quantity", INTEGER),
            Column("item_unit_price", MONEY),
            Column("currency_id", INTEGER),
            Column("agreed_delivery_date", TEXT),
            Column("agreed_payment_date", TEXT),
            Column("agreed_delivery_location_id", INTEGER),
        ),
        _transactional(
            "sales_order",
            CREATED,
            UPDATED,
            Column("design_id", INTEGER),
            Column("staff_id", INTEGER),
            Column("counterparty_id", INTEGER),
            Column("units_sold", INTEGER),
            Column("unit_price", MONEY),
            Column("currency_id", INTEGER),
            Column("agreed_delivery_date", TEXT),
            Column("agreed_payment_date", TEXT),
            Column("agreed_delivery_location_id", INTEGER),
        ),
        _reference(
            "staff",
            Column("first_name", TEXT),
            Column("last_name", TEXT),
            Column("department_id", INTEGER),
            Column("email_address", TEXT),
            CREATED,
            UPDATED,
        ),
        _transactional(
            "transaction",
            Column("transaction_type", TEXT),
            Column("sales_order_id", INTEGER, nullable=True),
            Column("purchase_order_id", INTEGER, nullable=True),
            CREATED,
            UPDATED,
        ),
    )
}
