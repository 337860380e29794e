"""How long changes took from the source into the warehouse, load by load, from etl_freshness."""
# ruff: noqa: S608 - the statements hold numbers of our own, and nothing else

from typing import Any

from shared.postgres.connection import Connection

# An older change is no measure of the road: a row that was changed silently keeps its last_updated, and a first load
# or a resync brings what has long been there.
LONGEST_S = 86_400
# As many as a terminal shows in a line beside the numbers.
SLICES = 48
MOST_HOURS = 720

_AGES = f"""
WITH ages AS (
    SELECT table_name, CAST(extract(epoch FROM loaded_at - newest_change_at AT TIME ZONE 'UTC') AS float) AS age,
           width_bucket(
               CAST(extract(epoch FROM now() - loaded_at) AS float), 0, CAST(:seconds AS float), {SLICES}) AS slice
    FROM etl_freshness
    WHERE loaded_at > now() - make_interval(secs => CAST(:seconds AS float)) AND newest_change_at IS NOT NULL)
"""
SUMMARY = f"""{_AGES}
SELECT table_name, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY age),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY age), max(age)
FROM ages WHERE age <= {LONGEST_S} GROUP BY table_name ORDER BY table_name
"""
COURSE = f"""{_AGES}
SELECT table_name, slice, max(age) FROM ages
WHERE age <= {LONGEST_S} AND slice BETWEEN 1 AND {SLICES} GROUP BY table_name, slice
"""


def freshness(hours: float, connection: Connection) -> dict[str, Any]:
    """Per warehouse table the loads, and of the age that the newest change had when it became visible, in seconds: p50,
    p95, max, and the max of each of SLICES equal times, the oldest first, None where nothing was loaded."""
    seconds = min(hours, MOST_HOURS) * 3600
    course: dict[str, list[float | None]] = {}
    for table, slice_, age in connection.run(COURSE, seconds=seconds):
        course.setdefault(table, [None] * SLICES)[SLICES - slice_] = _rounded(age)
    columns = ("table", "loads", "p50_s", "p95_s", "max_s")
    tables = [
        dict(zip(columns, (table, loads, *map(_rounded, ages)), strict=True)) | {"course": course.get(table, [])}
        for table, loads, *ages in connection.run(SUMMARY, seconds=seconds)
    ]
    return {"hours": seconds / 3600, "tables": tables}


def _rounded(seconds: float) -> float:
    return round(seconds, 1)
