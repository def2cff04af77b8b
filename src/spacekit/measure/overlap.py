"""Which part of the sky two products of a mosaic have in common.

A footprint is taken for the octagon around it: that of a detector, at any angle, fills most of
its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spacekit.measure.looks import OUTLINE_WAYS, Look

__all__ = ["inside", "share"]

Floats = NDArray[np.float64]

#: Points a side on which a share is counted.
_POINTS = 24


def inside(places: Floats, look: Look) -> NDArray[np.bool_]:
    """Say which places (px of the frame), shape (n, 2), lie in a product's footprint; shape (n,).

    None does where the product has no footprint.
    """
    if not len(look.outline):
        return np.zeros(len(places), dtype=bool)
    reach, along = look.outline @ OUTLINE_WAYS.T, places @ OUTLINE_WAYS.T
    within: NDArray[np.bool_] = np.all(
        (along >= reach.min(axis=0)) & (along <= reach.max(axis=0)), axis=1
    )
    return within


def share(look: Look, other: Look) -> float:
    """Give the share of a product's footprint that lies in another's, 0 to 1."""
    if not len(look.outline):
        return 0.0
    low, high = look.outline.min(axis=0), look.outline.max(axis=0)
    steps = (np.arange(_POINTS) + 0.5) / _POINTS
    x, y = np.meshgrid(*(low[axis] + steps * (high - low)[axis] for axis in (0, 1)))
    points = np.column_stack([x.ravel(), y.ravel()])
    own = points[inside(points, look)]
    return float(inside(own, other).mean()) if len(own) else 0.0
