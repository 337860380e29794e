"""The etl_* tables and every statement on them: what was loaded, deleted or quarantined, and what waits."""
