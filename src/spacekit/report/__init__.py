"""The page that people look at: one HTML file, its pictures beside it."""
