"""A small single-visit pipeline: align, reject, drizzle, detect, write products."""
