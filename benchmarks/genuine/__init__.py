"""The embedded pipeline held against the real one, on the same exposures."""
