"""Remove loaded and old parts from the buckets."""
