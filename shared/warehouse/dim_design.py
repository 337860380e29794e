"""What is sold."""

from sqlalchemy import String, Table

from shared.frames import Frame
from shared.warehouse.declaring import key, metadata, required

TABLE = Table(
    "dim_design",
    metadata,
    key("design_id"),
    required("design_name", String),
    required("file_location", String),
    required("file_name", String),
)


def dim_design(design: Frame) -> Frame:
    return design[["design_id", "design_name", "file_location", "file_name"]]
