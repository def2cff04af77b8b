"""What chips add of their own."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.simulate.defects import draw_defects
from spacekit.simulate.detectors import DETECTORS


def drawn(name, size=None, seed=1):
    row = DETECTORS[name]
    shape = row.chip_shape if size is None else (size, size)
    first_row = (row.chip_shape[0] - shape[0]) // 2
    return draw_defects(row, shape, first_row, np.random.default_rng(seed))


def test_hot_and_bad_pixels_are_as_many_as_the_detector_says():
    row, one = DETECTORS["wfc"], drawn("wfc", 700)
    assert one.hot.size == pytest.approx(1.1 * row.hot_fraction * 490_000, rel=0.1)
    assert ((one.dq & 4) > 0).mean() == pytest.approx(row.bad_fraction, rel=0.1)
    # Some warm pixels are not flagged.
    assert ((one.dq & 16) > 0).sum() < one.hot.size
    assert one.dq is not one.dq


def test_finger_of_the_hrc_reaches_down_from_the_edge():
    finger = (drawn("hrc").dq & 8) > 0
    rows, columns = np.nonzero(finger)
    assert rows.max() == 1023
    assert (rows.max() - rows.min(), columns.max() - columns.min()) == (259, 63)
    assert drawn("hrc").response[finger].max() < 0.1
    # Its tip just reaches the middle half.
    assert ((drawn("hrc", 512).dq & 8) > 0).any(axis=1).sum() == 4


def test_photon_counter_has_dead_rows_corners_and_glow():
    full, part = drawn("sbc"), drawn("sbc", 512)
    assert np.all(full.dq[599:605] & 8)
    assert full.dq[0, 0] & 8
    assert not full.dq[0, 500] & 8
    assert np.all(part.dq[599 - 256 : 605 - 256] & 8)
    assert full.glow.argmax() == 680 * 1024 + 680
    assert full.glow[680, 680] > 10 * full.glow[10, 10]


def test_only_ccds_have_traps_columns_and_offsets():
    for name, row in DETECTORS.items():
        one = drawn(name, seed=2)
        assert (one.traps > 0) == row.is_ccd
        assert any(one.bias_e) == row.is_ccd
        assert ((one.dq & 128) > 0).any() == row.is_ccd
        assert not any(drawn(name, 512).bias_e)


def test_uncorrected_exposures_have_more_traps():
    strengths = {
        name: [drawn(name, 64, seed).traps for seed in range(30)] for name in ("hrc", "wfc")
    }
    assert np.median(strengths["hrc"]) > 3 * np.median(strengths["wfc"])


def test_persistence_is_there_in_some_visits():
    glows = [drawn("ir", 256, seed).glow for seed in range(60)]
    seen = [glow for glow in glows if glow is not None]
    assert 6 < len(seen) < 35
    assert all(0 < glow.max() < 2 for glow in seen)
