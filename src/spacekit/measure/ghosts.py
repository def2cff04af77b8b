"""Tell ghosts: faint sources that stand at one displacement from sources far brighter.

Light that is reflected twice makes a faint image beside every bright star, displaced alike by the
filter (ACS/SBC: some 90 px, less than 1% of the star; "ACS image anomalies"). Filters differ in
it, so that the total shows every ghost twice, and filter products show it moved: what exposures
that disagree look like, too. But those repeat the bright sources as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.measure.votes import highest_peak, histogram

__all__ = ["ghosts_among"]

Floats = NDArray[np.float64]

#: A ghost has at most this share of its star's flux.
_FAINT: Final = 0.02
#: Nearer than this are pieces of the star itself; the farthest that is looked for.
_CLOSEST_PX: Final = 20.0
_SEARCH_PX: Final = 130
_MOST_SOURCES: Final = 1000
#: Side of the box ghosts are counted in, and of the box around that says what chance gives.
_BOX_PX: Final = 5
_AROUND_PX: Final = 31
#: A ghost's centre is uncertain by its own size (SBC: a disk of 7 px).
_SIZE_PX: Final = 4.0
#: Highest probability, over all displacements, that chance makes such a peak.
_CHANCE: Final = 1e-4
#: Displacements in one product: one a filter.
_MOST_FILTERS: Final = 4


def ghosts_among(x: Floats, y: Floats, flux: Floats) -> NDArray[np.bool_]:
    """Tell which sources are ghosts of others.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        In px, most significant first; of the first 1000 ghosts are told.
    flux : ndarray, shape (n,)
        In any unit.

    Returns
    -------
    ndarray, shape (n,), bool
        True for ghosts; none where no displacement is more frequent than by chance.
    """
    ghosts = np.zeros(len(x), bool)
    place, light = np.column_stack([x, y])[:_MOST_SOURCES], flux[:_MOST_SOURCES]
    if len(place) < 2:
        return ghosts
    pairs = cKDTree(place).query_pairs(_SEARCH_PX, output_type="ndarray")
    order = np.argsort(-light[pairs], axis=1)
    bright, faint = np.take_along_axis(pairs, order, axis=1).T
    away = place[faint] - place[bright]
    known = (light[faint] <= _FAINT * light[bright]) & (np.hypot(*away.T) > _CLOSEST_PX)
    away, faint = away[known], faint[known]
    for _ in range(_MOST_FILTERS):
        votes = histogram(away, _SEARCH_PX)
        peak = highest_peak(votes, _BOX_PX, _AROUND_PX)
        if peak.surprise < np.log(votes.size / _BOX_PX**2 / _CHANCE):
            break
        there = np.hypot(*(away - peak.shift).T) <= _SIZE_PX
        ghosts[faint[there]] = True
        away, faint = away[~there], faint[~there]
    return ghosts
