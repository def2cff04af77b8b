"""What an answer rests on, as far as it decides what a logit is worth.

Five regimes: shifts between *exposures* were measured; between *filters*; the *total* alone was,
its shapes, weights and second images; nothing but the published *table* (and frames) is known;
the mosaic is made of a *single* exposure, which can't disagree with anything.
Features are hidden here, in training and in tests, exactly as they are missing where the products
are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacekit.measure.schema import EVIDENCE
from spacekit.model.features import NUMERIC

__all__ = [
    "REGIMES",
    "VIEWS",
    "View",
    "measured",
    "regimes_of",
    "told_only",
    "told_stamps",
]

REGIMES: Final = ("exposures", "filters", "total", "table", "single")

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
    "filter_turned_sigmas",
    "filter_star_width",
    "filter_star_width_share",
    "filter_star_width_sources",
    "width_contrast_px2",
    "width_contrast_sigma_px2",
    "filter_lost_turned",
    "filter_lost_crossed",
)

#: Any of these says that something was measured in the first three regimes.
_TOLD_BY: Final = (
    ("exposure_offset_px", "exposures_unmatched"),
    ("offset_px", "unmatched"),
    (
        *("ellipticity", "total_deficit", "pair_excess", "twin_turned"),
        *("rejected_surprise", "rejected_turned"),
    ),
)

#: Zero of these says that there was nothing to be seen, on a blank field too.
_NOTHING_IF_0: Final = ("exposures_unmatched", "unmatched", "rejected_surprise", "rejected_turned")


@dataclass(frozen=True)
class View:
    """What is left of a mosaic where some of its products are missing.

    Parameters
    ----------
    name : str
        The regime that leads to, where nothing else is missing.
    meaning : str
        What is left, in words.
    hidden : tuple of str
        Columns that are missing then.
    total_alone : bool
        Whether the total is the only product: what else is known then is told from it, and the
        right answer is what it shows.
    stamps : bool
        Whether there are stamps: who has no pixels has none.
    """

    name: str
    meaning: str
    hidden: tuple[str, ...] = ()
    total_alone: bool = False
    stamps: bool = True

    def hide(self, numeric: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy features, shape (N, K), as they would be measured."""
        left = np.where(np.isin(NUMERIC, self.hidden), np.float32(np.nan), numeric)
        if self.total_alone:
            left[:, NUMERIC.index("weight_deficit")] = left[:, NUMERIC.index("total_deficit")]
            filters = NUMERIC.index("filters")
            left[:, filters] = np.where(np.isfinite(left[:, filters]), 0, np.nan)
        return left


#: By name, in the order of `REGIMES`; of a single exposure nothing can be missing.
VIEWS: Final[dict[str, View]] = {
    view.name: view
    for view in (
        View("exposures", "filter and exposure products"),
        View("filters", "filter products", _EXPOSURES),
        View("total", "the total alone", _PRODUCTS, total_alone=True),
        View(
            "table",
            "published columns and frames",
            tuple(c.name for c in EVIDENCE),
            stamps=False,
        ),
    )
}


def regimes_of(numeric: NDArray[np.float32]) -> NDArray[np.int64]:
    """Give the regime of each row, as an index into `REGIMES`.

    Parameters
    ----------
    numeric : ndarray, shape (N, K), float32
        As of `spacekit.model.features.Features`, columns `NUMERIC`.
    """
    told = measured(numeric)
    exposures, filters, rejected = (
        numeric[:, NUMERIC.index(name)] for name in ("numexp", "filters", "rejected_surprise")
    )
    # a context image that names several exposures knows better than the header's count
    several = (filters > 1) | told[:, :2].any(axis=1) | np.isfinite(rejected)
    single = (exposures == 1) & ~several
    order = [REGIMES.index("single"), *range(len(_TOLD_BY))]
    regimes = np.select([single, *told.T], order, REGIMES.index("table"))
    return np.asarray(regimes, dtype=np.int64)


def measured(numeric: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of each row whether exposures were compared, filters, and the total shows anything.

    Parameters
    ----------
    numeric : ndarray, shape (N, K), float32
        As of `regimes_of`.

    Returns
    -------
    ndarray, shape (N, 3), bool
    """
    told = np.where(np.isin(NUMERIC, _NOTHING_IF_0), numeric > 0, np.isfinite(numeric))
    groups = [told[:, np.isin(NUMERIC, names)].any(axis=1) for names in _TOLD_BY]
    return np.column_stack(groups)


def told_only(numeric: NDArray[np.float32]) -> NDArray[np.float32]:
    """Copy where rows on which nothing could be measured have the published columns alone.

    A blank field tells nothing, and no network should read anything out of how it does so.
    """
    told = measured(numeric).any(axis=1, keepdims=True)
    return np.where(told, numeric, VIEWS["table"].hide(numeric))


def told_stamps(numeric: NDArray[np.float32], stamps: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Copy of stamps, shape (N, ...), without those of rows on which nothing could be measured.

    What is cut where there are no stars says no more than the rest of a blank field.
    """
    told = measured(numeric).any(axis=1)
    return np.asarray(stamps * told.reshape(-1, *(1,) * (stamps.ndim - 1)), np.uint8)
