"""PostgreSQL: one connection, binary COPY and quoting, for source and warehouse alike."""
