"""The two buckets: keys, run log, batches, manifests, change messages, parquet."""
