"""Look for a second image that every source has at one shift, by stacking the sources.

A mosaic of exposures that disagree shows everything twice. Source by source a faint second image
is lost among neighbours, or in the wings of the first; the mean over many sources keeps what all
of them have at one place. A star's own rings and spikes are there too, but they look the same
after half a turn or a quarter; a second image doesn't. Half a turn tells it where one of the two
images is the brighter one everywhere (another filter, fewer exposures), a quarter where not.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from spacekit.measure.moments import stamp_offsets
from spacekit.measure.sources import Sources
from spacekit.measure.stacks import lopsided

__all__ = ["Twins", "find_twins"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

#: Sources that are stacked: so significant, no hot pixels, the brightest so many, at least so many.
_SNR: Final = 10.0
_SHARPEST: Final = 0.6
_LIMIT: Final = 120
_FEWEST: Final = 8
#: Largest shift looked for in x and y; the smallest: below, it is one source's shape.
_REACH_PX: Final = 18
_CLOSEST_PX: Final = 2.0
#: Nearer than this a star's own shape may differ after a quarter of a turn (ACS/SBC).
_NEAR_PX: Final = 4.0
#: Narrow and wide filter that take noise and background off, as when sources are found.
_KERNEL_PX: Final = 1.0
_BACKGROUND_PX: Final = 19
#: A neighbour counts up to this share of the source: few bright ones must not make the mean.
_BRIGHTEST: Final = 0.5
#: A second image is at least this share of the first; fainter things are charge trails, ghosts.
_FAINTEST: Final = 0.03
#: Weight missing around a source up to this share.
_MISSING: Final = 0.3


@dataclass(frozen=True)
class Twins:
    """What stands beside every source; significances in standard errors, 0 at least.

    Parameters
    ----------
    turned : float
        Of what isn't there after half a turn, where that is most significant.
    crossed : float
        Of both sides together, less what is there after a quarter of a turn; 4 px away and more.
    near : float
        The same from 2 to 4 px.
    dx_px, dy_px : float
        Where the most significant of the three is, `near` counting half; for the last two
        dy >= 0, since the sign can't be known.
    sources : int
        How many were stacked.
    """

    turned: float
    crossed: float
    near: float
    dx_px: float
    dy_px: float
    sources: int


def find_twins(
    sci: NDArray[np.floating], wht: NDArray[np.floating], sources: Sources
) -> Twins | None:
    """Stack sources and look beside them.

    Parameters
    ----------
    sci, wht : ndarray, shape (ny, nx)
        Image and weight.
    sources : Sources
        Of that image, the most significant first.

    Returns
    -------
    Twins or None
        None for fewer than 8 sources away from the edges.
    """
    chosen = sources.select((sources.snr >= _SNR) & (sources.sharpness <= _SHARPEST))
    around = _around(sci, wht, chosen.x, chosen.y)
    if len(around) < _FEWEST:
        return None
    turned, crossed = lopsided(around, _FAINTEST)
    dy, dx = stamp_offsets(_REACH_PX)
    away = np.hypot(dy[0], dx[0])
    maps = [
        np.where(away >= _CLOSEST_PX, turned, 0.0),
        np.where(away >= _NEAR_PX, crossed, 0.0),
        np.where((away >= _CLOSEST_PX) & (away < _NEAR_PX), crossed, 0.0),
    ]
    best = [max(float(one.max()), 0.0) for one in maps]
    surest = int(np.argmax([best[0], best[1], best[2] / 2]))
    row, column = np.unravel_index(int(maps[surest].argmax()), away.shape)
    x, y = float(column - _REACH_PX), float(row - _REACH_PX)
    if surest and y < 0:
        x, y = -x, -y
    return Twins(best[0], best[1], best[2], x, y, len(around))


@np.errstate(over="ignore", invalid="ignore")  # made-up pixels may exceed what sums can hold
def _around(sci: NDArray[np.floating], wht: NDArray[np.floating], x: Floats, y: Floats) -> Image:
    """Cut what is around sources, filtered, in units of the source, shape (n, side, side)."""
    margin = _BACKGROUND_PX // 2 + 1
    half = _REACH_PX + margin
    column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    ny, nx = sci.shape
    inside = (column >= half) & (row >= half) & (column < nx - half - 1) & (row < ny - half - 1)
    windows = (
        (n, wht[row[n] - half : row[n] + half + 1, column[n] - half : column[n] + half + 1])
        for n in np.flatnonzero(inside).tolist()
    )
    least = (1 - _MISSING) * (2 * half + 1) ** 2
    exposed = (n for n, window in windows if np.count_nonzero(window > 0) >= least)
    chosen = np.fromiter(itertools.islice(exposed, _LIMIT), np.intp)
    if not len(chosen):
        return np.empty((0, 1, 1), np.float32)
    dy, dx = stamp_offsets(half)
    where = (row[chosen, None, None] + dy, column[chosen, None, None] + dx)
    stamps = np.asarray(sci[where], dtype=np.float32)
    stamps = np.where((wht[where] > 0) & np.isfinite(stamps), stamps, np.float32(0))
    narrow = gaussian_filter(stamps, (0, _KERNEL_PX, _KERNEL_PX), truncate=3.0)
    narrow -= uniform_filter(stamps, (0, _BACKGROUND_PX, _BACKGROUND_PX))
    centred = _shifted(narrow, x[chosen] - column[chosen], y[chosen] - row[chosen])
    cut = slice(margin, -margin)
    centred = centred[:, cut, cut]
    middle = centred[:, _REACH_PX, _REACH_PX]
    good = (middle > 0) & np.isfinite(centred).all(axis=(1, 2))
    shares = centred[good] / middle[good, None, None]
    return shares.clip(-_BRIGHTEST, _BRIGHTEST)


def _shifted(stamps: Image, dx: Floats, dy: Floats) -> Image:
    """Move stamps by fractions of a pixel, so that what is at (dx, dy) comes to the middle."""
    fx, fy = (d.astype(np.float32)[:, None, None] for d in (dx, dy))
    right = np.roll(stamps, -1, axis=2)
    along: Image = stamps + fx * (right - stamps)
    above = np.roll(along, -1, axis=1)
    along += fy * (above - along)
    return along
