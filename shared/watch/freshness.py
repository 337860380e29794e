"""How far what a warehouse table shows may lag behind the source. Pure."""

from datetime import datetime


def fresh_as_of(
    snapshot_at: datetime | None,
    looked_at: datetime | None,
    remembered: datetime | None = None,
    *,
    is_behind: bool,
    is_held: bool,
) -> datetime | None:
    """The snapshot of the newest run loaded for the table, or of the newest look that found nothing newer, whichever is
    later: so a table is not stale because nothing happens. None when nothing was loaded for it yet. `snapshot_at` is
    None, too, while the loader cannot say.

    `remembered` is what this was a while ago: what the table showed then it still shows. `looked_at`, the newest look,
    must have been read before it was found out whether the table is behind. A table is held, too, when that look could
    not read a source of it.
    """
    if snapshot_at is None:
        return remembered
    finds_nothing_newer = not (is_behind or is_held)
    return max(filter(None, (snapshot_at, remembered, looked_at if finds_nothing_newer else None)))
