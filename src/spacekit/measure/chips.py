"""A chip of two that lies elsewhere than the other, within one exposure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spacekit.measure.looks import Look
from spacekit.measure.matching import Places, match_near, match_positions
from spacekit.measure.pattern import detector_shift, without_pairs
from spacekit.measure.shift import Shift
from spacekit.measure.votes import MatchSettings

__all__ = ["chip_shifts"]

Floats = NDArray[np.float64]

#: Chips are looked for this near to where the exposure lies as a whole. So small a field takes few
#: sources, which is all that half of an exposure may have.
_SETTINGS = MatchSettings(search_px=8, boxes_px=(3,), chance=1e-3, warp_fewest=1_000_000)
#: Two chips differ by more than this, and by so many standard errors.
_APART_PX = 0.4
_SIGMAS = 5.0
#: An exposure that is turned as a whole moves its chips apart too: its sources scatter about one
#: turn less than so many times as much as each chip's do about a shift.
_BETTER = 1.3
#: A second chip's sources scatter no more than this; chance's do.
_MOST_SCATTER_PX = 0.3


def chip_shifts(look: Look, reference: Look, first: Shift) -> tuple[Shift, Shift] | None:
    """Match each chip of an exposure by itself.

    Parameters
    ----------
    look, reference : Look
        Two products; the first one's sources tell their chips.
    first : Shift
        How the one lies against the other as a whole.

    Returns
    -------
    two of Shift, or None
        The chip that lies nearer to where `first` has the exposure, and the other one; None where
        they can't be told apart, or `first` explains both by a turn or scale.
    """
    found = [_of_chip(look, reference, first, number) for number in (1.0, 2.0)]
    known = [shift for shift in found if shift is not None]
    if len(known) < 2:
        return None
    near, far = sorted(known, key=lambda shift: _apart(shift, first))
    if first.warped and first.scatter_px < _BETTER * max(near.scatter_px, far.scatter_px):
        return None
    error = float(np.hypot(near.uncertainty_px, far.uncertainty_px))
    return (near, far) if _apart(far, near) > max(_APART_PX, _SIGMAS * error) else None


def _apart(shift: Shift, other: Shift) -> float:
    """Give the distance of two shifts where the first one's sources are, px."""
    return float(np.hypot(*(shift.at(shift.middle[None]) - other.at(shift.middle[None]))[0]))


def _of_chip(look: Look, reference: Look, first: Shift, number: float) -> Shift | None:
    """Match one chip's sources: those that the total confirms, then all that look like stars."""
    whole = look.unconfirmed or look
    pattern = detector_shift(look, reference)
    for against, places in (
        (reference.round_places, look.on_chip(number).round_places),
        (reference.star_places, whole.on_chip(number).star_places),
    ):
        pair = (against, places)
        if pattern is not None:
            pair = without_pairs(*pair, pattern)
        found = _near(*pair, first)
        if found is not None and found.scatter_px <= _MOST_SCATTER_PX:
            return found
    return None


def _near(against: Places, places: Places, first: Shift) -> Shift | None:
    """Match two lists that lie some px from a known shift against each other."""
    if not len(places):
        return None
    back = Places(places.xy - first.at(places.xy), places.errors)
    rest = match_positions(against, back, _SETTINGS)
    if rest is None:
        return None
    dx, dy = (first.at(rest.middle[None]) + rest.at(rest.middle[None]))[0]
    return match_near(against, places, Shift.uniform(float(dx), float(dy), 0.0), _SETTINGS)
