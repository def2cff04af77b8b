"""The detector's own pattern: hot pixels, which move over the sky with the footprint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.measure.looks import Look
from spacekit.measure.matching import Places

__all__ = ["detector_shift", "without_pairs"]

Floats = NDArray[np.float64]

#: Exposures whose footprints lie further apart are dithered.
_DITHER_PX = 1.2
#: Pairs this near to the footprints' own shift are the detector's, not the sky's.
_PATTERN_PX = 0.7


def detector_shift(look: Look, reference: Look) -> Floats | None:
    """Give the shift of the detector's own pattern: that of the footprints of two exposures.

    None where it can't be told from the sky's, or rejection has taken it out.
    """
    if not (look.single and reference.single):
        return None
    pattern = look.middle - reference.middle
    return pattern if np.hypot(*pattern) >= _DITHER_PX else None


def without_pairs(first: Places, second: Places, shift: Floats) -> tuple[Places, Places]:
    """Leave out of two lists the positions that pair at one shift.

    Parameters
    ----------
    first, second : Places
        Two lists.
    shift : ndarray, shape (2,)
        Second minus first, px.
    """
    if not len(first) or not len(second):
        return first, second
    moved = second.xy - shift
    apart, nearest = cKDTree(first.xy).query(moved, distance_upper_bound=_PATTERN_PX)
    paired = np.isfinite(apart)
    kept = np.ones(len(first), dtype=bool)
    kept[nearest[paired]] = False
    return first.select(kept), second.select(~paired)
