"""spacekit: find misaligned Hubble single-visit mosaics, and say how sure that is."""

__all__ = ["__version__"]

__version__ = "1.0.0a1"
