"""The views of a fact: what is, and what was. Pure text; the schema is the search_path's."""
# ruff: noqa: S608 - names come from the declarations and each passes quoted()

import hashlib
from dataclasses import dataclass

from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target


@dataclass(frozen=True)
class View:
    name: str
    select: str
    about: str

    @property
    def comment(self) -> str:
        """Return the comment, which ends in a fingerprint by which the next migration recognizes the view."""
        return f"{self.about} [{hashlib.sha256(self.select.encode()).hexdigest()[:12]}]"


def views(target: Target) -> tuple[View, ...]:
    return (current(target), history(target)) if target.kind == "fact" else ()


def current(target: Target) -> View:
    key, record = quoted(target.key), quoted(target.record_id or "")
    select = f"""
        SELECT {_columns(target, "latest")} FROM (
            SELECT DISTINCT ON ({key}) * FROM {quoted(target.name)} ORDER BY {key}, {record} DESC) latest
        WHERE NOT EXISTS (
            SELECT FROM etl_deletion deletion
            WHERE deletion.table_name = {literal(target.name)} AND deletion.key = latest.{key}
              AND deletion.ended_at IS NULL)"""
    return View(f"current_{target.name}", select, f"The latest record of each {target.key} that the source still has")


def history(target: Target) -> View:
    """Return the view of every record with valid_from and valid_to.

    valid_from is the snapshot that found the version, or for the first version its creation; valid_to is the next
    version's valid_from, or the time at which the key was found deleted. Records that no load of ours made use their
    last_updated.
    """
    select = f"""
        SELECT {_columns(target, "version")}, version.valid_from,
               coalesce(deletion.deleted_at, lead(version.valid_from) OVER versions) AS valid_to,
               deletion.deleted_at
        FROM ({_versions(target)}) version
        LEFT JOIN etl_deletion deletion
          ON deletion.table_name = {literal(target.name)} AND deletion.key = version.{quoted(target.key)}
         AND deletion.last_record_id = version.{quoted(target.record_id or "")}
        WINDOW versions AS (
            PARTITION BY version.{quoted(target.key)} ORDER BY version.{quoted(target.record_id or "")})"""
    return View(f"history_{target.name}", select, f"Every record of each {target.key}, with the time it was valid")


def _versions(target: Target) -> str:
    key, record = quoted(target.key), quoted(target.record_id or "")
    return f"""
            SELECT record.*,
                   CASE WHEN lag(record.{record}) OVER (PARTITION BY record.{key} ORDER BY record.{record}) IS NULL
                        THEN coalesce({_moment(target, "created")}, load.snapshot_at)
                        ELSE coalesce(load.snapshot_at, {_moment(target, "last_updated")})
                   END AS valid_from
            FROM {quoted(target.name)} record
            LEFT JOIN LATERAL (
                SELECT ledger.snapshot_at, ledger.last_record_id FROM etl_ledger ledger
                WHERE ledger.table_name = {literal(target.name)} AND ledger.first_record_id <= record.{record}
                ORDER BY ledger.first_record_id DESC LIMIT 1) load ON load.last_record_id >= record.{record}"""


def _moment(target: Target, name: str) -> str:
    names = {column.name for column in target.columns}
    day, time = f"{name}_date", f"{name}_time"
    if not names.issuperset((day, time)):
        return "NULL"
    # A prepared table may hold either as a text.
    return f"CAST(record.{quoted(day)} AS date) + CAST(record.{quoted(time)} AS time)"


def _columns(target: Target, alias: str) -> str:
    return ", ".join(f"{alias}.{quoted(column.name)}" for column in target.table.columns)
