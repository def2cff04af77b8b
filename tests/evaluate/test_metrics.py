from __future__ import annotations

import numpy as np
import pytest

from spacekit.errors import TableError
from spacekit.evaluate.metrics import classification_report, measure, pr_curve, roc_curve

TRUE = np.array([0, 0, 0, 1, 1, 1.0])
PROBA = np.array([0.1, 0.4, 0.6, 0.3, 0.7, 0.9])
PRED = (PROBA >= 0.5).astype(float)


def test_scores_by_hand() -> None:
    got = measure(TRUE, PROBA, PRED)
    assert (got.count, got.misaligned) == (6, 3)
    assert got.accuracy == pytest.approx(4 / 6)
    assert got.confusion == ((2, 1), (1, 2))
    assert got.confusion_share[0] == pytest.approx((2 / 3, 1 / 3))
    assert got.brier == pytest.approx(np.mean((PROBA - TRUE) ** 2))
    assert got.roc_auc == pytest.approx(7 / 9)  # 7 of 9 pairs in order
    assert got.recall_at_fpr == pytest.approx(2 / 3)
    right = np.array([0.9, 0.6, 0.4, 0.3, 0.7, 0.9])
    assert got.loss == pytest.approx(-np.log(right).mean())
    assert measure(TRUE, PROBA, PRED, prevalence=0.02).loss == got.loss


def test_auc_is_of_probabilities_not_of_verdicts() -> None:
    assert measure(TRUE, PROBA / 10, PRED).roc_auc == measure(TRUE, PROBA, PRED).roc_auc


@pytest.mark.parametrize("true", [np.zeros(3), np.ones(3)])
def test_one_class_only(true: np.ndarray) -> None:
    got = measure(true, np.array([0.2, 0.7, 1.0]), np.array([0.0, 1, 1]))
    assert np.isnan([got.roc_auc, got.pr_auc, got.recall_at_fpr]).all()
    assert np.isfinite([got.accuracy, got.loss, got.brier]).all()
    assert roc_curve(true, true) is None
    assert pr_curve(true, true) is None


def test_the_curve_is_of_the_prevalence_that_the_score_is_of() -> None:
    recall, precision = pr_curve(TRUE, PROBA, 0.02)
    average = -np.sum(np.diff(recall) * precision[:-1])
    assert average == pytest.approx(measure(TRUE, PROBA, PRED, prevalence=0.02).pr_auc)
    assert precision[0] == pytest.approx(0.02)
    assert pr_curve(TRUE, PROBA)[1][0] == pytest.approx(0.5)


def test_no_rows_and_no_probabilities() -> None:
    for proba in (np.empty(0), np.full(4, np.nan)):
        true = np.zeros(len(proba))
        got = measure(true, proba, proba)
        assert got.count == 0
        assert np.isnan(got.accuracy)
        assert "no rows" in classification_report(true, proba)


def test_report_names_the_classes() -> None:
    report = classification_report(TRUE, PRED)
    assert "misaligned" in report
    assert "0.67" in report


def test_recall_at_rate_allows_what_the_rate_allows() -> None:
    good = np.linspace(0, 0.9, 400)
    good[-2:] = 1.0  # two of 400 are 0.5%
    true = np.repeat([0, 1], [400, 2]).astype(float)
    proba = np.append(good, [0.95, 0.5])
    assert measure(true, proba, proba >= 0.5).recall_at_fpr == 0.5


def test_rows_without_label_or_probability_are_left_out() -> None:
    true, proba = np.append(TRUE, [np.nan, 1]), np.append(PROBA, [0.9, np.nan])
    got = measure(true, proba, np.append(PRED, [1, np.nan]))
    assert got == measure(TRUE, PROBA, PRED)


def test_what_does_not_fit() -> None:
    for true, proba, pred in ((TRUE, PROBA[:2], PRED), (TRUE * 2, PROBA, PRED), (TRUE, PROBA, [0])):
        with pytest.raises(TableError):
            measure(true, proba, pred)
