"""How sure a turn is that the shapes of stars show; what measures it loads more than this."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["FEWEST_OVER_FIELD", "FITTED", "surely_turned"]

#: Stars it takes to see how their shapes differ over the field.
FEWEST_OVER_FIELD: Final = 12
#: Complex numbers that are fitted to the shapes: what all have in common, a turn, a skew.
FITTED: Final = 3
#: What a scatter from the median is worth against one from squares (Rousseeuw & Croux 1993).
_MEDIAN_EFFICIENCY: Final = 0.37


def surely_turned(sigmas: float, stars: int) -> float:
    """Say how surely stars are elongated along a turn, whatever their number.

    The square of what `spacekit.measure.shapes.turned_shape` gives, halved, follows Fisher's
    distribution with 2 and d degrees of freedom, whose tail is (1 + sigmas^2 / d)^(-d / 2); were
    the scatter known, it would be exp(-s^2 / 2). This gives the s that is as rare.

    Parameters
    ----------
    sigmas : float
        As of `turned_shape`.
    stars : int
        How many it was measured on.

    Returns
    -------
    float
        Standard errors that chance exceeds as seldom where the scatter is known; NaN for fewer
        than 12 stars.
    """
    if stars < FEWEST_OVER_FIELD:
        return math.nan
    freedom = 2 * (stars - FITTED) * _MEDIAN_EFFICIENCY
    return math.sqrt(freedom * math.log1p(sigmas**2 / freedom))
