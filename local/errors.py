"""The one error of this package: something a person can put right, said on one line with the way out."""


class LocalError(Exception):
    """What is wrong and what to do about it; printed as it is, without a traceback."""
