"""Whether what rejection took from an exposure repeats the stars.

A star of a displaced exposure is taken for a cosmic ray, and so is the sky it has where the
others have the star: holes of one exposure that lie at one shift from the stars, or from the
holes of another exposure, are displaced stars. Cosmic rays lie at no shift from anything; defects
of the detector lie at the dither, which the footprints tell. So the total alone shows that
exposures disagree, and which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.measure.findings import Repeat
from spacekit.measure.matching import MatchSettings, Places, match_positions
from spacekit.measure.rejected import Holes
from spacekit.measure.sources import Sources
from spacekit.measure.votes import Peak, highest_peak, histogram, log_trials, surprise

__all__ = ["find_repeats"]

Floats = NDArray[np.float64]

#: Stars, the most significant, that vote.
_MOST_STARS: Final = 150
_STAR_SNR: Final = 15.0
#: Largest shift looked for in x and y; the smallest: a star's own core may be rejected.
_SEARCH_PX: Final = 130
_CLOSEST_PX: Final = 1.8
#: Partners this near to one another are one.
_SAME_PX: Final = 2.0
#: Holes this near to the dither of two exposures are the detector's.
_DITHER_PX: Final = 2.5
#: Side of the box votes are counted in, and of that around it that says what chance gives.
_BOX_PX: Final = 3
_AROUND_PX: Final = 31
#: Largest shift in x and y, at a typical distance from the middle, of one that grows with it.
_TURNED_PX: Final = 25
_AROUND_TURNED_PX: Final = 15
#: Nearer to the middle than this share of that distance such a shift is too small to be told.
_NEAREST: Final = 0.35
#: Centroid error of a hole, px; fewest holes that match by shift and turn at once.
_ERROR_PX: Final = 0.3
_FEWEST_MATCHED: Final = 8
#: A star with a hole this near to it has lost something itself.
_STRUCK_PX: Final = 3.0
#: Holes that lie beside stars of which at least this share has lost nothing are the stars' own.
_PATTERN: Final = 7 / 8
#: Fewest holes at one shift: on a blank field next to nothing is expected, and three are many.
_FEWEST: Final = 4
#: Exposures that are asked at most: the time it takes grows with the square of their number.
_MOST_EXPOSURES: Final = 24
#: Highest probability, over all shifts, that chance makes such a peak.
_CHANCE: Final = 1e-4


def find_repeats(holes: Sequence[Holes], sources: Sources, middle: Floats) -> tuple[Repeat, ...]:
    """Look for a shift at which each exposure's holes repeat stars, or holes of the others.

    And for one that grows in proportion to the distance from the middle, as that of an exposure
    does which is turned or has another scale; where neither is found, for both at once.

    Parameters
    ----------
    holes : sequence of Holes
        Of one product. Of more than `_MOST_EXPOSURES` exposures those with most holes are asked: a
        displaced one loses all its stars.
    sources : Sources
        Of that product, in its own pixels.
    middle : ndarray, shape (2,)
        (x, y) of the image's middle, 0-based px.

    Returns
    -------
    tuple of Repeat
        One for each that is asked, the highest `surprise` first; those that are told by their turn
        alone (`turned_surprise`) have none, and come last with those that aren't told at all.
    """
    bright = sources.select(sources.snr >= _STAR_SNR).select(slice(_MOST_STARS))
    stars = np.column_stack([bright.x, bright.y])
    struck = _struck(stars, holes)
    order = sorted(range(len(holes)), key=lambda number: -len(holes[number].xy))
    holes = [holes[number] for number in sorted(order[:_MOST_EXPOSURES])]
    found = []
    for own in holes:
        others = _others(own, holes, stars)
        pairs = _partners(own, others)
        repeat = _repeat(own, pairs[:, :2])
        if repeat.surprise and _is_pattern(repeat, pairs, stars[~struck]):
            others = _others(own, holes, stars[struck])
            pairs = _partners(own, others)
            repeat = _repeat(own, pairs[:, :2])
        repeat = _turned(repeat, pairs, middle)
        if not (repeat.surprise or repeat.turned_surprise):
            repeat = _matched(repeat, own, others, middle)
        found.append(repeat)
    return tuple(sorted(found, key=lambda repeat: -repeat.surprise))


def _struck(stars: Floats, holes: Sequence[Holes]) -> NDArray[np.bool_]:
    """Say which stars have a hole at their own place, in any exposure."""
    places = np.concatenate([np.empty((0, 2)), *(one.xy for one in holes)])
    if not len(places) or not len(stars):
        return np.zeros(len(stars), dtype=bool)
    return np.asarray(cKDTree(places).query(stars)[0] < _STRUCK_PX)


def _is_pattern(repeat: Repeat, pairs: Floats, whole: Floats) -> bool:
    """Say whether the holes of a repeat are knots of a pattern that bright stars have.

    Knots where the spikes begin are sharp enough to be taken for cosmic rays, at one place beside
    every bright star. But a displaced exposure also has sky where the others have the star.
    """
    if not len(whole):
        return False
    shift = repeat.dx_px, repeat.dy_px
    partners = pairs[np.abs(pairs[:, :2] - shift).max(axis=1) <= _BOX_PX / 2, 2:]
    apart = cKDTree(whole).query(partners)[0]
    return bool(np.count_nonzero(apart == 0) >= _PATTERN * len(partners))


def _others(own: Holes, holes: Sequence[Holes], stars: Floats) -> list[tuple[Floats, Floats]]:
    """Give what holes may repeat: places, and the shift at which they mean nothing (far: none).

    Places that lie on one another count once: a star in all exposures, a defect in those that
    aren't dithered.
    """
    seen = stars
    found = [(stars, np.full(2, np.inf))]
    for other in holes:
        if other is own or not len(other.xy):
            continue
        apart = other.xy
        if len(seen):
            apart = apart[cKDTree(seen).query(apart)[0] > _SAME_PX]
        found.append((apart, own.middle - other.middle))
        seen = np.concatenate([seen, apart])
    return found


def _partners(own: Holes, others: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Give hole minus partner, and partner, for all pairs that may mean something, shape (n, 4)."""
    pairs = []
    for places, dither in others:
        found = _differences(own.xy, places)
        pairs.append(found[np.hypot(*(found[:, :2] - dither).T) > _DITHER_PX])
    both = np.concatenate(pairs)
    meaningful: Floats = both[np.hypot(*both[:, :2].T) >= _CLOSEST_PX]
    return meaningful


def _differences(own: Floats, others: Floats) -> Floats:
    """Give own minus other, and the other, for all pairs within reach, shape (n, 4)."""
    if not len(others):
        return np.empty((0, 4))
    reach = cKDTree(others).query_ball_point(own, _SEARCH_PX * math.sqrt(2))
    pairs = [
        np.hstack([place - others[near], others[near]])
        for place, near in zip(own, reach, strict=True)
        if near
    ]
    return np.concatenate(pairs) if pairs else np.empty((0, 4))


def _repeat(own: Holes, difference: Floats) -> Repeat:
    """Find the shift with more pairs than chance allows, if there is any."""
    votes = histogram(difference, _SEARCH_PX)
    peak = highest_peak(votes, _BOX_PX, _AROUND_PX)
    sure = _beyond_chance(peak, votes)
    if sure <= 0:
        return Repeat(own.title, 0.0, 0.0, 0.0, 0)
    near = difference[np.abs(difference - peak.shift).max(axis=1) <= _BOX_PX / 2]
    dx, dy = (float(v) for v in np.median(near, axis=0))
    return Repeat(own.title, sure, dx, dy, int(peak.counts))


def _beyond_chance(peak: Peak, votes: Floats) -> float:
    """Give how much surer a peak of votes is than chance makes it; 0 where it is too few."""
    if peak.counts < _FEWEST:
        return 0.0
    return peak.surprise - math.log(votes.size / _BOX_PX**2 / _CHANCE)


def _turned(repeat: Repeat, pairs: Floats, middle: Floats) -> Repeat:
    """Find the shift in proportion to the distance from the middle, as `_repeat` finds one.

    In complex numbers a turn and a scale multiply the place z by 1 + m: pairs vote for m.
    """
    if not len(pairs):
        return repeat
    difference, place = pairs[:, :2] @ [1, 1j], (pairs[:, 2:] - middle) @ [1, 1j]
    radius = float(np.sqrt(np.mean(np.abs(place) ** 2)))
    away = np.abs(place) > _NEAREST * radius
    if not away.any():
        return repeat
    ratio = difference[away] / place[away] * radius
    voted = np.column_stack([ratio.real, ratio.imag])
    votes = histogram(voted, _TURNED_PX)
    peak = highest_peak(votes, _BOX_PX, _AROUND_TURNED_PX)
    sure = _beyond_chance(peak, votes)
    if sure <= 0:
        return repeat
    near = voted[np.abs(voted - peak.shift).max(axis=1) <= _BOX_PX / 2]
    outward, around = (float(v) for v in np.median(near, axis=0))
    return replace(
        repeat,
        turned_surprise=sure,
        outward_px=outward,
        round_px=around,
        radius_px=radius,
        turned_sources=int(peak.counts),
    )


def _matched(
    repeat: Repeat,
    own: Holes,
    others: Sequence[tuple[Floats, Floats]],
    middle: Floats,
) -> Repeat:
    """Match holes with what they may repeat, at a shift and a turn or scale at once."""
    mine = own.xy
    if len(mine) < _FEWEST_MATCHED:
        return repeat
    theirs = []
    for places, dither in others:
        meaning = places
        if len(places) and np.isfinite(dither).all():
            meaning = places[cKDTree(mine).query(places + dither)[0] > _DITHER_PX]
        theirs.append(meaning)
    reference = np.concatenate(theirs)
    if len(reference) < _FEWEST_MATCHED:
        return repeat
    mine = mine[cKDTree(reference).query(mine)[0] >= _CLOSEST_PX]
    shift = match_positions(Places.alike(reference, _ERROR_PX), Places.alike(mine, _ERROR_PX))
    if shift is None or shift.sources < _FEWEST_MATCHED:
        return repeat
    area = float(np.prod(np.ptp(np.vstack([mine, reference]), axis=0) + 1))
    expected = len(mine) * len(reference) * math.pi / area
    sure = float(surprise(np.array([float(shift.sources)]), np.array([expected]))[0])
    sure -= log_trials(MatchSettings(), far=True) - math.log(_CHANCE)
    if sure <= 0:
        return repeat
    radius = float(np.sqrt(np.mean(np.sum((mine - middle) ** 2, axis=1))))
    dx, dy = (float(v) for v in shift.at(np.array([middle]))[0])
    return replace(
        repeat,
        dx_px=dx,
        dy_px=dy,
        turned_surprise=sure,
        outward_px=float(np.trace(shift.slopes)) / 2 * radius,
        round_px=math.radians(shift.roll_deg) * radius,
        radius_px=radius,
        turned_sources=shift.sources,
    )
