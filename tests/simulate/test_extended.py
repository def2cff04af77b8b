"""Galaxies, planets, nebulosity and their blur."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from spacekit.simulate.aperture import Aperture
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.extended import add_disc, add_galaxies, blur, glow_image, sky_matrix
from spacekit.simulate.objects import Disc, Galaxies, Glow
from spacekit.simulate.wcs import detector_wcs, tangent_plane

SQUARE = np.diag([-0.1, 0.1])


@pytest.mark.parametrize("shape", [(256, 256), (300, 520), (96, 40)])
def test_blur_is_a_convolution(shape):
    rng = np.random.default_rng(1)
    image = rng.random(shape).astype(np.float32)
    kernel = rng.random((31, 31)).astype(np.float32)
    kernel /= kernel.sum()
    expected = signal.fftconvolve(image, kernel, mode="same")
    blur(image, kernel, 0.0)
    assert np.abs(image - expected).max() < 1e-5


def test_what_is_too_faint_to_matter_is_not_blurred():
    image = np.zeros((512, 512), np.float32)
    image[50, 50] = 5.0
    image[400, 400] = 0.5
    blur(image, np.full((31, 31), 1 / 961, np.float32), 1.0)
    assert image[50, 50] == pytest.approx(5 / 961, rel=1e-4)
    assert image[400, 400] == 0.5


@pytest.mark.parametrize(("index", "share"), [(1.0, 0.99), (2.5, 0.95)])
def test_galaxy_has_its_flux_and_its_half_light_radius(index, share):
    row = Galaxies(*(np.array([v]) for v in (0, 0, 20, 0, 2.0, index, 0.6, 30.0)))
    image = np.zeros((401, 401), np.float32)
    place = np.array([200.3])
    add_galaxies(image, row, place, place, np.array([1000.0]), SQUARE)
    assert image.sum() == pytest.approx(1000.0 * share, rel=0.05)
    y, x = np.indices(image.shape) - 200.3
    # East is left; the position angle runs from north to east.
    east, north = -0.1 * x, 0.1 * y
    s, c = np.sin(np.radians(30.0)), np.cos(np.radians(30.0))
    inside = np.hypot(east * s + north * c, (east * c - north * s) / 0.6) < 2.0
    assert image[inside].sum() == pytest.approx(500.0, rel=0.05)


def test_planet_is_a_limb_darkened_disc():
    plain = Disc(0, 0, 3.0, 20.0, 0.5, 0.0, 0.0, 0.9, np.empty((0, 3)), np.empty((0, 4)))
    image = np.zeros((101, 101), np.float32)
    add_disc(image, plain, (50.0, 50.0), 100.0, SQUARE)
    assert image[50, 50] == pytest.approx(1.0)
    y, x = np.indices(image.shape) - 50
    r = np.hypot(y, x)
    assert image[r > 31.5].max() == 0
    assert image[np.abs(r - 29) < 0.5].max() < 0.7
    banded = replace(plain, bands=np.array([[0.2, 5.0, 0.0]]))
    striped = np.zeros_like(image)
    add_disc(striped, banded, (50.0, 50.0), 100.0, SQUARE)
    # The equator lies along the position angle, 0 deg: belts run north and cross east to west.
    belts = (striped / np.maximum(image, 1e-6))[35:66, 35:66]
    assert belts.std(axis=1).min() > 0.1
    assert belts.std(axis=0).max() < 1e-4
    add_disc(image, plain, (5000.0, 50.0), 100.0, SQUARE)
    assert image[50, 50] == pytest.approx(1.0)


def test_glow_follows_the_distorted_wcs():
    row = DETECTORS["wfc"]
    (wcs,) = detector_wcs(row, 10.0, 20.0, 35.0, Aperture(300))
    half = 15.0
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    plane = tangent_plane(10.0, 20.0)
    image = glow_image(Glow(ramp, 0.0), wcs, plane, half, (300, 300))
    for x, y in ((3, 5), (150, 150), (280, 299)):
        east, _ = plane.wcs_world2pix(*wcs.all_pix2world(x, y, 0), 0)
        assert image[y, x] == pytest.approx((float(east) + half) / (2 * half), abs=2e-4)


def test_steps_of_the_matrix_are_those_of_the_wcs():
    (wcs,) = detector_wcs(DETECTORS["uvis"], 10.0, 0.0, 0.0, Aperture(512))
    matrix = sky_matrix(wcs)
    assert np.sqrt(abs(np.linalg.det(matrix))) == pytest.approx(0.0398, rel=0.01)
