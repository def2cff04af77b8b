"""Bleeding and trails."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.simulate.charge import bleed, trail_charge

ROWS = np.arange(200.0)


def test_bleeding_keeps_the_charge_and_the_column():
    image = np.zeros((101, 7), np.float32)
    image[50, 3] = 1000.0
    saturated = bleed(image, 100.0)
    assert image.sum() == pytest.approx(1000.0)
    assert image.max() <= 100.0
    assert set(np.flatnonzero(saturated.any(axis=0))) == {3}
    assert 9 <= saturated.sum() <= 11


def spot(row):
    image = np.full((200, 9), 20.0, np.float32)
    image[row, 4] += 5000.0
    return image


@pytest.mark.parametrize(("upward", "row"), [(True, 120), (False, 80)])
def test_trails_point_away_from_the_amplifier(upward, row):
    image = spot(row)
    transfers = ROWS if upward else ROWS[::-1]
    trail_charge(image, 1.0, transfers, upward=upward)
    changed = image - spot(row)
    assert changed[row, 4] < 0
    behind, before = changed[row + 1 :, 4], changed[:row, 4]
    trail, other = (behind, before) if upward else (before, behind)
    assert trail.max() > 0
    assert np.all(other == 0)
    assert np.all(np.delete(changed, 4, axis=1) == 0)
    assert changed.sum() == pytest.approx(0.0, abs=0.1 * float(trail.sum()))


def test_trails_grow_with_the_distance_and_by_less_than_the_flux():
    near, far, bright = spot(20), spot(150), spot(150)
    bright[150, 4] += 45_000.0
    before = [image.copy() for image in (near, far, bright)]
    for image in (near, far, bright):
        trail_charge(image, 1.0, ROWS, upward=True)
    lost = [
        float((b - a)[b.argmax() // 9, 4]) for a, b in zip((near, far, bright), before, strict=True)
    ]
    assert lost[1] == pytest.approx(lost[0] * 150 / 20, rel=0.01)
    assert lost[1] < lost[2] < 10 * lost[1]


def test_smooth_light_leaves_no_trails():
    image = np.tile(np.linspace(100, 3000, 200, dtype=np.float32)[:, None], (1, 5))
    before = image.copy()
    trail_charge(image, 1.0, ROWS, upward=True)
    assert np.abs(image - before).max() == 0
