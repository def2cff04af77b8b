"""The door to the real single-visit pipeline: drizzlepac, of another interpreter."""
