"""How a mosaic's products lie against one another: which is the reference, and who is off it.

The reference is the medoid: the product with the smallest exposure-time-weighted sum of
distances to the others, the earliest where several have the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.errors import ProductError
from spacekit.measure.chips import chip_shifts
from spacekit.measure.correlation import Sharp, correlate, sharpened
from spacekit.measure.findings import CORRELATION, SOURCES, Group, Offset
from spacekit.measure.looks import TWO_CHIPS, Frame, Look
from spacekit.measure.matching import Places, match_near, match_positions
from spacekit.measure.pattern import detector_shift, without_pairs
from spacekit.measure.seconds import second_shift
from spacekit.measure.shift import Shift
from spacekit.measure.sources import Sources
from spacekit.visit.drizzled import read_drizzled

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
        )

    def says_something(self, look: Look) -> bool:
        """Say whether a missing match with the reference is no want of stars."""
        both = look, self.reference
        # what is left of cosmic rays doesn't count
        enough = min(len(k.star_places) for k in both) >= _ENOUGH
        return enough and not any(k.struck for k in both)

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


#: With fewer sources on either side, a missing match says nothing.
_ENOUGH = 20
#: How near a source must be to one of another product to be the same, and how many will do.
_SEEN_PX = 1.0
_FEWEST_SEEN = 3
#: Correlate where sources are fewer than this, or leave the shift less certain than that.
_FEW_SOURCES = 8
_UNCERTAIN_PX = 0.06
#: Products of one mosaic that are correlated at most; each costs as much as finding sources.
_MOST_CORRELATED = 12
#: Sums of distances that differ by less than this, a product, are ties.
_TIE_PX = 0.02
#: Two single exposures that correlate further off than this show nothing of the sky.
_FAR_PX = 15.0
#: Products that others are matched with, and stars it takes that nothing else confirms.
_HELPERS = 3
_SURE_STARS = 8
#: A shift this near to the dither needs better proof.
_LIKE_DITHER_PX = 1.5
#: Fewer stars that match there may be what persists in the detector.
_FEWEST_AT_DITHER = 6


@dataclass
class _Comparer:
    """Compares two products: by their sources, and by their pixels where these don't do."""

    images: dict[str, Sharp] = field(default_factory=dict)
    sharpened: int = 0

    def shift(self, look: Look, reference: Look, expected: Shift | None = None) -> Shift | None:
        found = _by_sources(look, reference, expected)
        good = found is not None and (
            found.sources >= _FEW_SOURCES and found.uncertainty_px <= _UNCERTAIN_PX
        )
        if good or (found is not None and found.warped):
            return found
        other = self._by_pixels(look, reference)
        if found is None or other is None:
            return found or other
        return min(found, other, key=lambda s: s.uncertainty_px)

    def _by_pixels(self, look: Look, reference: Look) -> Shift | None:
        both = (look, reference)
        # a moving target outshines the stars, and what it does is no error
        if any(not k.same_grid or k.struck or k.moving for k in both):
            return None
        first, second = self._image(reference), self._image(look)
        if first is None or second is None:
            return None
        found = correlate(first, second, avoid=detector_shift(look, reference))
        # what cosmic rays and hot pixels are left of may match far off
        single = look.single and reference.single
        far = found is not None and np.hypot(found.dx_px, found.dy_px) > _FAR_PX
        return None if single and far else found

    def _image(self, look: Look) -> Sharp | None:
        """Give a product's sharpened image; None once enough were made, or where it can't be."""
        if look.title in self.images:
            return self.images[look.title]
        if self.sharpened >= _MOST_CORRELATED:
            return None
        self.sharpened += 1
        try:
            drizzled = read_drizzled(look.path)
            image = sharpened(drizzled.sci, drizzled.wht)
        except ProductError:  # it could be read a moment ago
            return None
        self.images[look.title] = image
        return image


def _by_sources(look: Look, reference: Look, expected: Shift | None) -> Shift | None:
    """Match sources; where cosmic rays outnumber stars, round ones first."""
    kinds = [(reference.places, look.places)]
    if look.struck or reference.struck:
        kinds.insert(0, (reference.round_places, look.round_places))
    if expected is None and look.against is not None and reference.against is not None:
        expected = look.against.plus(reference.against.reversed())
        # hot pixels that the total shows too say that it is the dither
        if _is_like_dither(expected, detector_shift(look, reference)):
            expected = None
    if expected is not None:
        for first, second in kinds:
            found = match_near(first, second, expected)
            if found is not None:
                return found
    return _searched(kinds, reference, look)


def _is_like_dither(shift: Shift, pattern: Floats | None) -> bool:
    """Whether a shift may be that of hot pixels that aren't quite where the footprints put them."""
    if pattern is None:
        return False
    return bool(np.hypot(shift.dx_px - pattern[0], shift.dy_px - pattern[1]) < _LIKE_DITHER_PX)


def _searched(kinds: Sequence[tuple[Places, Places]], reference: Look, look: Look) -> Shift | None:
    """Look for a shift far and wide.

    Hot pixels of two single exposures match too, at the dither between them: those pairs are
    left out, and come back only for what has a star's extent (exposures without a dither), of
    which there must be more than the stars of an earlier exposure that persist in the detector.
    """
    pattern = detector_shift(look, reference)
    for pair in kinds:
        found = match_positions(*(pair if pattern is None else without_pairs(*pair, pattern)))
        if found is not None and not _is_like_dither(found, pattern):
            return found
    if pattern is None:
        return None
    found = match_positions(reference.star_places, look.star_places)
    if found is None or (_is_like_dither(found, pattern) and found.sources < _FEWEST_AT_DITHER):
        return None
    return found


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
    comparer = _Comparer()
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


def _shifts_from(base: Look, looks: Sequence[Look], comparer: _Comparer) -> dict[str, Shift]:
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
    return shifts


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
        found = _searched([(first.star_places, second.star_places)], first, second)
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
