"""What people read when watch has lost the list of open incidents."""

from datetime import timedelta

LOST_TITLE = "Watch has lost the list of open incidents"


def lost(within: timedelta, objects: tuple[str, str]) -> str:
    """Return the message; `within` is how long it takes until all present incidents are reported again."""
    return (
        f"{objects[0]} and {objects[1]} are gone from the ingestion bucket, or cannot be read. "
        f"Every incident that still exists is reported again, as new, within {within // timedelta(minutes=1)} minutes. "
        "All other incidents that were reported before this message are over. Check: ./infra_bash/status.sh"
    )
