"""What the warehouse's schema has, what it should have, and the migration from one to the other."""
