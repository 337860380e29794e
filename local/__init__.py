"""The local stand-ins on one machine: the source database with its application, and AWS.

Nothing of the product imports this package, and this package imports nothing of the product.
"""
