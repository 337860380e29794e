"""Looking after the road: what never came is asked for again, and what a person should look at is told."""
