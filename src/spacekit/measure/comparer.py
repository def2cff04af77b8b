"""How two products of a mosaic lie against each other: by their sources, or by their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spacekit.errors import ProductError
from spacekit.measure.correlation import Sharp, correlate, sharpened
from spacekit.measure.looks import Look
from spacekit.measure.matching import Places, match_near, match_positions
from spacekit.measure.pattern import detector_shift, without_pairs
from spacekit.measure.shift import Shift
from spacekit.visit.drizzled import read_drizzled

__all__ = ["Comparer", "searched"]

Floats = NDArray[np.float64]

#: Correlate where sources are fewer than this, or leave the shift less certain than that.
_FEW_SOURCES = 8
_UNCERTAIN_PX = 0.06
#: Products of one mosaic that are correlated at most; each costs as much as finding sources.
_MOST_CORRELATED = 12
#: Two single exposures that correlate further off than this show nothing of the sky.
_FAR_PX = 15.0
#: A shift this near to the dither needs better proof.
_LIKE_DITHER_PX = 1.5
#: Fewer stars that match there may be what persists in the detector.
_FEWEST_AT_DITHER = 6


@dataclass
class Comparer:
    """Compares two products: by their sources, and by their pixels where these don't do."""

    images: dict[str, Sharp] = field(default_factory=dict)
    sharpened: int = 0

    def shift(self, look: Look, reference: Look, expected: Shift | None = None) -> Shift | None:
        """Give how a product lies against another, None where nothing tells.

        Parameters
        ----------
        look, reference : Look
            Both.
        expected : Shift, optional
            Where to look first.
        """
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
    return searched(kinds, reference, look)


def _is_like_dither(shift: Shift, pattern: Floats | None) -> bool:
    """Whether a shift may be that of hot pixels that aren't quite where the footprints put them."""
    if pattern is None:
        return False
    return bool(np.hypot(shift.dx_px - pattern[0], shift.dy_px - pattern[1]) < _LIKE_DITHER_PX)


def searched(kinds: Sequence[tuple[Places, Places]], reference: Look, look: Look) -> Shift | None:
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
