"""Find by how much two lists of source positions are shifted against each other.

Differences of all pairs vote in a plane of shifts; a true shift is a peak that chance can't
explain. Mutual nearest neighbours then refine it, with a rotation and a scale where they show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.spatial import cKDTree

from spacekit.measure.votes import histogram, surprise

__all__ = ["MatchSettings", "Shift", "match_positions"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MatchSettings:
    """How two lists of positions are matched; lengths in pixels.

    Parameters
    ----------
    search_px : int
        Largest shift looked for in x and in y; the pipeline's own relative fits search 125.
    voters : int
        How many sources of each list vote, the first ones.
    boxes_px : tuple of int
        Odd sides of the boxes votes are summed in; the wide ones are for rotated lists, whose
        shift differs over the field.
    near_px : int
        Shifts up to this are expected, so they need to stand out among fewer alternatives.
    chance : float
        Highest probability, over all shifts looked at, that chance makes such a peak.
    fewest : int
        Matches a result needs.
    warp_fewest : int
        Matches it takes to see a rotation or scale.
    """

    search_px: int = 130
    voters: int = 1000
    boxes_px: tuple[int, ...] = (3, 7, 15)
    near_px: int = 3
    chance: float = 1e-4
    fewest: int = 3
    warp_fewest: int = 10


@dataclass(frozen=True)
class Shift:
    """How one list lies against another: position in the list minus position in the reference.

    Parameters
    ----------
    dx_px, dy_px : float
        Shift at the middle of the matched sources.
    uncertainty_px : float
        Its standard error, per axis.
    scatter_px : float
        Robust standard deviation of single sources about the result, per axis.
    largest_px : float
        Length of the shift where it is largest among the matched sources: more than at the
        middle only where a rotation, scale or skew is significant.
    roll_deg : float
        Rotation from +x to +y, 0 where none is significant.
    sources : int
        Matches it rests on.
    """

    dx_px: float
    dy_px: float
    uncertainty_px: float
    scatter_px: float
    largest_px: float
    roll_deg: float
    sources: int


#: Radii of the mutual matches, from the vote's box to the core of the distribution.
_RADII_PX = (3.0, 1.5, 1.0)
_CLIP = 3.0
#: Shifts beside the result at which matches are counted that chance makes.
_ASIDE_PX = np.array([(dx, dy) for dx in (-6.0, 0.0, 6.0) for dy in (-6.0, 0.0, 6.0) if dx or dy])


def match_positions(
    reference: Floats,
    positions: Floats,
    errors: Floats | None = None,
    settings: MatchSettings | None = None,
) -> Shift | None:
    """Measure the shift between two lists of positions, most significant sources first.

    Parameters
    ----------
    reference, positions : ndarray, shape (n, 2) and (m, 2)
        x and y in pixels of one frame.
    errors : ndarray, shape (m,), optional
        Expected standard error of each of `positions` against its counterpart, per axis;
        by default all count alike.
    settings : MatchSettings, optional
        How to match.

    Returns
    -------
    Shift or None
        None when no shift stands out from chance.
    """
    settings = settings or MatchSettings()
    if min(len(reference), len(positions)) < settings.fewest:
        return None
    lists = _Lists(
        reference=np.asarray(reference, dtype=np.float64),
        positions=np.asarray(positions, dtype=np.float64),
        weights=_weights(positions, errors),
    )
    for start, box in _peaks(reference[: settings.voters], positions[: settings.voters], settings):
        shift = _refine(lists, start, box, settings)
        if shift is not None:
            return shift
    return None


@dataclass(frozen=True)
class _Lists:
    """Two lists of positions and the weights of the second."""

    reference: Floats
    positions: Floats
    weights: Floats

    @cached_property
    def tree(self) -> cKDTree:
        """For finding neighbours in the reference."""
        return cKDTree(self.reference)

    @cached_property
    def terms(self) -> Floats:
        """Rows (1, x, y) of a linear model, x and y from the middle in units of 1000 px."""
        away = (self.positions - self.reference.mean(axis=0)) / 1000.0
        return np.column_stack([np.ones(len(away)), away])


def _weights(positions: Floats, errors: Floats | None) -> Floats:
    """Inverse variances; 1 where no errors are known."""
    return np.ones(len(positions)) if errors is None else 1 / np.maximum(errors, 1e-3) ** 2


def _peaks(
    reference: Floats, positions: Floats, settings: MatchSettings
) -> Iterator[tuple[Floats, int]]:
    """Yield significant peaks of the votes, the surest of each box, surest box first."""
    votes = _votes(reference, positions, settings.search_px)
    # chance makes as many votes as there are around, on average; lists cluster, so not overall
    around = uniform_filter(votes, 41, mode="nearest")
    overall = max(float(votes.mean()), 1 / votes.size)
    found = []
    for box in settings.boxes_px:
        counts = np.rint(uniform_filter(votes, box, mode="constant") * box**2)
        expected = np.maximum(around - counts / 41**2, overall) * box**2
        sure = surprise(counts, expected) - _alternatives(settings)
        row, column = np.unravel_index(int(sure.argmax()), votes.shape)
        if sure[row, column] > -np.log(settings.chance) and counts[row, column] >= 3:
            start = np.array([column, row], dtype=float) - settings.search_px
            found.append((float(sure[row, column]), start, box))
    # a wide box wins only where it holds clearly more than the narrow one inside it
    found.sort(key=lambda peak: -peak[0])
    for _, start, box in found:
        yield start, box


def _votes(reference: Floats, positions: Floats, search_px: int) -> Floats:
    """Count pairs of two lists by their difference, as `histogram` does."""
    side = 2 * search_px + 1
    votes = np.zeros((side, side))
    # reference sources in blocks, so that the table of differences stays small
    for first in range(0, len(reference), 256):
        difference = positions[None, :, :] - reference[first : first + 256, None, :]
        votes += histogram(difference.reshape(-1, 2), search_px)
    return votes


def _alternatives(settings: MatchSettings) -> Floats:
    """Log of how many independent shifts compete with each, less within `near_px`."""
    axis = np.abs(np.arange(-settings.search_px, settings.search_px + 1))
    far = np.maximum(axis[:, None], axis[None, :]) > settings.near_px
    return np.where(far, _log_trials(settings, far=True), _log_trials(settings, far=False))


def _log_trials(settings: MatchSettings, *, far: bool) -> float:
    """Log of the number of independent places in the plane of shifts, times the boxes."""
    side = 2 * (settings.search_px if far else settings.near_px) + 1
    return math.log(side**2 * len(settings.boxes_px) / min(settings.boxes_px) ** 2)


def _refine(lists: _Lists, start: Floats, box: int, settings: MatchSettings) -> Shift | None:
    """Match mutual nearest neighbours in closing circles and fit what is left."""
    model = np.vstack([start, np.zeros((2, 2))])
    radii = sorted({max(box / 2 + 1, _RADII_PX[0]), *_RADII_PX}, reverse=True)
    first, second = np.empty(0, np.intp), np.empty(0, np.intp)
    for radius in np.repeat(radii, 2):
        first, second = _mutual(lists, model, float(radius))
        if len(first) < settings.fewest:
            return None
        difference = lists.positions[second] - lists.reference[first]
        model, good = _fit(lists.terms[second], difference, lists.weights[second], settings)
        first, second = first[good], second[good]
    if not _beyond_chance(len(first), lists, model, settings):
        return None
    return _summary(lists, first, second, model)


def _mutual(
    lists: _Lists, model: Floats, radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair sources that, moved back, are each other's nearest within a radius; both indices."""
    moved = lists.positions - lists.terms @ model
    distance, nearest = lists.tree.query(moved, distance_upper_bound=radius)
    second = np.flatnonzero(np.isfinite(distance))
    first = nearest[second]
    _, back = cKDTree(moved).query(lists.reference[first])
    mutual = back == second
    return first[mutual], second[mutual]


def _fit(
    terms: Floats, difference: Floats, weights: Floats, settings: MatchSettings
) -> tuple[Floats, NDArray[np.bool_]]:
    """Fit a shift, or a linear model where that is significantly better, clipping outliers."""
    shift, good = _clipped(terms[:, :1], difference, weights)
    if good.sum() < settings.warp_fewest:
        return np.vstack([shift, np.zeros((2, 2))]), good
    warp, warp_good = _clipped(terms, difference, weights)
    both = good | warp_good
    rest = _loss(difference[both] - terms[both, :1] @ shift)
    warped = _loss(difference[both] - terms[both] @ warp)
    gained = (rest - warped) / max(warped, 1e-12) * (2 * both.sum() - 6) / 4
    moved = np.hypot(*((terms - [1, 0, 0]) @ warp)[both].T)
    # F > 8 with 4 and many degrees of freedom happens by chance once in 1e5
    if warp_good.sum() >= settings.warp_fewest and gained > 8 and moved.max() > 0.1:
        return warp, warp_good
    return np.vstack([shift, np.zeros((2, 2))]), good


def _loss(residual: Floats) -> float:
    """Sum of squares with the outliers' share bounded at their robust 3 sigma."""
    scale = max(1.4826 * float(np.median(np.abs(residual))), 1e-6)
    return float((np.minimum(np.abs(residual), _CLIP * scale) ** 2).sum())


def _clipped(
    terms: Floats, difference: Floats, weights: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Fit by weighted least squares, rejecting residuals beyond 3 robust sigma, five times."""
    good = np.ones(len(terms), dtype=bool)
    if terms.shape[1] == 1:
        good = _near(difference - np.median(difference, axis=0))
    model = _solved(terms[good], difference[good], weights[good])
    for _ in range(5):
        model = _solved(terms[good], difference[good], weights[good])
        now = _near(difference - terms @ model, good)
        if now.sum() < terms.shape[1] or (now == good).all():
            break
        good = now
    return model, good


def _solved(terms: Floats, values: Floats, weights: Floats) -> Floats:
    """Weighted least squares, shape (terms, 2)."""
    root = np.sqrt(weights)[:, None]
    solution = np.linalg.lstsq(terms * root, values * root, rcond=None)[0]
    return np.asarray(solution, dtype=np.float64)


def _near(
    residual: NDArray[np.floating], sample: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Say which residuals lie within 3 robust sigma, at least 0.05 px, of nothing."""
    length = np.hypot(residual[:, 0], residual[:, 1])
    # the median length of a circular Gaussian is 1.1774 sigma
    sigma = float(np.median(length if sample is None else length[sample])) / 1.1774
    near: NDArray[np.bool_] = length <= _CLIP * max(sigma, 0.05)
    return near


def _beyond_chance(matched: int, lists: _Lists, model: Floats, settings: MatchSettings) -> bool:
    """Compare the matches with those at shifts a few px away, where only chance makes any."""
    if matched < settings.fewest:
        return False
    radius = _RADII_PX[-1]
    spread = np.ptp(np.vstack([lists.reference, lists.positions]), axis=0) + 1
    pairs = len(lists.reference) * len(lists.positions)
    evenly = pairs * math.pi * radius**2 / float(np.prod(spread))
    aside = model[None] + np.zeros((len(_ASIDE_PX), 3, 2))
    aside[:, 0] += _ASIDE_PX
    beside = sum(len(_mutual(lists, moved, radius)[0]) for moved in aside)
    # with none beside, fewer than one in so many tries is all that is known of crowding
    expected = max(beside, min(evenly * len(aside), 1.0)) / len(aside)
    sure = surprise(np.array([float(matched)]), np.array([expected]))
    far = float(np.abs(model[0]).max()) > settings.near_px
    return float(sure[0]) > _log_trials(settings, far=far) - math.log(settings.chance)


def _summary(
    lists: _Lists, first: NDArray[np.intp], second: NDArray[np.intp], model: Floats
) -> Shift:
    """Describe the fitted model at the matched sources."""
    shifts = lists.terms[second] @ model
    weights = lists.weights[second]
    residual = lists.positions[second] - lists.reference[first] - shifts
    dx, dy = shifts.mean(axis=0)
    # the share of weight that counts: (sum w)^2 / sum w^2 equal sources
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    weighted = float(np.sqrt((weights[:, None] * residual**2).sum() / weights.sum() / 2))
    # derivatives per 1000 px: rotation is (d dy/dx - d dx/dy) / 2
    turn = (model[1, 1] - model[2, 0]) / 2 / 1000.0
    return Shift(
        dx_px=float(dx),
        dy_px=float(dy),
        uncertainty_px=max(weighted, 0.005) / float(np.sqrt(effective)),
        scatter_px=max(1.4826 * float(np.median(np.abs(residual))), 1e-4),
        largest_px=float(np.hypot(shifts[:, 0], shifts[:, 1]).max()),
        roll_deg=float(np.degrees(turn)),
        sources=len(second),
    )
