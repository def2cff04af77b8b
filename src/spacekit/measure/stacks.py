"""Means over stamps of many sources, and how significant they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["lopsided", "significance"]

#: Standard errors are at least so large: where no stamp shows anything they would be 0.
_LEAST_ERROR = 1e-6


def significance(
    stamps: NDArray[np.floating], least: float, least_error: float = _LEAST_ERROR
) -> NDArray[np.float64]:
    """Give the mean over stamps, less what is too little to count, in standard errors.

    These are the typical ones of all places at least: of few sources some agree by chance.

    Parameters
    ----------
    stamps : ndarray, shape (n, ny, nx)
        One a source.
    least : float
        Is taken off the mean, in the stamps' unit.
    least_error : float
        The smallest standard error, in the same.

    Returns
    -------
    ndarray, shape (ny, nx), float64
    """
    error = stamps.std(axis=0, dtype=np.float64) / np.sqrt(len(stamps))
    error = np.maximum(error, max(float(np.median(error)), least_error))
    return np.asarray((stamps.mean(axis=0, dtype=np.float64) - least) / error)


def lopsided(
    stamps: NDArray[np.floating], least: float, least_error: float = _LEAST_ERROR
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tell what a mean over stamps has on one side, or on two, in standard errors.

    Parameters
    ----------
    stamps, least, least_error
        As of `significance`; square.

    Returns
    -------
    turned : ndarray, shape (side, side), float64
        What isn't there after half a turn.
    crossed : ndarray, shape (side, side), float64
        Of the mean of both sides, what isn't there after a quarter of a turn.
    """
    half_turned = stamps[:, ::-1, ::-1]
    both = (stamps + half_turned) / 2
    turned = significance(stamps - half_turned, least, least_error)
    return turned, significance(both - np.rot90(both, axes=(1, 2)), least, least_error)
