"""Fit how numbers become comparable, on training rows only."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from spacekit.errors import MissingExtraError
from spacekit.model.branches import CLIP, TableScaling, yeo_johnson
from spacekit.model.features import NUMERIC
from spacekit.model.signs import with_surest
from spacekit.visit.truth import ALIGNED_PX, MISALIGNED_PX

__all__ = ["fit_scaling"]

#: Bins of a column (`TableMLP`), their ends at quantiles.
BINS = 12

#: Bins of a measured shift end here too, px: what is measured between the limits of aligned and
#: misaligned decides, and few mosaics of a training set lie there.
LIMITS_PX = (ALIGNED_PX, 0.3, 0.35, 0.4, MISALIGNED_PX)
#: And those of the surest sign about where it is sure.
LIMITS_SURE = (0.6, 0.8, 0.9, 1.0, 1.2)
#: Of what stars show by their widths and weights, where aligned mosaics end and others begin.
LIMITS_WIDTH = (1.04, 1.07, 1.1, 1.15, 1.25)
LIMITS_WIDER_PX2 = (0.05, 0.1, 0.15, 0.2, 0.4)
LIMITS_LOST = (2.0, 2.5, 3.0, 4.0, 6.0)

#: The columns to scale: the table's, and the surest sign.
_SUREST = "surest"
_NAMES = (*NUMERIC, _SUREST)
_LIMITS = {
    **dict.fromkeys(("offset_px", "sure_px", "exposure_offset_px", "exposure_sure_px"), LIMITS_PX),
    **dict.fromkeys(("star_width", "filter_star_width"), LIMITS_WIDTH),
    "width_contrast_px2": LIMITS_WIDER_PX2,
    **dict.fromkeys((name for name in NUMERIC if "lost_" in name), LIMITS_LOST),
    _SUREST: LIMITS_SURE,
}

#: Below this amount (in the column's unit) a value counts linearly, above by its logarithm.
LINEAR_BELOW = {
    "rms_ra": 3.0,
    "rms_dec": 3.0,
    "offset_px": 0.1,
    "ellipticity": 0.02,
    "weight_deficit": 0.02,
    "total_deficit": 0.02,
    "filter_ellipticity": 0.02,
    "ellipticity_contrast": 0.02,
    "ellipticity_sigma": 0.01,
    "offset_scatter_px": 0.1,
    "offset_sigma_px": 0.02,
    "exposure_offset_px": 0.1,
    "exposure_offset_sigma_px": 0.02,
    "sure_px": 0.1,
    "exposure_sure_px": 0.1,
    "pair_excess": 0.05,
    "part_share": 0.02,
    "exposure_part_share": 0.02,
    "rejected_px": 0.5,
    "rejected_turned_px": 0.5,
    "turned_ellipticity": 0.02,
    "twin_px": 1.0,
    "width_contrast_px2": 0.05,
    "width_contrast_sigma_px2": 0.02,
    _SUREST: 0.5,
}


def fit_scaling(numeric: NDArray[np.float32], *, power: bool = False) -> TableScaling:
    """Fit transforms and standardisation on training rows.

    Parameters
    ----------
    numeric : ndarray, shape (N, K), float32
        Training rows only; NaN where missing.
    power : bool
        Fit Yeo-Johnson exponents instead of taking logarithms.
    """
    numeric = with_surest(torch.from_numpy(numeric)).numpy()
    scale = np.array([LINEAR_BELOW.get(name, 1.0) for name in _NAMES], np.float32)
    exponents = np.zeros(len(_NAMES), np.float32)
    varied = [k for k in range(len(_NAMES)) if len(np.unique(_known(numeric[:, k]))) > 2]
    if power and varied:
        try:
            from sklearn.preprocessing import PowerTransformer
        except ImportError as error:
            raise MissingExtraError("The power transform", "train") from error
        scaled = (numeric / scale)[:, varied].astype(np.float64)
        fitted = PowerTransformer("yeo-johnson", standardize=False).fit(scaled).lambdas_
        exponents[varied] = np.clip(fitted, -2, 2)
    filled = torch.from_numpy(np.nan_to_num(numeric / scale))
    bent = yeo_johnson(filled, torch.from_numpy(exponents)).numpy()
    mean, width = np.zeros_like(scale), np.ones_like(scale)
    count = BINS + 1 + len(LIMITS_PX)
    edges = np.tile(np.linspace(-1, 1, count, dtype=np.float32), (len(_NAMES), 1))
    for k, name in enumerate(_NAMES):
        known = bent[np.isfinite(numeric[:, k]), k]
        if len(known):
            mean[k] = known.mean()
            width[k] = max(known.std(), 0.1)
            standard = ((known - mean[k]) / width[k]).clip(-CLIP, CLIP)
            limits = torch.tensor(_LIMITS.get(name, ()))[:, None]
            inside = yeo_johnson(limits / scale[k], torch.tensor(exponents[k]))[:, 0].numpy()
            inside = (inside - mean[k]) / width[k]
            edges[k] = _ends(standard, inside, count)
    return TableScaling(scale, exponents, mean, width, edges)


def _ends(
    values: NDArray[np.float32], limits: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    """Put `count` ends of bins at quantiles and limits; where some coincide, the last are one."""
    quantiles = np.quantile(values, np.linspace(0, 1, BINS + 1)).astype(np.float32)
    ends = np.unique(np.concatenate([quantiles, limits.astype(np.float32)]))
    return np.pad(ends, (0, count - len(ends)), mode="edge")


def _known(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values that are not missing."""
    return values[np.isfinite(values)]
