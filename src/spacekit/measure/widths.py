"""How wide the stars of a product are against what its detector and filter make of a star.

Exposures that disagree by less than a pixel, or by chance in all directions, hardly stretch a star,
but each of them widens all. A galaxy is wide as well; what tells it is that no two are alike, and
that it is as wide in the next filter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from spacekit.measure.findings import Contrast
from spacekit.measure.looks import Look
from spacekit.measure.offsets import Comparison
from spacekit.measure.robust import robust_sigma
from spacekit.measure.shapes import FEWEST_STARS
from spacekit.measure.shift import Shift
from spacekit.measure.sources import Sources

__all__ = ["StarWidth", "star_width", "width_contrast"]

#: Sources whose widths are compared, and how near one must be to be the same.
_SNR: Final = 20.0
_SAME_PX: Final = 1.0
#: Widths that are looked at, in units of a star's: below lie hot pixels and what is left of cosmic
#: rays. Their logarithms are counted by a Gaussian of the second number's width.
_WIDTHS: Final = np.log(np.linspace(0.85, 2.2, 271))
_SMOOTH: Final = 0.03
#: What a peak of that count has at least: so many sources, and such a share of the highest.
_FEWEST_ALIKE: Final = 2.5
_LEAST_SHARE: Final = 0.25
#: Sources so near to a peak are of that width.
_ALIKE: Final = 0.06


@dataclass(frozen=True)
class StarWidth:
    """How wide the stars of a product are.

    Parameters
    ----------
    width : float
        In units of what detector and filter make of a star; NaN where too few sources are alike.
    share : float
        Share of the bright sources that are so wide: stars are alike, galaxies are not.
    sources : int
        How many these are.
    """

    width: float = math.nan
    share: float = math.nan
    sources: int = 0


def star_width(sources: Sources, expected_px: float) -> StarWidth:
    """Find the smallest width that several bright sources have in common: that of the stars.

    Parameters
    ----------
    sources : Sources
        Of one product.
    expected_px : float
        What a star's should be (`spacekit.measure.star_sizes.star_size_px`).
    """
    if not expected_px > 0:
        return StarWidth()
    widths = np.log(_bright(sources).size_px / expected_px)
    widths = widths[(widths > _WIDTHS[0]) & (widths < _WIDTHS[-1])]
    if len(widths) < FEWEST_STARS:
        return StarWidth()
    count = np.exp(-0.5 * ((widths[:, None] - _WIDTHS) / _SMOOTH) ** 2).sum(axis=0)
    inner = count[1:-1]
    least = max(_FEWEST_ALIKE, _LEAST_SHARE * float(count.max()))
    peaks = np.flatnonzero((inner >= count[:-2]) & (inner > count[2:]) & (inner >= least)) + 1
    if not len(peaks):
        return StarWidth()
    width = float(_WIDTHS[peaks[0]])
    alike = np.abs(widths - width) < _ALIKE
    return StarWidth(math.exp(width), float(alike.mean()), int(alike.sum()))


def width_contrast(compared: Comparison) -> Contrast:
    """Find the two filters whose sources differ most in width, detector and filters allowed for.

    Source by source, what a galaxy or a pair of stars has of its own drops out.

    Parameters
    ----------
    compared : Comparison
        Filter products.

    Returns
    -------
    Contrast
        The surest one; without sources where no two filters have 5 bright ones in common.
    """
    return max([Contrast(), *map(_wider, _in_common(compared))], key=_surest)


def _surest(contrast: Contrast) -> tuple[float, int, float]:
    return contrast.sure_px2, contrast.sources, contrast.px2


@dataclass(frozen=True)
class _Pair:
    """Two filter products and the sources that both show, in the same order."""

    looks: tuple[Look, Look]
    sources: tuple[Sources, Sources]


def _in_common(compared: Comparison) -> Iterator[_Pair]:
    """Pair filter products by the bright sources they have in common, where these are enough."""
    shifts = {compared.reference.title: Shift.itself()} | compared.shifts
    known = [
        (look, _bright(compared.seen_twice(look)))
        for look in compared.looks
        if look.title in shifts and look.star_px > 0
    ]
    for (one, mine), (other, theirs) in itertools.combinations(known, 2):
        place = np.column_stack([mine.x, mine.y])
        place = place - shifts[one.title].at(place) + shifts[other.title].at(place)
        tree = cKDTree(np.column_stack([theirs.x, theirs.y]))
        near, which = tree.query(place, distance_upper_bound=_SAME_PX)
        same = np.isfinite(near)
        if np.count_nonzero(same) >= FEWEST_STARS:
            yield _Pair((one, other), (mine.select(same), theirs.select(which[same])))


def _bright(sources: Sources) -> Sources:
    return sources.select((sources.snr >= _SNR) & (sources.size_px > 0))


def _wider(pair: _Pair) -> Contrast:
    own, other = (
        sources.size_px**2 - look.star_px**2
        for look, sources in zip(pair.looks, pair.sources, strict=True)
    )
    excess = own - other
    middle = float(np.median(excess))
    # a median's standard error is 1.2533 sigma / sqrt(n) for a Gaussian
    sigma = 1.2533 * robust_sigma(excess - middle) / math.sqrt(len(excess))
    titles = [look.title for look in pair.looks]
    wider, narrower = titles if middle >= 0 else titles[::-1]
    return Contrast(wider, narrower, abs(middle), sigma, len(excess))
