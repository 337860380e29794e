"""The warehouse: one module per table, with its declaration and the pure function that makes its rows.

The function is named after its table, and its parameters after the source tables. A new table is one new module here:
registry.py finds it, and queue, parquet, DDL, load and documentation follow from it.
"""
