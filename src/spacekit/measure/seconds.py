"""A second shift within one product: a chip that is off, or a second image of every star."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.measure.looks import Look
from spacekit.measure.matching import Places, match_positions
from spacekit.measure.pattern import detector_shift, without_pairs
from spacekit.measure.shift import Shift

__all__ = ["second_shift"]

Floats = NDArray[np.float64]

#: Sources this near to where the first shift has them are explained by it.
_EXPLAINED_PX = 1.5
#: The second shift differs by more than this, else it is the first one's tail.
_APART_PX = 0.8
#: Sources this near to one of so many times the significance are pieces of its halo or spikes.
_HALO_PX = 15.0
_HALO_RATIO = 4.0
_FEWEST = 5
#: Sources that have it, as a share of those that have the first, and their largest scatter.
_LEAST_SHARE = 0.2
_MOST_SCATTER_PX = 0.3


def second_shift(look: Look, reference: Look, first: Shift) -> Shift | None:
    """Match what the first shift leaves over with all of the reference's sources.

    Parameters
    ----------
    look, reference : Look
        Two products.
    first : Shift
        How the one lies against the other.

    Returns
    -------
    Shift or None
        None where what is left has no common shift.
    """
    if not first.sources or not len(reference.sources):
        return None
    struck = look.struck or reference.struck
    against = reference.round_places if struck else reference.places
    left = _left_over(look, reference, first, struck)
    pattern = detector_shift(look, reference)
    if pattern is not None:
        against, left = without_pairs(against, left, pattern)
    found = match_positions(against, left) if len(left) >= _FEWEST else None
    if found is None or found.scatter_px > _MOST_SCATTER_PX:
        return None
    apart = np.hypot(*(found.at(found.middle[None]) - first.at(found.middle[None]))[0])
    enough = found.sources >= max(_FEWEST, _LEAST_SHARE * first.sources)
    return found if enough and apart > _APART_PX else None


def _left_over(look: Look, reference: Look, first: Shift, struck: bool) -> Places:
    """Give the sources that lie where the reference has none, and are no piece of a halo."""
    places = look.round_places if struck else look.places
    if not len(places):
        return places
    home = cKDTree(reference.places.xy)
    moved = places.xy - first.at(places.xy)
    alone = np.isinf(home.query(moved, distance_upper_bound=_EXPLAINED_PX)[0])
    own = cKDTree(look.places.xy)
    brightest = np.array(
        [
            look.sources.snr[near].max(initial=0.0)
            for near in own.query_ball_point(places.xy, _HALO_PX)
        ]
    )
    nearest = own.query(places.xy)[1]
    return places.select(alone & (brightest < _HALO_RATIO * look.sources.snr[nearest]))
