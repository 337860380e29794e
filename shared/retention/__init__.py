"""What is loaded and old goes from the buckets."""
