"""Read the sources: what is there, what changed, and one committed run of it."""
