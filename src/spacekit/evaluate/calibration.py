"""Whether a probability means what it says, and how far a share can be trusted."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

__all__ = [
    "OFFSET_EDGES_PX",
    "Calibration",
    "calibrate_bins",
    "exact_interval",
    "odds_ratio",
    "recall_by_offset",
]

Floats = NDArray[np.float64]

#: Bins of the true offset: the published ones, px; the last has no upper end.
OFFSET_EDGES_PX: Final = (0.5, 1.0, 2.0, 5.0, 20.0, math.inf)


@dataclass(frozen=True)
class Calibration:
    """Probability against what came true, in bins of equal count.

    Parameters
    ----------
    mean : ndarray, shape (bins,), float
        Mean probability in each bin, ascending.
    share : ndarray, shape (bins,), float
        Share of misaligned in each bin.
    low, high : ndarray, shape (bins,), float
        95% Clopper-Pearson interval of the share.
    count : ndarray, shape (bins,), int
        Mosaics in each bin.
    ece : float
        Expected calibration error: mean of abs(mean - share), weighted; NaN of nothing.
    """

    mean: Floats
    share: Floats
    low: Floats
    high: Floats
    count: NDArray[np.int64]
    ece: float

    def table(self) -> pd.DataFrame:
        """Give one row a bin."""
        columns = ("mean", "share", "low", "high", "count")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def calibrate_bins(
    y_true: Floats, y_proba: Floats, bins: int = 15, prevalence: float | None = None
) -> Calibration:
    """Compare probabilities with labels, bin by bin.

    Parameters
    ----------
    y_true, y_proba : ndarray, shape (N,), float
        Labels 0 or 1 and probabilities; rows with NaN are left out.
    bins : int
        Bins of equal count; fewer where there are fewer rows, or equal probabilities, which share
        a bin.
    prevalence : float, optional
        Share of misaligned for which the curve is wanted: rows are weighted so that the
        classes have it. By default they count as they are.

    Returns
    -------
    Calibration
        Without bins where there are no rows. With a prevalence, intervals are those of the
        shares as they are, carried over by the same weights.
    """
    y_true, y_proba = np.asarray(y_true, float), np.asarray(y_proba, float)
    known = np.isfinite(y_true) & np.isfinite(y_proba)
    y_true, y_proba = y_true[known], y_proba[known]
    ratio = odds_ratio(y_true, prevalence)
    order = np.argsort(y_proba, kind="stable")
    edges = np.linspace(0, len(order), bins + 1).astype(int)[1:-1]
    first = np.searchsorted(y_proba[order], y_proba[order][edges]) if len(order) else edges
    rows = []
    for part in np.split(order, first):
        if not len(part):
            continue
        weights = np.where(y_true[part] == 1, ratio, 1.0)
        found = int(y_true[part].sum())
        ends = (found / len(part), *exact_interval(found, len(part)))
        level = float(np.average(y_proba[part], weights=weights))
        rows.append((level, *(_reweighted(p, ratio) for p in ends), len(part), weights.sum()))
    columns = np.array(rows).reshape(-1, 6).T
    mean, share, low, high, count, weight = columns
    ece = float(np.average(np.abs(mean - share), weights=weight)) if len(mean) else math.nan
    return Calibration(mean, share, low, high, count.astype(np.int64), ece)


def exact_interval(found: int, count: int) -> tuple[float, float]:
    """95% interval of a share (Clopper & Pearson 1934, Biometrika 26, 404); 0 to 1 of nothing."""
    if not count:
        return 0.0, 1.0
    interval = binomtest(found, count).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)


def recall_by_offset(y_true: Floats, y_pred: Floats, offset_px: Floats) -> pd.DataFrame:
    """Share of the misaligned that are found, by true offset.

    Parameters
    ----------
    y_true, y_pred, offset_px : ndarray, shape (N,), float
        Labels, verdicts and true offsets; rows with NaN are left out.

    Returns
    -------
    DataFrame
        A row for each bin of `OFFSET_EDGES_PX` that has mosaics: from_px, to_px, count, found,
        recall, low, high (95% Clopper-Pearson).
    """
    known = (y_true == 1) & np.isfinite(y_pred) & np.isfinite(offset_px)
    place = np.digitize(offset_px[known], OFFSET_EDGES_PX) - 1
    rows = []
    for number, edges in enumerate(itertools.pairwise(OFFSET_EDGES_PX)):
        inside = y_pred[known][place == number]
        if len(inside):
            found = int(inside.sum())
            share = found / len(inside)
            rows.append((*edges, len(inside), found, share, *exact_interval(found, len(inside))))
    names = ["from_px", "to_px", "count", "found", "recall", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def odds_ratio(y_true: Floats, prevalence: float | None) -> float:
    """Weight of a misaligned row over that of an aligned one."""
    share = float(y_true.mean()) if len(y_true) else math.nan
    if prevalence is None or not 0 < share < 1:
        return 1.0
    return prevalence / (1 - prevalence) * (1 - share) / share


def _reweighted(share: float, ratio: float) -> float:
    return ratio * share / (ratio * share + 1 - share)
