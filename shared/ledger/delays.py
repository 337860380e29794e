"""Statements on etl_freshness: how long changes took from the source into the warehouse, load by load."""
# ruff: noqa: S608 - the statements contain numbers of our own, and nothing else

# As many as a terminal shows in a line beside the numbers.
SLICES = 48
# Per table, the slowest by what they took at most: enough to see what they have in common.
SLOWEST = 10

# Loads that changed something. What was read before this warehouse knew the log was all new to it, or is loaded again.
_LOADS = f"""
WITH found AS (
    SELECT table_name, run, f.loaded_at, f.snapshot_at, f.changed_after,
           CASE WHEN f.snapshot_at AT TIME ZONE 'UTC' < g.began_at THEN 'first load'
                ELSE coalesce(f.left_out, CASE WHEN f.changed_after IS NULL THEN 'not known' END) END AS left_out
    FROM etl_freshness f
    JOIN etl_ledger l USING (log_id, table_name, run, load_no)
    LEFT JOIN etl_log g USING (log_id)
    WHERE f.loaded_at > now() - make_interval(secs => CAST(:seconds AS float))
      AND l.inserted + l.updated + l.deleted > 0),
loads AS (
    SELECT table_name, run, CAST(loaded_at AT TIME ZONE 'UTC' AS text) AS loaded_at,
           CAST(extract(epoch FROM loaded_at - snapshot_at AT TIME ZONE 'UTC') AS float) AS at_least,
           CAST(extract(epoch FROM loaded_at - changed_after AT TIME ZONE 'UTC') AS float) AS at_most,
           width_bucket(
               CAST(extract(epoch FROM now() - loaded_at) AS float), 0, CAST(:seconds AS float), {SLICES}) AS slice
    FROM found WHERE left_out IS NULL)
"""
SUMMARY = f"""{_LOADS}
SELECT table_name, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY at_most),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY at_most), max(at_most), min(at_least)
FROM loads GROUP BY table_name ORDER BY table_name
"""
COURSE = f"""{_LOADS}
SELECT table_name, slice, max(at_most) FROM loads WHERE slice BETWEEN 1 AND {SLICES} GROUP BY table_name, slice
"""
EACH = f"""{_LOADS}
SELECT table_name, run, loaded_at, at_least, at_most FROM (
    SELECT *, row_number() OVER (PARTITION BY table_name ORDER BY at_most DESC, run) AS place FROM loads) AS ordered
WHERE place <= {SLOWEST} ORDER BY table_name, place
"""
LEFT_OUT = f"""{_LOADS}
SELECT table_name, left_out, count(*) FROM found WHERE left_out IS NOT NULL
GROUP BY table_name, left_out ORDER BY table_name, left_out
"""
