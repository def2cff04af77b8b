"""Spread that outliers don't raise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["robust_sigma"]


def robust_sigma(deviations: NDArray[np.floating[Any]]) -> float:
    """Give the standard deviation of a Gaussian with the median absolute value of these.

    Parameters
    ----------
    deviations : ndarray, any shape
        From the middle; of none the answer is 0.
    """
    return 1.4826 * float(np.median(np.abs(deviations))) if deviations.size else 0.0
