"""Stars by place in the field: as Tiny Tim's tables have them, and without steps."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.simulate.aperture import Aperture
from spacekit.simulate.conditions import Conditions
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.place import _TILE_PX, astigmatism_nm, psf_field
from spacekit.simulate.psf import _OPTICS, hst_core
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_visit


def ellipticity(core):
    """(e1, e2) of a star in the middle of a pixel, weighted by a Gaussian of 1.5 px."""
    y, x = np.indices(core.shape[2:]) - core.shape[2] // 2
    light = core[4, 4].astype(float) * np.exp(-(x**2 + y**2) / 4.5)
    xx, yy, xy = ((light * v).sum() for v in (x**2, y**2, x * y))
    return np.array([xx - yy, 2 * xy]) / (xx + yy)


@pytest.mark.parametrize("name", ["uvis", "wfc", "hrc", "sbc"])
def test_thirds_of_the_field_are_those_that_small_windows_are_drawn_from(name):
    row = DETECTORS[name]
    x = np.linspace(0, row.chip_shape[1] - 1, 33)
    y = np.linspace(0, row.chip_shape[0] * row.n_chips - 1, 33)
    found = np.sort([np.hypot(*astigmatism_nm(row, a, b)) for a in x for b in y])
    medians = [np.median(part) for part in np.array_split(found, 3)]
    assert medians == pytest.approx(_OPTICS[name].astigmatism_nm, abs=0.8)


@pytest.mark.parametrize(
    ("name", "place", "known"),
    [
        # acswfc1.pup and acswfc1.tab at x, y / 40.96 + 4, wfc3_uvis1.pup at x, y / 40.96, acshrc
        # and acssbc at x, y / 10.24 + 4; times 0.945, turned as opd.c turns them
        ("wfc", (2048, 1024), (0.2, 13.8)),
        ("wfc", (500, 3500), (-6.4, 16.0)),
        ("wfc", (3600, 600), (10.8, 15.4)),
        ("uvis", (200, 200), (5.7, -13.0)),
        ("uvis", (3800, 2500), (6.9, 5.6)),
        ("hrc", (200, 800), (6.7, -0.1)),
        ("sbc", (800, 200), (-0.7, -3.6)),
    ],
)
def test_astigmatism_is_that_of_tiny_tim(name, place, known):
    assert astigmatism_nm(DETECTORS[name], *place) == pytest.approx(known, abs=1.2)


def test_windows_are_where_they_should_be_in_the_field():
    row = DETECTORS["wfc"]
    assert Aperture().corners(row, 2) == ((0, 0), (0, 2048))
    assert Aperture(1024).corners(row, 0) == ((0, 512),)
    assert Aperture(1024).corners(row, 2) == ((3072, 512),)
    assert Aperture(1024, across_gap=True).corners(row, 1) == ((1536, 1536), (1536, 2048))


@pytest.mark.parametrize(
    ("name", "band", "corner"), [("wfc", "F435W", (0, 0)), ("uvis", "F275W", (3072, 0))]
)
def test_psfs_between_are_those_that_would_be_made_there(name, band, corner):
    row = DETECTORS[name]
    field = psf_field(row, corner, (1024, 1024), band, 2)
    for x, y in ((10.0, 10.0), (1000.0, 30.0), (300.0, 900.0)):
        core, optics = hst_core(name, band, 2, astigmatism_nm(row, corner[0] + x, corner[1] + y))
        psf = field.at(x, y)
        assert psf.core == pytest.approx(core, abs=0.012 * float(core.max()))
        assert ellipticity(psf.core) == pytest.approx(ellipticity(core), abs=0.002)
        assert psf.optics == pytest.approx(optics, abs=0.012 * float(optics.max()))
        assert psf.core[4, 4].sum() + psf.wings[1, 1].sum() == pytest.approx(1.0, abs=0.01)


def test_stars_change_over_a_large_window_and_not_at_a_step():
    row = DETECTORS["wfc"]
    field = psf_field(row, (0, 0), (2048, 4096), "F606W", 2)
    x = np.arange(_TILE_PX / 2, 4096, _TILE_PX)
    shapes = np.array([ellipticity(field.at(a, 1024.0).core) for a in x])
    assert np.ptp(shapes, axis=0).max() > 0.03
    assert np.hypot(*np.diff(shapes, axis=0).T).max() < 0.01


def test_each_star_has_the_psf_of_its_place():
    row = DETECTORS["wfc"]
    field = psf_field(row, (0, 0), (1024, 1024), "F606W", 2)
    image = np.zeros((1024, 1024), np.float32)
    x, y = np.array([64.0, 960.0, 1030.0]), np.array([64.0, 960.0, 500.0])
    field.add_stars(image, x, y, np.array([1e5, 1e5, 1e5]), 1.0)
    for a, b in ((64, 64), (960, 960)):
        cut = image[b - 15 : b + 16, a - 15 : a + 16] / 1e5
        core = field.at(a, b).core[4, 4]
        assert cut == pytest.approx(core, abs=0.002 * float(core.max()))
    assert image[500, 1016:].max() > 0  # of the star beside the image


def test_small_windows_and_the_infrared_have_one_psf():
    assert psf_field(DETECTORS["wfc"], (0, 0), (512, 512), "F606W", 1) is None
    assert psf_field(DETECTORS["wfc"], (0, 0), (256, 512), "F606W", 1) is None
    assert psf_field(DETECTORS["ir"], (0, 0), (1014, 1014), "F160W", 1) is None


def test_a_large_window_shows_the_astigmatism_of_its_place():
    """The same sky and noise, seen at the left and at the right of the chip."""
    spec = VisitSpec(
        number=1,
        seed=1,
        detector="wfc",
        filters=("F606W",),
        counts=(1,),
        exptimes_s=(300.0,),
        size=640,
        scene="crowded",
    )
    planes = []
    for third in (0, 2):
        drawn = VisitSpec(**{**vars(spec), "conditions": Conditions(1.0, 0.1, 2, third)})
        visit = simulate_visit(drawn, np.random.default_rng(1))
        planes.append(visit.exposures[0].chips[0].sci)
    noise = 1.4826 * np.median(np.abs(planes[0] - np.median(planes[0])))
    assert np.abs(planes[0] - planes[1]).max() > 50 * noise
