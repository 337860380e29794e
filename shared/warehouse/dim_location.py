"""Where deliveries go: every address."""

from sqlalchemy import String, Table

from shared.frames import Frame
from shared.warehouse.declaring import key, metadata, optional, required

TABLE = Table(
    "dim_location",
    metadata,
    key("location_id", comment="The source's address_id"),
    required("address_line_1", String),
    optional("address_line_2", String),
    optional("district", String),
    required("city", String),
    required("postal_code", String),
    required("country", String),
    required("phone", String),
)


def dim_location(address: Frame) -> Frame:
    return Frame(
        {
            "location_id": address["address_id"],
            "address_line_1": address["address_line_1"],
            "address_line_2": address["address_line_2"],
            "district": address["district"],
            "city": address["city"],
            "postal_code": address["postal_code"],
            "country": address["country"],
            "phone": address["phone"],
        }
    )
