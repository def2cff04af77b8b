"""Find sources that come in pairs of one separation: a mosaic that shows everything twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.measure.votes import highest_peak, histogram

__all__ = ["Pairs", "find_pairs"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Sources of one list that come in pairs of one separation.

    Parameters
    ----------
    share : float
        Share of the sources that belong to such a pair beyond chance, 0 to 1; 0 where no
        separation stands out.
    sources : int
        How many these are.
    dx_px, dy_px : float
        The separation, with dy >= 0 (which partner is the displaced one can't be known).
    """

    share: float
    sources: int
    dx_px: float
    dy_px: float


#: Pairs closer than this are one source's own structure or can't be told apart.
_CLOSEST_PX = 2.5
#: Widest separation looked for; the pipeline's own relative fits search 125.
_SEARCH_PX = 130
#: Partners of a doubled source are of like flux: filters differ by colour and depth.
_FLUX_RATIO = 0.15
_FEWEST_SOURCES = 10
_MOST_SOURCES = 1000
#: Side of the box pairs are counted in, and of the box around that says what chance gives.
_BOX_PX = 3
_AROUND_PX = 21
#: Highest probability, over all separations, that chance makes such a peak.
_CHANCE = 1e-4


def find_pairs(positions: Floats, flux: Floats) -> Pairs | None:
    """Look for a separation that more pairs of sources have than chance allows.

    A mosaic of two exposures (or filters) that are far apart shows every source twice.
    Binaries don't: each pair of theirs has a separation of its own.

    Parameters
    ----------
    positions : ndarray, shape (n, 2)
        x and y in px, most significant first; the first 1000 are used.
    flux : ndarray, shape (n,)
        Their flux in any unit.

    Returns
    -------
    Pairs or None
        None for fewer than 10 sources.
    """
    positions, flux = positions[:_MOST_SOURCES], flux[:_MOST_SOURCES]
    if len(positions) < _FEWEST_SOURCES:
        return None
    # both signs vote, so that a separation along x isn't split by the sign of its small y
    difference = _differences(positions, flux)
    votes = histogram(np.concatenate([difference, -difference]), _SEARCH_PX)
    peak = highest_peak(votes, _BOX_PX, _AROUND_PX)
    if peak.surprise < np.log(votes.size / 2 / _BOX_PX**2 / _CHANCE):
        return Pairs(0.0, 0, 0.0, 0.0)
    paired = min(2 * (peak.counts - peak.expected), len(positions))
    return Pairs(paired / len(positions), round(paired), *_refined(difference, peak.shift))


def _refined(difference: Floats, peak: Floats) -> tuple[float, float]:
    """Median of the differences about a peak, either sign, turned so that dy >= 0."""
    both = np.concatenate([difference, -difference])
    near = np.abs(both - peak).max(axis=1) <= _BOX_PX / 2
    dx, dy = np.median(both[near], axis=0)
    return (float(dx), float(dy)) if dy >= 0 else (-float(dx), -float(dy))


def _differences(positions: Floats, flux: Floats) -> Floats:
    """Give the separations of all pairs of like flux that are neither too close nor too far."""
    pairs = cKDTree(positions).query_pairs(_SEARCH_PX, output_type="ndarray")
    low, high = np.sort(flux[pairs], axis=1).T
    difference = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    apart = np.hypot(difference[:, 0], difference[:, 1]) > _CLOSEST_PX
    like: Floats = difference[apart & (low >= _FLUX_RATIO * high)]
    return like
