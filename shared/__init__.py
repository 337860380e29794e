"""Totestream's library: what the Lambda functions in `handlers` do, one folder per stage."""
