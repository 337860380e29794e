"""PostgreSQL as a source: docs/design.md, "The exact extraction"."""
