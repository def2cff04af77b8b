"""What an answer rests on, as far as it decides what a logit is worth.

Four regimes: shifts between *exposures* were measured; between *filters*; the *total* alone was,
its shapes, weights and second images; nothing but the published *table* (and frames) is known.
Features are hidden here, in training and in tests, exactly as they are missing where the products
are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacekit.measure.schema import EVIDENCE
from spacekit.model.features import NUMERIC

__all__ = ["REGIMES", "filters_only", "regimes_of", "table_only", "total_only"]

REGIMES: Final = ("exposures", "filters", "total", "table")

#: Columns measured between exposure products.
_EXPOSURES: Final = (
    "exposure_offset_px",
    "exposure_offset_sigma_px",
    "exposure_offset_sources",
    "exposures_unmatched",
    "exposure_part_share",
    "exposure_sure_px",
)

#: Columns measured between products: all are missing where only the total was kept.
_PRODUCTS: Final = (
    *_EXPOSURES,
    "offset_px",
    "offset_sigma_px",
    "offset_sources",
    "offset_scatter_px",
    "unmatched",
    "part_share",
    "sure_px",
    "filter_ellipticity",
    "ellipticity_contrast",
    "filter_twin_turned",
    "filter_twin_crossed",
    "filter_twin_near",
)

#: Any of these says that something was measured in the regimes but the last.
_TOLD_BY: Final = (
    ("exposure_offset_px", "exposures_unmatched"),
    ("offset_px", "unmatched"),
    ("ellipticity", "total_deficit", "pair_excess", "rejected_surprise", "twin_turned"),
)


def regimes_of(numeric: NDArray[np.float32]) -> NDArray[np.int64]:
    """Give the regime of each row, as an index into `REGIMES`.

    Parameters
    ----------
    numeric : ndarray, shape (N, K), float32
        As of `spacekit.model.features.Features`, columns `NUMERIC`.
    """
    known = np.isfinite(numeric)
    told = [known[:, np.isin(NUMERIC, names)].any(axis=1) for names in _TOLD_BY]
    return np.select(told, range(len(told)), len(told)).astype(np.int64)


def filters_only(numeric: NDArray[np.float32]) -> NDArray[np.float32]:
    """Copy without what exposure products say."""
    return _without(numeric, _EXPOSURES)


def total_only(numeric: NDArray[np.float32]) -> NDArray[np.float32]:
    """Copy as it would be measured where the total is the only product."""
    alone = _without(numeric, _PRODUCTS)
    alone[:, NUMERIC.index("weight_deficit")] = alone[:, NUMERIC.index("total_deficit")]
    filters = NUMERIC.index("filters")
    alone[:, filters] = np.where(np.isfinite(alone[:, filters]), 0, np.nan)
    return alone


def table_only(numeric: NDArray[np.float32]) -> NDArray[np.float32]:
    """Copy as tables of other tools are: the published columns alone."""
    return _without(numeric, tuple(c.name for c in EVIDENCE))


def _without(numeric: NDArray[np.float32], names: tuple[str, ...]) -> NDArray[np.float32]:
    return np.where(np.isin(NUMERIC, names), np.float32(np.nan), numeric)
