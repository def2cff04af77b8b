"""Published entry points."""
