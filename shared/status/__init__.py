"""What an operator sees: where each warehouse table stands."""
