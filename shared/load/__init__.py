"""From manifests into the warehouse: its tables, the ledger, and one pass of the loader."""
