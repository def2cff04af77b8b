"""Reading a visit: names, discovery, QA JSON, drizzled FITS, catalogs."""
