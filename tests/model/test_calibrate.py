from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from spacekit.model.calibrate import Calibration, Line, choose_threshold, fit_line, probability


def overlapping(rng: np.random.Generator, good: int, bad: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose log-likelihood ratio is 2 z: normal, width 1, means -1 and 1."""
    labels = np.repeat([0, 1], [good, bad]).astype("f")
    return rng.normal(2 * labels - 1.0, 1.0), labels


@pytest.mark.parametrize(("good", "bad"), [(4000, 4000), (6000, 600)])
def test_a_line_gives_likelihood_ratios_whatever_the_mixture(good: int, bad: int) -> None:
    z, labels = overlapping(np.random.default_rng(1), good, bad)
    line, note = fit_line(z / 3 + 0.5, labels)
    assert line.slope == pytest.approx(4.0, abs=0.01)  # 6 is what it takes; 4 is the steepest
    line, note = fit_line(3 * z + 0.5, labels)
    assert line.slope == pytest.approx(2 / 3, rel=0.1)
    assert line.log_ratio(np.array([0.5]))[0] == pytest.approx(0, abs=0.15)
    assert note == ""


def test_classes_that_do_not_overlap_stay_finite() -> None:
    line, _ = fit_line(np.repeat([-9.0, 9.0], 50), np.repeat([0, 1], 50).astype("f"))
    assert np.isfinite([line.slope, line.intercept]).all()
    assert line.log_ratio(np.array([9.0]))[0] < 10


@pytest.mark.parametrize("labels", [np.ones(50, "f"), np.array([0, 1], "f")])
def test_a_line_is_left_where_it_cannot_be_fitted(labels: np.ndarray) -> None:
    line, note = fit_line(np.zeros(len(labels)), labels)
    assert line == Line()
    assert "not calibrated" in note


def test_nine_in_ten_at_the_archives_prevalence() -> None:
    """Of mosaics that are given 0.9 where 2% are bad, nine in ten are bad."""
    rng = np.random.default_rng(3)
    z, labels = overlapping(rng, 490_000, 10_000)
    proba = probability(2 * z, 0.02)
    told = (proba > 0.85) & (proba < 0.95)
    assert labels[told].mean() == pytest.approx(0.9, abs=0.03)
    assert probability(np.array([0.0]), 0.3)[0] == pytest.approx(0.3)


@pytest.mark.parametrize("good", [10, 199, 200, 1000])
def test_at_most_one_in_200_good_is_flagged(good: int) -> None:
    z, labels = overlapping(np.random.default_rng(good), good, 50)
    threshold, note = choose_threshold(2 * z, labels)
    assert np.sum(2 * z[:good] >= threshold) <= 0.005 * good
    assert np.log(3) <= threshold <= 8
    assert bool(note) == (good < 200)


def test_threshold_stays_within_what_evidence_can_mean() -> None:
    labels = np.array([0, 0, 1], "f")
    assert choose_threshold(np.array([9.9, 0.1, 9.9]), labels)[0] == 8
    assert choose_threshold(np.array([-9.0, -8, -7]), labels)[0] == np.log(3)
    assert choose_threshold(np.array([0.5]), np.ones(1, "f")) == (
        np.log(3),
        "threshold not chosen: no good mosaic to calibrate on",
    )


def test_regimes_have_lines_and_thresholds_of_their_own() -> None:
    lines = (Line(), Line(2, 1), Line(0.5), Line(3), Line(0, -5))
    calibration = Calibration(lines, (1.0, 3.5, 0.1, 2.0, 2.0))
    ratio = calibration.log_ratio(np.ones(5), np.arange(5))
    assert ratio.tolist() == [1, 3, 0.5, 3, -5]
    assert calibration.suspicious(ratio, np.arange(5)).tolist() == [True, False, True, True, False]
    assert Calibration.from_dict(asdict(calibration)) == calibration
    told = calibration.probability_thresholds(0.5)
    assert told["filters"] == pytest.approx(1 / (1 + np.exp(-3.5)))
    assert list(told) == ["exposures", "filters", "total", "table"]
    assert calibration.probability_thresholds()["filters"] < 0.5


@pytest.mark.parametrize(
    "wrong",
    [
        {"lines": (Line(),)},
        {"lines": (Line(-1),) * 5},
        {"prevalence": 0},
        {"thresholds": (np.nan,) * 5},
        {"thresholds": (0.0,)},
    ],
)
def test_what_can_be_no_calibration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"calibration|prevalence"):
        replace(Calibration(), **wrong)  # type: ignore[arg-type]
