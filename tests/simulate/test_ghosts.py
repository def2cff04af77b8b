"""Ghosts."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.simulate.ghosts import Ghost, add_ghosts, ghosts_of

ONE = (Ghost(10.0, -30.0, 8.0, 0.002),)


def test_ghost_is_a_ring_beside_the_star():
    image = np.zeros((120, 120), np.float32)
    add_ghosts(image, ONE, np.array([50.0]), np.array([70.0]), np.array([1e6]), 1.0)
    assert image.sum() == pytest.approx(2000.0, rel=1e-4)
    assert image[40, 60] < 0.1 * image.max()
    rows, columns = np.nonzero(image > 0.5 * image.max())
    assert (rows.mean(), columns.mean()) == pytest.approx((40.0, 60.0), abs=0.01)
    assert np.hypot(rows - 40, columns - 60).max() <= 9


def test_ghosts_of_faint_stars_are_left_out_and_others_fall_off():
    image = np.zeros((60, 60), np.float32)
    add_ghosts(image, ONE, np.array([20.0]), np.array([50.0]), np.array([1000.0]), 5.0)
    assert image.max() == 0
    add_ghosts(image, ONE, np.array([45.0]), np.array([29.0]), np.array([1e6]), 5.0)
    assert 0 < image.sum() < 1500
    add_ghosts(image, ONE, np.array([900.0]), np.array([900.0]), np.array([1e6]), 5.0)
    assert image.sum() < 1500


def test_ghosts_depend_on_detector_and_filter():
    assert ghosts_of("ir", "F160W") == ()
    assert ghosts_of("uvis", "F606W") == ghosts_of("uvis", "F814W") != ()
    assert ghosts_of("sbc", "F125LP") != ghosts_of("sbc", "F150LP")
