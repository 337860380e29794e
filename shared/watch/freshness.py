"""Compute how far a warehouse table may lag behind the source. Pure."""

from datetime import datetime


def fresh_as_of(
    snapshot_at: datetime | None,
    looked_at: datetime | None,
    remembered: datetime | None = None,
    *,
    is_behind: bool,
    is_held: bool,
) -> datetime | None:
    """Return the time as of which the table shows the source; None when it was never loaded.

    That is the snapshot of the newest loaded run, or of extract's newest check that found nothing newer, whichever is
    later, so that a table is not stale because nothing happens. `snapshot_at` is also None while the loader does not
    know it; then `remembered`, an earlier result, still holds. `looked_at`, the time of extract's newest check, must be
    read before `is_behind` is determined. `is_held` includes that this check could not read a source of the table.
    """
    if snapshot_at is None:
        return remembered
    finds_nothing_newer = not (is_behind or is_held)
    return max(filter(None, (snapshot_at, remembered, looked_at if finds_nothing_newer else None)))
