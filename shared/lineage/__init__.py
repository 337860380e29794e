"""Where a row of the warehouse came from, and where a row of the source went to."""
