"""Whether stars lost weight on one side more than on another.

Cosmic-ray rejection compares each exposure with the median of all. Of exposures that lie on one
another it takes now and then a pixel of an undersampled star's core, on any side. Of one that
is displaced it takes the star where the others have sky, and the sky where they have the star: what
is missing then lies along one direction, at every star. Star by star that is lost among cosmic
rays; the mean over many keeps it. What a mean has that isn't there after a quarter of a turn (two
exposures apart) or half a turn (one of several) no aligned mosaic shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from spacekit.measure.moments import STAMP_HALF_PX, stamp_offsets
from spacekit.measure.sources import Sources
from spacekit.measure.stacks import lopsided

__all__ = ["LostWeight", "find_lost"]

Floats = NDArray[np.float64]

#: Sources that are stacked: stars, no hot pixels; those so bright, for these lose most, and fainter
#: ones as long as there are fewer than so many.
_SNR: Final = 15.0
_BRIGHT_SNR: Final = 50.0
_ENOUGH: Final = 12
_SHARPEST: Final = 0.6
_LIMIT: Final = 200
_FEWEST: Final = 8
#: How far from the star weight may be missing, and the ring whose weight it is compared with.
_REACH_PX: Final = 6
#: Of that ring's pixels so many have at least so much of its median: no edge, no gap.
_EVEN_SHARE: Final = 0.85
_EVEN_WEIGHT: Final = 0.85
#: Side of the box that what is missing is averaged over: a star's core.
_BOX_PX: Final = 3
#: A share of the weight that may be missing on one side of aligned stars, and the least error.
_LEAST: Final = 0.005
_LEAST_ERROR: Final = 0.001


@dataclass(frozen=True)
class LostWeight:
    """Weight that stars lack on one side; significances in standard errors, 0 at least.

    Parameters
    ----------
    turned : float
        Of what isn't missing after half a turn, where that is most significant.
    crossed : float
        Of both sides together, less what is missing after a quarter of a turn.
    sources : int
        How many were stacked.
    """

    turned: float
    crossed: float
    sources: int


def find_lost(wht: NDArray[np.floating], sources: Sources) -> LostWeight | None:
    """Stack the weight around stars and look where it is missing.

    Parameters
    ----------
    wht : ndarray, shape (ny, nx)
        Weight of a product.
    sources : Sources
        Of that product, in its own pixels, the most significant first.

    Returns
    -------
    LostWeight or None
        None for fewer than 8 stars away from edges and gaps.
    """
    stars = sources.select((sources.snr >= _SNR) & (sources.sharpness <= _SHARPEST))
    bright = int(np.count_nonzero(stars.snr >= _BRIGHT_SNR))
    missing = _missing(wht, stars.select(slice(_LIMIT)), max(bright, _ENOUGH))
    if len(missing) < _FEWEST:
        return None
    missing = uniform_filter(missing, (0, _BOX_PX, _BOX_PX))
    dy, dx = stamp_offsets(STAMP_HALF_PX)
    near = np.hypot(dy[0], dx[0]) <= _REACH_PX
    sides = lopsided(missing, _LEAST, _LEAST_ERROR)
    largest = [max(float(side[near].max()), 0.0) for side in sides]
    return LostWeight(largest[0], largest[1], len(missing))


def _missing(wht: NDArray[np.floating], stars: Sources, most: int) -> Floats:
    """Give the share of the weight that is missing around the first stars in even surroundings."""
    half = STAMP_HALF_PX
    column, row = np.rint(stars.x).astype(np.intp), np.rint(stars.y).astype(np.intp)
    ny, nx = wht.shape
    inside = (column >= half) & (row >= half) & (column < nx - half) & (row < ny - half)
    dy, dx = stamp_offsets(half)
    weights = wht[row[inside, None, None] + dy, column[inside, None, None] + dx].astype(np.float64)
    distance = np.hypot(dy[0], dx[0])
    ring = weights[:, (distance > _REACH_PX) & (distance <= half)]
    level = np.median(ring, axis=1)
    lowest = np.quantile(ring, 1 - _EVEN_SHARE, axis=1)
    even = np.flatnonzero((level > 0) & (lowest > _EVEN_WEIGHT * level))[:most]
    share: Floats = np.clip(1 - weights[even] / level[even, None, None], 0, 1)
    return share
