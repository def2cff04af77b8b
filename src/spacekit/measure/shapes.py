"""Pick the stars of a product and say what their shapes and weights tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spacekit.measure.sources import Sources

__all__ = [
    "FEWEST_STARS",
    "CoherentShape",
    "bright_stars",
    "coherent_shape",
    "compact",
    "weight_deficit",
]

#: Stars that shapes and weights are read from: bright, the brightest so many, at least so many.
_STAR_SNR = 20.0
_STAR_LIMIT = 200
FEWEST_STARS = 5
#: Compact means at most this times the size that a fifth of the bright sources stays below.
_COMPACT = 1.3


def compact(sources: Sources, snr: float) -> Sources:
    """Pick compact sources above a signal-to-noise: stars, as far as the product has any.

    What is compact goes by the product itself, since a misaligned one has large stars.
    """
    bright = sources.select((sources.snr >= snr) & np.isfinite(sources.size_px))
    if not len(bright):
        return bright
    return bright.select(bright.size_px <= _COMPACT * np.percentile(bright.size_px, 20))


def bright_stars(sources: Sources) -> Sources:
    """Pick the brightest compact sources."""
    return compact(sources, _STAR_SNR).select(slice(_STAR_LIMIT))


@dataclass(frozen=True)
class CoherentShape:
    """How stars are elongated alike.

    Parameters
    ----------
    ellipticity : float
        Length of the median over stars of (e1, e2); NaN for fewer than `FEWEST_STARS`.
    angle_deg : float
        Direction of the elongation, from +x to +y, 0 to 180.
    sigma : float
        Standard error of the ellipticity.
    """

    ellipticity: float
    angle_deg: float
    sigma: float


def coherent_shape(stars: Sources) -> CoherentShape:
    """Measure what the shapes of stars have in common.

    Single stars may be double or blended in any direction; a misaligned mosaic stretches all
    of them alike.
    """
    if len(stars) < FEWEST_STARS:
        return CoherentShape(math.nan, math.nan, math.nan)
    both = np.array([stars.e1, stars.e2])
    e1, e2 = (float(v) for v in np.median(both, axis=1))
    # a median's standard error is 1.2533 sigma / sqrt(n) for a Gaussian
    deviation = 1.4826 * np.median(np.abs(both - [[e1], [e2]]), axis=1)
    sigma = 1.2533 * float(np.sqrt(np.mean(deviation**2) / len(stars)))
    angle = math.degrees(0.5 * math.atan2(e2, e1)) % 180.0
    return CoherentShape(math.hypot(e1, e2), angle, sigma)


def weight_deficit(sources: Sources) -> float:
    """1 - median over bright stars of the weight in their cores over that around; NaN: too few.

    Where compact ones are too few (doubled by different distances in a rotated exposure),
    bright sources of any size count.
    """
    for stars in (bright_stars(sources), sources.select(sources.snr >= _STAR_SNR)):
        ratio = stars.weight_ratio[np.isfinite(stars.weight_ratio)]
        if len(ratio) >= FEWEST_STARS:
            # more weight in the core than around is no deficit
            return max(1.0 - float(np.median(ratio)), 0.0)
    return math.nan
