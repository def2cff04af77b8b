"""Noise and what is flagged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from spacekit.simulate.cosmic_rays import cosmic_rays
from spacekit.simulate.defects import draw_defects
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.readout import photon_noise, read_out


@pytest.mark.parametrize("mean", [0.4, 7.0, 12.0, 45.0, 900.0])
def test_photon_noise_has_the_moments_of_poisson(mean):
    drawn = photon_noise(np.full(400_000, mean, np.float32), np.random.default_rng(1)).astype(float)
    assert drawn.dtype == float
    assert np.all(drawn == np.rint(drawn))
    assert drawn.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / drawn.size))
    assert drawn.var() == pytest.approx(mean, rel=0.02)
    skewness = ((drawn - drawn.mean()) ** 3).mean() / drawn.std() ** 3
    assert skewness == pytest.approx(1 / np.sqrt(mean), abs=0.03)


def test_cosmic_rays_are_those_of_hst():
    """ACS ISR 2002-07: a median of 1000 electrons, 4 or 5 pixels, 1.5 to 3% of them in 1000 s."""
    rng = np.random.default_rng(2)
    image = cosmic_rays((700, 700), 400.0, rng)
    hits, count = ndimage.label(image > 20, np.ones((3, 3)))
    numbers = range(1, count + 1)
    assert np.median(ndimage.sum_labels(image, hits, numbers)) == pytest.approx(1000, rel=0.2)
    sizes = ndimage.sum_labels(image > 20, hits, numbers).astype(int)
    assert np.bincount(sizes).argmax() in {4, 5}
    for row in (row for row in DETECTORS.values() if row.is_ccd):
        touched = cosmic_rays((700, 700), row.cosmic_rays * 0.49 * 1000, rng) > 20
        assert 0.015 < touched.mean() < 0.03
    assert cosmic_rays((10, 10), 0.0, rng).max() == 0


def test_cosmic_rays_differ_by_detector():
    """Tracks in a CCD, none in a photon counter; found up the ramp in IR, and not flagged."""
    for name, row in DETECTORS.items():
        defects = draw_defects(row, (300, 300), 0, np.random.default_rng(3))
        expected = np.full((300, 300), 20.0, np.float32)
        planes = read_out(expected, row, 500.0, 1.0, defects, False, np.random.default_rng(4))
        hits = (planes.sci * (500.0 if row.rates else 1.0) > 200).sum()
        assert (hits > 100) == row.is_ccd, name
        assert not (planes.dq & 8192).any(), name


def test_a_ramp_is_flagged_where_its_first_read_is_saturated():
    row, seconds = DETECTORS["ir"], 500.0
    defects = draw_defects(row, (40, 40), 0, np.random.default_rng(3))
    expected = np.full((40, 40), 20.0, np.float32)
    expected[10, 10] = 3 * row.full_well_e  # in the last third of the ramp
    expected[20, 20] = 2 * row.full_well_e * seconds / 2.9
    planes = read_out(expected, row, seconds, 0.0, defects, False, np.random.default_rng(4))
    assert np.argwhere(planes.dq & 256).tolist() == [[20, 20]]


def test_amplifiers_and_their_offsets():
    row = DETECTORS["wfc"]
    defects = draw_defects(row, (64, 80), 0, np.random.default_rng(3))
    calm = replace(defects, bias_e=(0.0, 0.0))
    off = replace(defects, bias_e=(3.0, -2.0))
    expected = np.full((64, 80), 50.0, np.float32)
    planes = [
        read_out(expected.copy(), row, 100.0, 0.0, one, True, np.random.default_rng(5))
        for one in (calm, off)
    ]
    step = planes[1].sci - planes[0].sci
    assert step[:, :40] == pytest.approx(3.0, abs=1e-3)
    assert step[:, 40:] == pytest.approx(-2.0, abs=1e-3)


def test_what_fills_a_pixel_is_flagged():
    for name, times in (("ir", 100.0), ("hrc", 3.0)):
        row = DETECTORS[name]
        defects = draw_defects(row, (60, 60), 0, np.random.default_rng(3))
        expected = np.full((60, 60), 10.0, np.float32)
        expected[30, 30] = times * row.full_well_e
        planes = read_out(expected, row, 100.0, 0.0, defects, False, np.random.default_rng(4))
        saturated = np.argwhere((planes.dq & 256) > 0)
        assert [30, 30] in saturated.tolist()
        assert set(saturated[:, 1]) == {30}
        assert (len(saturated) > 1) == row.is_ccd
