"""How a mosaic's products lie against one another: which is the reference, and who is off it.

The reference is the medoid: the product with the smallest exposure-time-weighted sum of
distances to the others, the earliest where several have the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.measure.chips import chip_shifts
from spacekit.measure.comparer import Comparer, searched
from spacekit.measure.findings import CORRELATION, SOURCES, Group, Offset
from spacekit.measure.looks import TWO_CHIPS, Frame, Look
from spacekit.measure.overlap import inside, share
from spacekit.measure.seconds import second_shift
from spacekit.measure.shift import Shift
from spacekit.measure.sources import Sources

__all__ = ["Comparison", "compare", "spread_px"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Products of one kind compared.

    Parameters
    ----------
    frame : Frame
        The mosaic's grid.
    reference : Look
        The medoid of those that match.
    shifts : dict of str to Shift
        By title, against the reference, which itself is left out.
    parts : dict of str to Shift
        By title, a second shift that part of the sources have.
    unmatched : tuple of Look
        Those that match it at no shift.
    looks : tuple of Look
        All.
    """

    frame: Frame
    reference: Look
    shifts: dict[str, Shift]
    parts: dict[str, Shift]
    unmatched: tuple[Look, ...]
    looks: tuple[Look, ...]

    def group(self) -> Group:
        """Tell the shift of each that matched, the reference left out, in plain numbers."""
        matched = [look for look in self.looks if look.title in self.shifts]
        return Group(
            reference=self.reference.title,
            reference_exptime_s=self.reference.exptime_s,
            offsets=tuple(self._offset(look, self.shifts[look.title]) for look in matched),
            unmatched=tuple(k.title for k in self.unmatched if self.says_something(k)),
            untold=tuple(k.title for k in self.unmatched if not self.says_something(k)),
        )

    def says_something(self, look: Look) -> bool:
        """Say whether a missing match with the reference is no want of stars, or common sky."""
        both = look, self.reference
        # what is left of cosmic rays doesn't count
        common = [inside(a.star_places.xy, b).sum() for a, b in (both, both[::-1])]
        return min(common) >= _ENOUGH and not any(k.struck for k in both)

    def seen_twice(self, look: Look) -> Sources:
        """Give a product's sources that another one that matches shows too.

        What cosmic-ray rejection leaves of a cosmic ray looks like a star that lost weight.
        All are given where fewer than three are left, or the product matches none.
        """
        zero = Shift.itself()
        shifts = {self.reference.title: zero} | self.shifts
        if look.title not in shifts or not len(look.sources):
            return look.sources
        own = look.places.xy
        seen = np.zeros(len(own), dtype=bool)
        for other in self.looks:
            if other is look or other.title not in shifts or not len(other.sources):
                continue
            there = own - shifts[look.title].at(own) + shifts[other.title].at(own)
            tree = cKDTree(other.places.xy)
            seen |= np.isfinite(tree.query(there, distance_upper_bound=_SEEN_PX)[0])
        return look.sources.select(seen) if seen.sum() >= _FEWEST_SEEN else look.sources

    def _offset(self, look: Look, shift: Shift) -> Offset:
        dx, dy = (float(v) for v in shift.at(self.frame.centre[None])[0])
        part = self.parts.get(look.title)
        largest, largest_sigma = _largest(shift, look, self.frame)
        return Offset(
            filter=look.product.name.filter,
            exposure=look.product.name.exposure,
            reference=self.reference.title,
            exptime_s=look.exptime_s,
            dx_px=dx,
            dy_px=dy,
            dx_mas=dx * self.frame.scale_mas,
            dy_mas=dy * self.frame.scale_mas,
            sigma_px=shift.uncertainty_at(self.frame.centre),
            sources=shift.sources,
            largest_px=largest,
            largest_sigma_px=largest_sigma,
            roll_deg=shift.roll_deg,
            scatter_px=shift.scatter_px,
            method=SOURCES if shift.sources else CORRELATION,
            part_dx_px=part.dx_px if part else math.nan,
            part_dy_px=part.dy_px if part else math.nan,
            part_sources=part.sources if part else 0,
        )


#: With fewer sources on either side, in what both show, a missing match says nothing.
_ENOUGH = 20
#: A product with less of its footprint in that of the one all are matched with has neighbours
#: that tell more of it.
_BESIDE = 0.5
#: How near a source must be to one of another product to be the same, and how many will do.
_SEEN_PX = 1.0
_FEWEST_SEEN = 3
#: Sums of distances that differ by less than this, a product, are ties.
_TIE_PX = 0.02
#: Products that others are matched with, and stars it takes that nothing else confirms.
_HELPERS = 3
_SURE_STARS = 8


def compare(looks: Sequence[Look], frame: Frame) -> Comparison | None:
    """Compare products of one kind with the one that lies in the middle of them.

    Parameters
    ----------
    looks : sequence of Look
        Filter products, or exposure products.
    frame : Frame
        The mosaic's grid.

    Returns
    -------
    Comparison or None
        None for fewer than two products that show anything.
    """
    if len(looks) < 2:
        return None
    comparer = Comparer()
    base = max(looks, key=lambda look: len(look.round_places))
    shifts = _shifts_from(base, looks, comparer)
    known = [look for look in looks if look.title in shifts]
    medoid = _medoid(known, shifts, frame)
    if medoid is not base:
        back = shifts[medoid.title].reversed()
        for look in known:
            guess = shifts[look.title].plus(back)
            shifts[look.title] = comparer.shift(look, medoid, guess) or guess
    shifts.pop(medoid.title)
    unmatched = tuple(look for look in looks if look not in known)
    parts = {}
    for look in known:
        if look is not medoid and (two := _parts(look, medoid, shifts[look.title])) is not None:
            shifts[look.title], parts[look.title] = two
    return Comparison(frame, medoid, shifts, parts, unmatched, tuple(looks))


def _parts(look: Look, reference: Look, first: Shift) -> tuple[Shift, Shift] | None:
    """Give two shifts of a product of which a part, of an exposure a chip, has one of its own.

    The first is that of the rest: across two chips a shift of the whole is that of neither.
    """
    # a part of an exposure with a shift of its own is a chip
    if look.single and look.product.name.detector not in TWO_CHIPS:
        return None
    chips = chip_shifts(look, reference, first)
    if chips is not None:
        return chips
    second = second_shift(look, reference, first)
    return None if second is None else (first, second)


def _shifts_from(base: Look, looks: Sequence[Look], comparer: Comparer) -> dict[str, Shift]:
    """Match all with one; those that don't match it, with one that does."""
    shifts = {base.title: Shift.itself()}
    left = []
    for look in looks:
        if look is base:
            continue
        found = comparer.shift(look, base)
        if found is None:
            left.append(look)
        else:
            shifts[look.title] = found
    helpers = sorted(
        (look for look in looks if look.title in shifts and look is not base),
        key=lambda look: -len(look.round_places),
    )
    for look in left:
        for helper in helpers[: _HELPERS - 1]:
            found = comparer.shift(look, helper)
            if found is not None:
                shifts[look.title] = found.plus(shifts[helper.title])
                break
        else:
            _add_rejected(shifts, look, [base, *helpers])
    _add_neighbours(shifts, base, looks, comparer)
    return shifts


def _add_neighbours(
    shifts: dict[str, Shift], base: Look, looks: Sequence[Look], comparer: Comparer
) -> None:
    """Match products that lie beside the first one with those they overlap, from one to the next.

    `shifts` are against `base`; a strip of pointings has ends that share no sky with it.
    """
    beside = [k for k in looks if k.title not in shifts and share(k, base) < _BESIDE]
    fresh = True
    while beside and fresh:
        known = [k for k in looks if k.title in shifts]
        fresh = False
        for look in beside:
            near = max(known, key=lambda k: share(look, k))
            if near is base or (found := comparer.shift(look, near)) is None:
                continue
            shifts[look.title] = found.plus(shifts[near.title])
            fresh = True
        beside = [k for k in beside if k.title not in shifts]


def _add_rejected(shifts: dict[str, Shift], look: Look, known: Sequence[Look]) -> None:
    """Match an exposure whose stars the total doesn't confirm because it rejected them.

    `known` have shifts against the first of them.

    An exposure that is off loses its stars as cosmic rays; what the total confirms then is what
    hot pixels left. Against cosmic rays it takes more, and surer, stars than else.
    """
    for other in known[:_HELPERS]:
        first, second = other.unconfirmed, look.unconfirmed
        if first is None or second is None:
            continue
        found = searched([(first.star_places, second.star_places)], first, second)
        if found is not None and found.sources >= _SURE_STARS:
            shifts[look.title] = found.plus(shifts[other.title])
            return


def _medoid(known: Sequence[Look], shifts: dict[str, Shift], frame: Frame) -> Look:
    """Find the product that lies in the middle of those whose shifts are known."""
    weights = np.array([look.exptime_s for look in known])
    costs = []
    for candidate in known:
        back = shifts[candidate.title].reversed()
        apart = [
            0.0 if look is candidate else _largest(shifts[look.title].plus(back), look, frame)[0]
            for look in known
        ]
        costs.append(float(weights @ np.array(apart)))
    limit = min(costs) + _TIE_PX * float(weights.sum())
    tied = [look for look, cost in zip(known, costs, strict=True) if cost <= limit]
    return min(tied, key=lambda look: (look.start_mjd, look.title))


def _largest(shift: Shift, look: Look, frame: Frame) -> tuple[float, float]:
    """Give the length of a shift where it is largest over a product's footprint, and its error."""
    places = look.outline if shift.warped and len(look.outline) else frame.centre[None]
    lengths = np.hypot(*shift.at(places).T)
    worst = int(np.argmax(lengths))
    return float(lengths[worst]), shift.uncertainty_at(places[worst])


def spread_px(exposures: Comparison, name: str) -> float:
    """Give the largest distance of a filter's exposures from their weighted mean; NaN: unknown.

    Parameters
    ----------
    exposures : Comparison
        Of exposure products.
    name : str
        The filter.
    """
    zero = Shift.itself()
    mine = [look for look in exposures.looks if look.product.name.filter == name]
    shifts = [
        zero if look is exposures.reference else exposures.shifts.get(look.title) for look in mine
    ]
    known = [(s, k) for s, k in zip(shifts, mine, strict=True) if s is not None]
    if len(known) < 2:
        return math.nan
    weights = [look.exptime_s for _, look in known]
    worst = 0.0
    for _, look in known:
        places = look.outline if len(look.outline) else exposures.frame.centre[None]
        at = np.array([s.at(places) for s, _ in known])
        mean = np.average(at, axis=0, weights=weights)
        own = at[[k is look for _, k in known].index(True)]
        worst = max(worst, float(np.hypot(*(own - mean).T).max()))
    return worst
