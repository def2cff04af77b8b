"""Pixels: noise, PSF, cosmic rays, saturation; and against the genuine exposures."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from spacekit.simulate.charge import bleed
from spacekit.simulate.cosmic_rays import cosmic_rays
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.exposures import Conditions
from spacekit.simulate.psf import add_stars, hst_psf
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_visit


@pytest.mark.parametrize(("name", "band"), [("ir", "F160W"), ("uvis", "F606W")])
def test_star_has_its_flux_and_its_place(name, band):
    psf = hst_psf(name, band, 1)
    image = np.zeros((201, 201), np.float32)
    x, y = 100.27, 99.61
    add_stars(image, psf, np.array([x]), np.array([y]), np.array([1000.0]), 0.0)
    assert image.sum() == pytest.approx(1000.0, rel=0.02)
    core = image[85:116, 85:116]
    yy, xx = np.mgrid[85:116, 85:116]
    assert (core * xx).sum() / core.sum() == pytest.approx(x, abs=0.04)
    assert (core * yy).sum() / core.sum() == pytest.approx(y, abs=0.04)


def test_red_light_spreads_farther():
    assert hst_psf("ir", "F160W", 1).core[8, 8].max() < hst_psf("ir", "F110W", 1).core[8, 8].max()


def test_cosmic_rays_leave_tracks_of_several_pixels():
    rng = np.random.default_rng(2)
    image = cosmic_rays((400, 400), 200.0, rng)
    touched = (image > 50).sum()
    assert 3 * 200 < touched < 14 * 200
    assert cosmic_rays((10, 10), 0.0, rng).max() == 0


def test_bleeding_keeps_the_charge_and_the_column():
    image = np.zeros((101, 7), np.float32)
    image[50, 3] = 1000.0
    saturated = bleed(image, 100.0)
    assert image.sum() == pytest.approx(1000.0)
    assert image.max() <= 100.0
    assert set(np.flatnonzero(saturated.any(axis=0))) == {3}
    assert 9 <= saturated.sum() <= 11


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_makes_an_exposure(name):
    row = DETECTORS[name]
    spec = VisitSpec(
        number=1,
        seed=1,
        detector=name,
        filters=(row.filters[0].name,),
        counts=(1,),
        exptimes_s=(300.0,),
        size=96,
        scene="nebula",
    )
    visit = simulate_visit(spec, np.random.default_rng(1))
    (exposure,) = visit.exposures
    (chip,) = exposure.chips
    assert chip.sci.shape == chip.err.shape == chip.dq.shape == (96, 96)
    assert (chip.sci.dtype, chip.dq.dtype) == (np.float32, np.int16)
    assert np.isfinite(chip.sci).all()
    assert (chip.err > 0).all()
    assert exposure.filename == f"{row.letter}00102aaq_{row.suffix}.fits"
    assert ("FILTER1" in exposure.header) == (row.instrument == "acs")
    assert visit.poller_lines[0].count(",") == 7


@pytest.mark.parametrize(
    ("visit", "name", "bands", "exptime", "size"),
    [
        ("iza101/iza101aaq_flt.fits", "ir", ("F110W",), 599.232361, 512),
        ("iza601/iza601acq_flc.fits", "uvis", ("F814W",), 500.0, 512),
    ],
)
def test_sky_noise_and_errors_are_those_of_genuine_exposures(  # noqa: PLR0917
    hap, visit, name, bands, exptime, size
):
    with fits.open(hap / "exposures" / visit) as genuine:
        real_sci, real_err = genuine["SCI"].data, genuine["ERR"].data
        real_dq = genuine["DQ"].data
    spec = VisitSpec(
        number=1,
        seed=1,
        detector=name,
        filters=bands,
        counts=(1,),
        exptimes_s=(exptime,),
        size=size,
        scene="blank",
        conditions=Conditions(1.0, 0.15, 1),
    )
    chip = simulate_visit(spec, np.random.default_rng(3)).exposures[0].chips[0]

    def spread(image):
        return 1.4826 * np.median(np.abs(image - np.median(image)))

    assert np.median(chip.sci) == pytest.approx(np.median(real_sci), rel=0.03)
    assert np.median(chip.err) == pytest.approx(np.median(real_err), rel=0.02)
    assert spread(chip.sci) == pytest.approx(spread(real_sci), rel=0.08)
    for bit in (4, 16):
        assert ((chip.dq & bit) > 0).mean() == pytest.approx(((real_dq & bit) > 0).mean(), rel=0.3)
