"""Numbers and pictures of one mosaic, and the table of many."""
