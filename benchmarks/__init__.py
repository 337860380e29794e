"""What the product costs: programs that print what they measured. Nothing here decides whether a test passes."""
