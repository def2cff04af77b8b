"""Scores of probabilities against labels; what can't be computed is NaN, not an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacekit.errors import MissingExtraError, TableError
from spacekit.evaluate.calibration import calibrate_bins, odds_ratio
from spacekit.model.calibrate import FALSE_POSITIVE_RATE, ceiling, log_ratio, probability

__all__ = ["CLASSES", "Metrics", "classification_report", "measure", "pr_curve", "roc_curve"]

#: What the labels 0 and 1 are called.
CLASSES = ("aligned", "misaligned")

#: Probabilities are kept this far from 0 and 1 in the loss.
_EPSILON = 1e-7

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """Scores of one set of mosaics.

    Parameters
    ----------
    count, misaligned : int
        Rows, and how many of them are misaligned.
    accuracy : float
        Share of right verdicts.
    loss : float
        Mean binary cross-entropy of the rows as they are.
    brier : float
        Mean squared difference of probability and label.
    roc_auc, pr_auc : float
        Areas under the curves of the *probabilities*; NaN where there is one class only.
        `pr_auc` is average precision.
    precision : float
        Share of the flagged that are misaligned; NaN where none is flagged.
    recall_at_fpr : float
        Share of the misaligned found when at most 0.5% of the aligned are flagged.
    ece : float
        Expected calibration error in 15 bins of equal count.
    brier_even, ece_even : float
        The same with both classes alike, of probabilities carried over to that prevalence.
    confusion : tuple of tuple of int
        Rows true aligned, misaligned; columns predicted so.
    confusion_share : tuple of tuple of float
        The same over the sum of each row, NaN for a class that isn't there.
    """

    count: int
    misaligned: int
    accuracy: float
    loss: float
    brier: float
    roc_auc: float
    pr_auc: float
    precision: float
    recall_at_fpr: float
    ece: float
    brier_even: float
    ece_even: float
    confusion: tuple[tuple[int, int], tuple[int, int]]
    confusion_share: tuple[tuple[float, float], tuple[float, float]]


def measure(
    y_true: Floats,
    y_proba: Floats,
    y_pred: Floats,
    *,
    prevalence: float | None = None,
    fpr: float = FALSE_POSITIVE_RATE,
) -> Metrics:
    """Score probabilities.

    Parameters
    ----------
    y_true : ndarray, shape (N,), float
        Labels, 0 or 1.
    y_proba : ndarray, shape (N,), float
        Probabilities of 1; rows with NaN are left out.
    y_pred : ndarray, shape (N,), float
        Verdicts, 0 or 1.
    prevalence : float, optional
        Share of misaligned that the probabilities are meant for: brier, pr_auc, precision and
        ece weigh rows so that the classes have it. By default rows count as they are.
        Accuracy, loss and confusion always do.
    fpr : float
        False-positive rate for `Metrics.recall_at_fpr`.

    Raises
    ------
    TableError
        If the arrays don't fit together or labels are neither 0 nor 1.
    """
    y_true, y_proba, y_pred = _usable(y_true, y_proba, y_pred)
    pred = y_pred == 1
    counts = np.array(
        [[np.sum((y_true == t) & (pred == p)) for p in (0, 1)] for t in (0, 1)], dtype=int
    )
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
    weights = _weights(y_true, prevalence)
    p = np.clip(y_proba, _EPSILON, 1 - _EPSILON)
    loss = -(y_true * np.log(p) + (1 - y_true) * np.log(1 - p))
    own = prevalence if prevalence is not None else float(np.mean(y_true)) if len(y_true) else 0.5
    even = probability(log_ratio(p, own), 0.5) if 0 < own < 1 else p
    even_weights = _weights(y_true, 0.5)
    return Metrics(
        count=len(y_true),
        misaligned=int(y_true.sum()),
        accuracy=_mean(pred == (y_true == 1)),
        loss=_mean(loss),
        brier=_mean((y_proba - y_true) ** 2, weights),
        roc_auc=_area(y_true, y_proba, "roc_auc_score"),
        pr_auc=_area(y_true, y_proba, "average_precision_score", weights),
        precision=_mean(y_true[pred], weights[pred]),
        recall_at_fpr=_recall_at(y_true, y_proba, fpr),
        ece=calibrate_bins(y_true, y_proba, prevalence=prevalence).ece,
        brier_even=_mean((even - y_true) ** 2, even_weights),
        ece_even=calibrate_bins(y_true, even, prevalence=0.5).ece,
        confusion=((int(counts[0, 0]), int(counts[0, 1])), (int(counts[1, 0]), int(counts[1, 1]))),
        confusion_share=(
            (float(shares[0, 0]), float(shares[0, 1])),
            (float(shares[1, 0]), float(shares[1, 1])),
        ),
    )


def classification_report(y_true: Floats, y_pred: Floats) -> str:
    """Precision, recall and F1 of each class as text; empty classes show zeros."""
    y_true, y_pred = _usable(y_true, y_pred)
    if not len(y_true):
        return "no rows with label and probability\n"
    text: str = _sklearn_metrics().classification_report(
        y_true, y_pred == 1, labels=[0, 1], target_names=CLASSES, zero_division=0
    )
    return text


def roc_curve(y_true: Floats, y_proba: Floats) -> tuple[Floats, Floats] | None:
    """Give false and true positive rates, or None where there is one class only."""
    y_true, y_proba = _usable(y_true, y_proba)
    if len(np.unique(y_true)) < 2:
        return None
    false, true, _ = _sklearn_metrics().roc_curve(y_true, y_proba)
    return false, true


def pr_curve(
    y_true: Floats, y_proba: Floats, prevalence: float | None = None
) -> tuple[Floats, Floats] | None:
    """Recall and precision, or None where there is one class only; weighed as in `measure`."""
    y_true, y_proba = _usable(y_true, y_proba)
    if len(np.unique(y_true)) < 2:
        return None
    precision, recall, _ = _sklearn_metrics().precision_recall_curve(
        y_true, y_proba, sample_weight=_weights(y_true, prevalence)
    )
    return recall, precision


def _weights(y_true: Floats, prevalence: float | None) -> Floats:
    """Weigh rows so that this share is misaligned; all alike for None."""
    return np.where(y_true == 1, odds_ratio(y_true, prevalence), 1.0)


def _sklearn_metrics() -> Any:
    """scikit-learn's metrics, which come with the training extra."""
    try:
        from sklearn import metrics
    except ImportError as error:
        raise MissingExtraError("Scoring", "train") from error
    return metrics


def _usable(*columns: Floats) -> list[Floats]:
    """Give labels, probabilities and verdicts without rows that lack a label or probability."""
    arrays = [np.asarray(column, float) for column in columns]
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim != 1:
        raise TableError("labels, probabilities and verdicts differ in number")
    known = np.isfinite(arrays[0]) & np.isfinite(arrays[1])
    if not np.isin(arrays[0][known], (0, 1)).all():
        raise TableError("labels are 0 or 1")
    return [array[known] for array in arrays]


def _mean(values: NDArray[np.generic], weights: Floats | None = None) -> float:
    """Mean, NaN of nothing."""
    if not len(values) or (weights is not None and not weights.sum() > 0):
        return float("nan")
    return float(np.average(values.astype(float), weights=weights))


def _area(y_true: Floats, y_proba: Floats, name: str, weights: Floats | None = None) -> float:
    """Area under a curve, NaN with one class only."""
    if len(np.unique(y_true)) < 2:
        return float("nan")
    return float(getattr(_sklearn_metrics(), name)(y_true, y_proba, sample_weight=weights))


def _recall_at(y_true: Floats, y_proba: Floats, fpr: float) -> float:
    """Recall with at most floor(fpr n) of the n aligned flagged; NaN with one class only."""
    good, bad = y_proba[y_true == 0], y_proba[y_true == 1]
    if not len(good) or not len(bad):
        return float("nan")
    return float(np.mean(bad > ceiling(good, fpr)))
