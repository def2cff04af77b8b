"""Making visits: sky, detectors, pointing errors, exposures, and their truth."""
