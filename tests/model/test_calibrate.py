from __future__ import annotations

import numpy as np
import pytest

from spacekit.model.calibrate import choose_threshold, fit_temperature


def test_temperature_of_overconfident_logits() -> None:
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 2, 4000)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-honest))).astype("f")
    temperature, note = fit_temperature(3 * honest, labels)
    assert temperature == pytest.approx(3, rel=0.1)
    assert note == ""


@pytest.mark.parametrize("labels", [np.ones(50, "f"), np.array([0, 1], "f")])
def test_temperature_is_left_where_it_cannot_be_fitted(labels: np.ndarray) -> None:
    temperature, note = fit_temperature(np.zeros(len(labels)), labels)
    assert temperature == 1
    assert "not fitted" in note


@pytest.mark.parametrize("good", [10, 199, 200, 1000])
def test_at_most_one_in_200_good_is_flagged(good: int) -> None:
    rng = np.random.default_rng(good)
    proba = np.concatenate([rng.beta(1, 6, good), rng.beta(6, 1, 50)])
    labels = np.repeat([0, 1], [good, 50]).astype("f")
    threshold, note = choose_threshold(proba, labels)
    assert np.sum(proba[:good] >= threshold) <= 0.005 * good
    assert 0.2 <= threshold <= 0.98
    assert bool(note) == (good < 200)


def test_threshold_stays_a_probability() -> None:
    labels = np.array([0, 0, 1], "f")
    assert choose_threshold(np.array([1.0, 0.1, 1.0]), labels)[0] == 0.98
    assert choose_threshold(np.array([0.0, 0.01, 0.02]), labels)[0] == 0.2
    assert choose_threshold(np.array([0.5]), np.ones(1, "f")) == (
        0.5,
        "threshold not chosen: no good mosaic to calibrate on",
    )
