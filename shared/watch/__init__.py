"""Watch the pipeline: republish messages that were lost, and report incidents."""
