"""Benchmarks: programs that print what they measured. No test passes or fails because of them."""
