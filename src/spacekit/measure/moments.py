"""Moments of stamps (small cutouts around sources), many at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["STAMP_HALF_PX", "ratio", "sharpness", "stamp_offsets", "windowed_moments"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

#: Half a stamp's side; it must hold the background's ring.
STAMP_HALF_PX = 10


def stamp_offsets(half: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give row and column offsets of a stamp, broadcastable to ``(1, side, side)``."""
    steps = np.arange(-half, half + 1)
    return steps[None, :, None], steps[None, None, :]


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide, with NaN where the denominator isn't positive."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def sharpness(core: Image) -> Floats:
    """Share of the core's flux in its brightest pixel, 1 where there is no flux."""
    total = core.sum(axis=(1, 2), dtype=np.float64)
    brightest = core.max(axis=(1, 2)).astype(np.float64)
    share: Floats = np.divide(brightest, total, out=np.ones_like(total), where=total > 0)
    return share


def windowed_moments(stamps: Image, x: Floats, y: Floats, window_px: float) -> Floats:
    """Give the moments x^j y^i to second order under a Gaussian window, shape ``(n, 3, 3)``.

    The window is a product of one of x and one of y, so two matrix products do it.
    """
    steps = np.arange(stamps.shape[1]) - stamps.shape[1] // 2

    def side(centre: Floats) -> NDArray[np.float32]:
        t = steps[None, :] - centre[:, None]
        terms = np.empty((*t.shape, 3), np.float32)
        terms[:, :, 0] = profile = np.exp(-0.5 * (t / window_px) ** 2)
        terms[:, :, 1] = profile * t
        terms[:, :, 2] = profile * (t * t)
        return terms

    moments = np.swapaxes(side(y), 1, 2) @ stamps @ side(x)
    return moments.astype(np.float64)
