"""The entry points that Lambda calls: each translates an event into one call of `shared`, and its answer back."""
