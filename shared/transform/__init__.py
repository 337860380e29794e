"""The transform stage: one run's batches become one warehouse table's parts, quarantine and manifest."""
