"""Find by how much two lists of source positions are shifted against each other.

Differences of all pairs vote in a plane of shifts; a true shift is a peak that chance can't
explain. Mutual nearest neighbours then refine it, with a rotation and a scale where they show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import bdtrc, fdtrc

from spacekit.measure.robust import robust_sigma
from spacekit.measure.shift import Shift
from spacekit.measure.votes import MatchSettings, likely_shifts, log_trials, surprise

__all__ = ["MatchSettings", "Places", "Shift", "match_near", "match_positions"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Positions of sources, most significant first, and how well they are known.

    Parameters
    ----------
    xy : ndarray, shape (n, 2), float64
        x and y in pixels.
    errors : ndarray, shape (n,), float64
        Expected standard error of each, per axis, px.
    """

    xy: Floats
    errors: Floats

    def __len__(self) -> int:
        return len(self.xy)

    @classmethod
    def alike(cls, xy: Floats, error_px: float = 0.05) -> Places:
        """Make a list whose positions are all known equally well."""
        return cls(xy, np.full(len(xy), error_px))

    def select(self, which: NDArray[np.bool_]) -> Places:
        """Give those that a mask names."""
        return Places(self.xy[which], self.errors[which])


#: Radii of the mutual matches, from the vote's box to the core of the distribution.
_RADII_PX = (3.0, 1.5, 1.0)
_CLIP = 3.0
#: Radii within which true matches' residuals crowd, and how rarely chance's may do so.
_CORES_PX = (0.15, 0.25, 0.5)
_SPREAD_CHANCE = 0.01
#: The scatter of fewer matches is as likely as not far below their errors.
_TELLING = 8
#: How rarely chance may make a linear model fit so much better than a shift.
_WARP_BY_CHANCE = 2e-6
#: Unit of x and y in the linear model.
_UNIT_PX = 1000.0
#: Shifts beside the result at which matches are counted that chance makes.
_ASIDE_PX = np.array([(dx, dy) for dx in (-6.0, 0.0, 6.0) for dy in (-6.0, 0.0, 6.0) if dx or dy])


def match_positions(
    reference: Places,
    positions: Places,
    settings: MatchSettings | None = None,
) -> Shift | None:
    """Measure the shift between two lists of positions in pixels of one frame.

    Parameters
    ----------
    reference, positions : Places
        Two lists; the result is the second minus the first.
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
    lists = _Lists(reference, positions)
    for start, box in likely_shifts(reference.xy, positions.xy, settings):
        shift = _refine(lists, np.vstack([start, np.zeros((2, 2))]), box, settings)
        if shift is not None:
            return shift
    return None


def match_near(
    reference: Places,
    positions: Places,
    expected: Shift,
    settings: MatchSettings | None = None,
) -> Shift | None:
    """Measure a shift that is about known, as `match_positions` does but without the search.

    Parameters
    ----------
    reference, positions : Places
        Two lists; the result is the second minus the first.
    expected : Shift
        What it should be to some px.
    settings : MatchSettings, optional
        How to match.

    Returns
    -------
    Shift or None
        None when what is found there does not stand out from chance.
    """
    settings = settings or MatchSettings()
    if min(len(reference), len(positions)) < settings.fewest:
        return None
    lists = _Lists(reference, positions)
    return _refine(lists, lists.model_of(expected), settings.boxes_px[0], settings)


@dataclass(frozen=True)
class _Lists:
    """Two lists of positions.

    A linear model of the shift is of (1, x, y), x and y from `origin` in units of 1000 px.
    """

    first: Places
    second: Places

    @cached_property
    def reference(self) -> Floats:
        return self.first.xy

    @cached_property
    def positions(self) -> Floats:
        return self.second.xy

    @cached_property
    def tree(self) -> cKDTree:
        """For finding neighbours in the reference."""
        return cKDTree(self.reference)

    @cached_property
    def origin(self) -> Floats:
        middle: Floats = self.reference.mean(axis=0)
        return middle

    @cached_property
    def terms(self) -> Floats:
        """Rows (1, x, y) of the linear model."""
        away = (self.positions - self.origin) / _UNIT_PX
        return np.column_stack([np.ones(len(away)), away])

    def model_of(self, shift: Shift) -> Floats:
        """Give the linear model of a known shift."""
        return np.vstack([shift.at(self.origin[None]), shift.slopes * _UNIT_PX])

    def weights(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
        """Inverse variances of the differences of matched sources."""
        variance = self.first.errors[first] ** 2 + self.second.errors[second] ** 2
        return np.asarray(1 / np.maximum(variance, 1e-6))


def _refine(lists: _Lists, model: Floats, box: int, settings: MatchSettings) -> Shift | None:
    """Match mutual nearest neighbours in closing circles and fit what is left."""
    radii = sorted({max(box / 2 + 1, _RADII_PX[0]), *_RADII_PX}, reverse=True)
    first, second = np.empty(0, np.intp), np.empty(0, np.intp)
    for radius in np.repeat(radii, 2):
        first, second = _mutual(lists, model, float(radius))
        if len(first) < settings.fewest:
            return None
        difference = lists.positions[second] - lists.reference[first]
        weights = lists.weights(first, second)
        model, good = _fit(lists.terms[second], difference, weights, settings)
        first, second = first[good], second[good]
    if not _beyond_chance(len(first), lists, model, settings):
        return None
    residual = lists.positions[second] - lists.reference[first] - lists.terms[second] @ model
    if not _concentrated(np.hypot(residual[:, 0], residual[:, 1])):
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
    left = 2 * both.sum() - 6
    gained = (rest - warped) / max(warped, 1e-12) * left / 4
    moved = np.hypot(*((terms - [1, 0, 0]) @ warp)[both].T)
    # of Fisher's distribution: 4 parameters more, whose gain chance alone would reach so often
    by_chance = fdtrc(4, left, max(gained, 0.0)) > _WARP_BY_CHANCE
    if warp_good.sum() >= settings.warp_fewest and not by_chance and moved.max() > 0.1:
        return warp, warp_good
    return np.vstack([shift, np.zeros((2, 2))]), good


def _loss(residual: Floats) -> float:
    """Sum of squares with the outliers' share bounded at their robust 3 sigma."""
    scale = max(robust_sigma(residual), 1e-6)
    return float((np.minimum(np.abs(residual), _CLIP * scale) ** 2).sum())


def _clipped(
    terms: Floats, difference: Floats, weights: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Fit by weighted least squares, rejecting residuals beyond 3 robust sigma, five times."""
    good = np.ones(len(terms), dtype=bool)
    if terms.shape[1] == 1:
        good = _near(difference - np.median(difference, axis=0))
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
    return float(sure[0]) > log_trials(settings, far=far) - math.log(settings.chance)


def _concentrated(length: Floats) -> bool:
    """Say whether residuals crowd at nothing; chance spreads them over the circle of matches.

    One match is taken as spent on the fit.
    """
    for radius in _CORES_PX:
        share = (radius / _RADII_PX[-1]) ** 2
        within = int((length <= radius).sum())
        # the binomial's tail; scipy.stats has it too, and takes half a second to import
        if bdtrc(within - 2, len(length) - 1, share) < _SPREAD_CHANCE:
            return True
    return False


def _summary(
    lists: _Lists, first: NDArray[np.intp], second: NDArray[np.intp], model: Floats
) -> Shift:
    """Describe the fitted model at the matched sources."""
    weights = lists.weights(first, second)
    residual = lists.positions[second] - lists.reference[first] - lists.terms[second] @ model
    # the share of weight that counts: (sum w)^2 / sum w^2 equal sources
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    weighted = float(np.sqrt((weights[:, None] * residual**2).sum() / weights.sum() / 2))
    scatter = max(weighted, 0.005)
    if len(second) < _TELLING:
        scatter = max(scatter, float(np.sqrt(effective / weights.sum())))
    middle = np.average(lists.positions[second], axis=0, weights=weights)
    slopes, slope_errors = model[1:] / _UNIT_PX, np.zeros((2, 2))
    if slopes.any():
        away = lists.positions[second] - middle
        spread = (weights[:, None] * away).T @ away / weights.sum()
        slope_errors = np.linalg.pinv(spread) * scatter**2 / effective
    dx, dy = model[0] + (middle - lists.origin) @ slopes
    return Shift(
        dx_px=float(dx),
        dy_px=float(dy),
        uncertainty_px=scatter / float(np.sqrt(effective)),
        scatter_px=max(robust_sigma(residual), 1e-4),
        # rotation is (d dy/dx - d dx/dy) / 2
        roll_deg=float(np.degrees((slopes[0, 1] - slopes[1, 0]) / 2)),
        sources=len(second),
        middle=middle,
        slopes=slopes,
        slope_errors=slope_errors,
    )
