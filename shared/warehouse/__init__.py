"""The warehouse: one module per table, each a declaration and the pure function that makes its rows.

A function is named for its table and its parameters for the source tables it is made of. A new table is a new
module here and nothing else: registry.py finds it, and queue, parquet, DDL, load and documentation follow.
"""
