from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from spacekit.evaluate.calibration import calibrate_bins, exact_interval, recall_by_offset


def test_an_honest_probability_has_no_error() -> None:
    rng = np.random.default_rng(1)
    proba = rng.random(30_000)
    true = (rng.random(30_000) < proba).astype(float)
    found = calibrate_bins(true, proba)
    assert found.count.tolist() == [2000] * 15
    assert found.ece < 0.02
    assert (np.diff(found.mean) > 0).all()
    inside = (found.low <= found.mean) & (found.mean <= found.high)
    assert inside.sum() >= 12  # 95% intervals


def test_error_by_hand_and_fewer_rows_than_bins() -> None:
    found = calibrate_bins(np.array([0, 1.0, np.nan]), np.array([0.2, 0.6, 0.5]), bins=15)
    assert found.count.tolist() == [1, 1]
    assert found.ece == pytest.approx((0.2 + 0.4) / 2)


@pytest.mark.parametrize("bad_first", [False, True])
def test_equal_probabilities_share_a_bin(bad_first: bool) -> None:
    true = np.sort(np.arange(1000) % 2).astype(float)[:: -1 if bad_first else 1]
    found = calibrate_bins(true, np.full(1000, 0.5))
    assert (found.count.tolist(), found.ece) == ([1000], 0)


def test_a_prevalence_weights_the_classes() -> None:
    rng = np.random.default_rng(2)
    true = np.repeat([0.0, 1.0], 20_000)
    score = rng.normal(true * 2, 1)
    honest_at_half = 1 / (1 + np.exp(2 - 2 * score))
    odds = honest_at_half / (1 - honest_at_half) * 0.02 / 0.98
    at_prior = odds / (1 + odds)
    assert calibrate_bins(true, honest_at_half).ece < 0.02
    assert calibrate_bins(true, at_prior, prevalence=0.02).ece < 0.005
    assert calibrate_bins(true, at_prior).ece > 0.2


def test_nothing_to_calibrate() -> None:
    found = calibrate_bins(np.zeros(3), np.full(3, np.nan))
    assert (len(found.mean), len(found.table())) == (0, 0)
    assert np.isnan(found.ece)


def test_exact_intervals() -> None:
    low, high = exact_interval(3, 10)
    assert low == pytest.approx(beta.ppf(0.025, 3, 8))
    assert high == pytest.approx(beta.ppf(0.975, 4, 7))
    assert exact_interval(0, 0) == (0.0, 1.0)


def test_recall_by_offset_counts_the_misaligned_alone() -> None:
    true = np.array([1, 1, 1, 1, 0, 1.0])
    pred = np.array([1, 0, 1, np.nan, 1, 1.0])
    offset = np.array([0.5, 0.99, 30, 3, 0.1, np.nan])
    table = recall_by_offset(true, pred, offset)
    assert table[["from_px", "count", "found"]].to_numpy().tolist() == [[0.5, 2, 1], [20, 1, 1]]
    assert recall_by_offset(true * 0, pred, offset).empty
