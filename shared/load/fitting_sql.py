"""The statements that turn what is staged into what the present table would store. Pure text."""
# ruff: noqa: S608 - names come from the declarations and from PostgreSQL's catalogue, and each passes quoted()

from shared.columns import TEXT
from shared.ledger.stage import REJECTED, STAGE, listed
from shared.load.schema.shape import Shape
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target

FITTED = "pg_temp.etl_fitted"
PROBE = "pg_temp.etl_probe"
ALL = "pg_temp.etl_all"
REASON = "the warehouse's table cannot hold it"

# SQLSTATEs of a value that its column's type or the table refuses, in words.
WORDS = {
    "22001": "the text is longer than the column",
    "22003": "the number is beyond the column's range",
    "22P02": "the column's type has no such value",
    "22007": "the column's type has no such date or time",
    "22008": "the date or time is beyond the column's range",
    "22P05": "the database's encoding lacks a character of the text",
    "22021": "the text is not valid in the database's encoding",
    "23502": "the column may not be null",
    "23503": "a foreign key refuses it",
    "23505": "another row has this value, which must be unique",
    "23514": "a check, or the lack of a partition, refuses it",
    "23P01": "an exclusion constraint refuses it",
    "P0001": "a trigger refuses it",
}


def words_of(state: str) -> str:
    return f"{WORDS.get(state, 'the value is refused')} (SQLSTATE {state})"


def create_fitted(target: Target, shape: Shape) -> str:
    """Create an empty table with the existing columns, NOT NULLs and checks of the declared columns, and one without
    the latter.

    A check that names a foreign column is dropped with that column.
    """
    table, ours = quoted(target.name), {column.name for column in target.columns}
    others = [f"DROP COLUMN {quoted(column.name)} CASCADE" for column in shape.columns if column.name not in ours]
    drop = f"ALTER TABLE {FITTED} {', '.join(others)};" if others else ""
    return f"""
        CREATE TEMPORARY TABLE etl_fitted (LIKE {table} INCLUDING CONSTRAINTS) ON COMMIT DROP; {drop}
        CREATE TEMPORARY TABLE etl_probe ON COMMIT DROP AS SELECT {listed(target.columns)} FROM {table} LIMIT 0"""


def fit_all(target: Target, shape: Shape) -> str:
    """Convert all staged rows by INSERT, as for the table itself: it rounds, pads, and refuses what does not fit."""
    values = ", ".join(_values(target, shape).values())
    return f"INSERT INTO {FITTED} ({listed(target.columns)}) SELECT {values} FROM {STAGE} staged"


def fit_one_by_one(target: Target, shape: Shape) -> str:
    """Convert a stage with rows that do not fit: these are rejected, with the columns' names and no values.

    This runs on the server, where a row costs a subtransaction and no round trip.
    """
    values = _values(target, shape)
    words = " ".join(f"WHEN {literal(state)} THEN {literal(text)}" for state, text in WORDS.items())
    word = f"CASE state {words} ELSE 'the value is refused' END || ' (SQLSTATE ' || state || ')'"
    probes = "".join(
        f"""
                BEGIN
                    INSERT INTO {PROBE} ({quoted(name)}) VALUES ({value});
                EXCEPTION WHEN OTHERS THEN
                    state := SQLSTATE;
                    reason := concat_ws('; ', reason, {literal(name + ": ")} || {word});
                END;"""
        for name, value in values.items()
    )
    return f"""
        DO $fit$
        DECLARE staged record; state text; named text; reason text;
        BEGIN
            FOR staged IN SELECT * FROM {STAGE} LOOP
                BEGIN
                    INSERT INTO {FITTED} ({listed(target.columns)}) VALUES ({", ".join(values.values())});
                EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, named = CONSTRAINT_NAME;
                reason := NULL;
                IF named = '' THEN GET STACKED DIAGNOSTICS named = COLUMN_NAME; END IF;
                IF named <> '' THEN reason := named || ': ' || {word}; ELSE {probes}
                END IF;
                INSERT INTO {REJECTED} (key, reason) VALUES (
                    CAST(staged.{quoted(target.key)} AS text), {literal(REASON + ": ")} || coalesce(reason, {word}));
                END;
            END LOOP;
        END $fit$"""


def _values(target: Target, shape: Shape) -> dict[str, str]:
    """Return, per column, the expression that is inserted: INSERT accepts no text for an enum unless it is cast."""
    values = {}
    for column in target.columns:
        existing, value = shape.column(column.name), f"staged.{quoted(column.name)}"
        is_label = existing is not None and existing.is_enum and column.kind == TEXT
        values[column.name] = f"CAST({value} AS {existing.type})" if existing is not None and is_label else value
    return values


TAKE_FITTED = f"DROP TABLE {STAGE}, {PROBE}; ALTER TABLE {FITTED} RENAME TO etl_stage"

# ---- a table that refuses rows

SET_STAGE_APART = f"""
    ALTER TABLE {STAGE} RENAME TO etl_all;
    CREATE TEMPORARY TABLE etl_stage (LIKE {ALL} INCLUDING INDEXES) ON COMMIT DROP"""


def stage_slice(target: Target) -> str:
    return f"INSERT INTO {STAGE} SELECT * FROM {ALL} ORDER BY {quoted(target.key)} OFFSET :first LIMIT :rows"


DROP_ALL = f"DROP TABLE {ALL}"
EMPTY_STAGE = f"DELETE FROM {STAGE}"


def refuse_staged(target: Target) -> str:
    return f"INSERT INTO {REJECTED} (key, reason) SELECT CAST({quoted(target.key)} AS text), :reason FROM {STAGE}"


def stage_again(target: Target) -> str:
    """Stage every row again except the rejected ones."""
    key = quoted(target.key)
    return f"""
        INSERT INTO {STAGE} SELECT * FROM {ALL} every
        WHERE NOT EXISTS (SELECT FROM {REJECTED} refused WHERE refused.key = CAST(every.{key} AS text))"""


REFUSE = f"INSERT INTO {REJECTED} (key, reason) VALUES (:key, :reason)"
