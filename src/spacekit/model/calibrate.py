"""Make probabilities honest, and choose from which one on a mosaic is called suspicious."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

__all__ = ["choose_threshold", "fit_temperature"]

#: The share of good mosaics that may be flagged, where there are enough to tell.
FALSE_POSITIVE_RATE = 0.005

#: Thresholds stay between: beyond them a probability is no longer measured, only extrapolated.
LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.2, 0.98

#: Fewest rows that a temperature is fitted on.
FEWEST_TO_CALIBRATE = 20


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.float32]) -> tuple[float, str]:
    """Temperature that makes probabilities honest (Guo et al. 2017, arXiv:1706.04599).

    Returns
    -------
    float
        Between 0.25 and 8; 1 where there are too few rows to fit it.
    str
        A note where it was not fitted, else empty.
    """
    if len(labels) < FEWEST_TO_CALIBRATE or len(np.unique(labels)) < 2:
        return 1.0, f"temperature not fitted: {len(labels)} rows to calibrate on"

    def cost(log_t: float) -> float:
        z = logits / np.exp(log_t)
        return float(np.mean(np.logaddexp(0, z) - labels * z))

    best = minimize_scalar(cost, bounds=(np.log(0.25), np.log(8)), method="bounded")
    return float(np.exp(best.x)), ""


def choose_threshold(
    probability: NDArray[np.float64], labels: NDArray[np.float32]
) -> tuple[float, str]:
    """Threshold at which at most 0.5% of the good mosaics are flagged.

    With n good mosaics floor(0.005 n) may be flagged: none below 200, and then the rate is only
    known to be below about 3/n. The threshold lies halfway between the first good mosaic that
    must not be flagged and the next bad one above it, and within 0.2 and 0.98.

    Returns
    -------
    float
        The threshold.
    str
        A note where there were too few good mosaics to measure the rate.
    """
    good = np.sort(probability[labels == 0])[::-1]
    if not len(good):
        return 0.5, "threshold not chosen: no good mosaic to calibrate on"
    ceiling = good[int(FALSE_POSITIVE_RATE * len(good))]
    above = probability[(labels == 1) & (probability > ceiling)]
    top = above.min() if len(above) else 1.0
    threshold = float(np.clip((ceiling + top) / 2, LOWEST_THRESHOLD, HIGHEST_THRESHOLD))
    few = len(good) < 1 / FALSE_POSITIVE_RATE
    said = f"threshold chosen on {len(good)} good mosaics: fewer than 200 can't show a rate of 0.5%"
    return threshold, said if few else ""
