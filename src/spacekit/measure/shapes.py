"""Pick the stars of a product and say what their shapes and weights tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacekit.measure.robust import robust_sigma
from spacekit.measure.sources import Sources
from spacekit.measure.turns import FEWEST_OVER_FIELD, FITTED

__all__ = [
    "FEWEST_STARS",
    "CoherentShape",
    "bright_stars",
    "coherent_shape",
    "compact",
    "turned_shape",
    "weight_deficit",
]

Floats = NDArray[np.float64]

#: Stars that shapes and weights are read from: bright, the brightest so many, at least so many.
_STAR_SNR = 20.0
_STAR_LIMIT = 200
FEWEST_STARS = 5
#: Rounds of reweighting.
_ROUNDS = 8
#: Least scatter of the ellipticities of single stars: what few of them show may be chance.
_LEAST_SCATTER = 0.01
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
    e1, e2 = float(np.median(stars.e1)), float(np.median(stars.e2))
    # a median's standard error is 1.2533 sigma / sqrt(n) for a Gaussian
    deviation = np.array([robust_sigma(stars.e1 - e1), robust_sigma(stars.e2 - e2)])
    sigma = 1.2533 * float(np.sqrt(np.mean(deviation**2) / len(stars)))
    angle = math.degrees(0.5 * math.atan2(e2, e1)) % 180.0
    return CoherentShape(math.hypot(e1, e2), angle, sigma)


def turned_shape(stars: Sources, middle: Floats) -> tuple[float, float]:
    """Measure how the elongation of stars grows and turns with their place about the middle.

    An exposure that is turned, or has another scale, by a factor 1 + m displaces a star at z
    (complex, from the middle) by m z, and stretches it along that in proportion to its square:
    e1 + i e2 = a + b z^2 + c conj(z)^2, where a is what all have in common and c what a skew or
    the optics make. Stars that don't fit (blends) weigh less, by Cauchy's weights.

    Parameters
    ----------
    stars : Sources
        Bright and compact.
    middle : ndarray, shape (2,)
        (x, y) of the image's middle, 0-based px.

    Returns
    -------
    ellipticity : float
        Length of b z^2 at the stars' typical distance from the middle; NaN for fewer than 12.
    sigmas : float
        The same in standard errors as these stars scatter; of few stars that scatter is itself
        uncertain (`spacekit.measure.turns.surely_turned`).
    """
    if len(stars) < FEWEST_OVER_FIELD:
        return math.nan, math.nan
    place = np.column_stack([stars.x, stars.y]) - middle
    z = place @ [1, 1j]
    z /= max(float(np.sqrt(np.mean(np.abs(z) ** 2))), 1e-9)
    shape = stars.e1 + 1j * stars.e2
    terms = np.column_stack([np.ones(len(z)), z**2, z.conj() ** 2])
    weight, scatter = np.ones(len(z)), math.inf
    found = np.zeros(FITTED, complex)
    # what is fitted leaves residuals that are smaller than the scatter
    shrunk = math.sqrt((len(z) - FITTED) / len(z))
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(terms * root[:, None], shape * root, rcond=None)[0]
        away = np.abs(shape - terms @ found)
        # the median length of a circular Gaussian is 1.1774 sigma
        scatter = max(float(np.median(away)) / (1.1774 * shrunk), _LEAST_SCATTER)
        weight = 1 / (1 + (away / (2 * scatter)) ** 2)
    inverse = np.linalg.pinv((terms.conj().T * weight) @ terms).real
    size = abs(found[1])
    return size, size / max(scatter * math.sqrt(max(inverse[1, 1], 0.0)), 1e-9)


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
