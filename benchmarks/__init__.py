"""What is measured, against what. Benchmarks measure; tests do not time."""
