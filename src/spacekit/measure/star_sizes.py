"""How large a star is in a drizzled product, by detector and filter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np

__all__ = ["star_size_px"]

#: Size (`Sources.size_px`) of a star in a filter product, px of the mosaic, by wavelength, nm: the
#: mode over bright sources of aligned simulated visits. `python -m benchmarks.star_sizes` measures
#: it again, and in products of the real pipeline.
_STAR_PX: Final[dict[str, dict[int, float]]] = {
    "hrc": {250: 1.08, 330: 1.11, 435: 1.15, 555: 1.22, 606: 1.25, 814: 1.36},
    "ir": {980: 0.898, 1050: 0.932, 1100: 0.923, 1250: 0.93, 1400: 0.94, 1600: 0.973},
    "sbc": {125: 1.257, 140: 1.254, 150: 1.3},
    "uvis": {275: 1.065, 336: 1.02, 438: 0.976, 555: 1.0, 606: 1.033, 775: 1.137, 814: 1.159},
    "wfc": {435: 0.995, 475: 1.02, 555: 1.016, 606: 1.033, 775: 1.078, 814: 1.09, 850: 1.14},
}
_FILTER: Final = re.compile(r"f(\d{3})[a-z]")
#: Filters of WFC3/IR are called after tens of nm.
_TENS_NM: Final = "ir"


def star_size_px(detector: str, filters: Iterable[str]) -> float:
    """Give the size of a star in a product of some filters.

    Parameters
    ----------
    detector : str
        In lower case.
    filters : iterable of str
        Names as in file names ("f814w"); the mean is taken over those that tell a wavelength.

    Returns
    -------
    float
        As `spacekit.measure.sources.Sources.size_px`, in px of the mosaic; NaN where nothing is
        known.
    """
    sizes = _STAR_PX.get(detector)
    if sizes is None:
        return float("nan")
    scale = 10 if detector == _TENS_NM else 1
    told = [int(match[1]) * scale for name in filters if (match := _FILTER.match(name))]
    found = np.interp(told, list(sizes), list(sizes.values()))
    return float(np.mean(found)) if told else float("nan")
