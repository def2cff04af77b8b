"""Let differences of positions vote for a shift, and judge what chance would do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["histogram", "surprise"]

Floats = NDArray[np.float64]


def histogram(difference: Floats, search_px: int) -> Floats:
    """Count differences in bins of 1 px, shape ``(2 search + 1,) * 2``, row = dy."""
    side = 2 * search_px + 1
    place = np.rint(difference).astype(np.int64) + search_px
    near = ((place >= 0) & (place < side)).all(axis=1)
    flat = place[near, 1] * side + place[near, 0]
    return np.bincount(flat, minlength=side * side).reshape(side, side).astype(np.float64)


def surprise(counts: Floats, expected: Floats) -> Floats:
    """Bound minus the log of the Poisson probability to count as many (Chernoff's bound)."""
    more = np.maximum(counts, expected)
    return more * np.log(more / expected) - (more - expected)
