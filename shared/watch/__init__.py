"""Looking after the road: what never came is asked for again."""
