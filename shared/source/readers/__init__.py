"""One package or module for each kind of source."""
