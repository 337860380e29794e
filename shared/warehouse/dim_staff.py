"""Who sells and buys, with the department they are in now."""

from sqlalchemy import String, Table

from shared.frames import Frame
from shared.warehouse.declaring import key, metadata, required
from shared.warehouse.values import partners

TABLE = Table(
    "dim_staff",
    metadata,
    key("staff_id"),
    required("first_name", String),
    required("last_name", String),
    required("department_name", String, rejection="missing, or no department has this row's department_id"),
    required("location", String, "Of the department", rejection="missing in the department of this row"),
    required("email_address", String),
)


def dim_staff(staff: Frame, department: Frame) -> Frame:
    theirs = partners(staff["department_id"], department, "department_id")
    return Frame(
        {
            "staff_id": staff["staff_id"],
            "first_name": staff["first_name"],
            "last_name": staff["last_name"],
            "department_name": theirs["department_name"],
            "location": theirs["location"],
            "email_address": staff["email_address"],
        }
    )
