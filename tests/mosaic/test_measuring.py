"""Aperture photometry, flags, and which sources stay."""

from __future__ import annotations

import numpy as np
import pytest
from photutils.aperture import CircularAnnulus, CircularAperture
from scipy.stats import sigmaclip

from spacekit.mosaic.drizzle import mosaic_grid
from spacekit.mosaic.flags import (
    full_wells,
    photometric_flags,
    rejected,
    saturated,
    seldom_exposed,
    trimmed,
)
from spacekit.mosaic.parameters import settings_for
from spacekit.mosaic.photometry import Calibration, filled, photometry, place

SCALE = 0.12825
CALIBRATION = Calibration(rms=0.02, photflam=1.5e-20, photplam=11534.0, gain=1.0)


@pytest.fixture
def image():
    rng = np.random.default_rng(4)
    pixels = rng.normal(1.0, 0.02, (80, 90)).astype(np.float32)
    pixels[30:33, 40:43] += 2
    return pixels


def test_photometry_is_the_pipelines(image):
    xy = np.array([[40.7, 31.2], [60.25, 50.5], [20.0, 20.0]])
    places = place(xy, (0.15, 0.45), SCALE)
    ours = photometry(image, np.ones(image.shape, bool), places, CALIBRATION)
    masks = CircularAnnulus(xy, 0.25 / SCALE, 0.5 / SCALE).to_mask(method="exact")
    for k, mask in enumerate(masks):
        values = mask.cutout(image)[mask.data > 0]
        values = sigmaclip(values, 3, 3)[0]
        sky = 3 * np.median(values) - 2 * values.mean(dtype=float)
        assert ours["MSkyAp2"][k] == pytest.approx(sky, rel=1e-6)
        assert ours["StdevAp2"][k] == pytest.approx(values.std(), rel=1e-4)
        for n, radius in enumerate((0.15, 0.45), start=1):
            aperture = CircularAperture(xy[k], radius / SCALE)
            total = aperture.do_photometry(image)[0][0]
            assert ours[f"FluxAp{n}"][k] == pytest.approx(total - sky * aperture.area, abs=1e-3)
    ab = -2.5 * np.log10(ours["FluxAp2"][0] * 1.5e-20) - 21.1 - 5 * np.log10(11534.0) + 18.6921
    assert ours["MagAp2"][0] == pytest.approx(ab)
    assert ours["CI"][0] == ours["MagAp1"][0] - ours["MagAp2"][0]


def test_what_reaches_beyond_the_exposed_part_is_not_measured(image):
    exposed = np.ones(image.shape, bool)
    exposed[:, 70:] = False
    places = place(np.array([[68.0, 40.0], [1.0, 40.0], [60.0, 40.0]]), (0.15, 0.45), SCALE)
    flux = photometry(image, exposed, places, CALIBRATION)["FluxAp2"]
    assert np.isnan(flux[:2]).all()
    assert np.isfinite(flux[2])
    assert filled({"f": flux, "n": np.array([1])})["f"][0] == -9999


def test_no_source_gives_empty_columns(image):
    places = place(np.empty((0, 2)), (0.15, 0.45), SCALE)
    columns = photometry(image, np.ones(image.shape, bool), places, CALIBRATION)
    assert {len(v) for v in columns.values()} == {0}


def test_flags_tell_extended_faint_and_hot():
    columns = {
        "CI": np.array([0.55, 0.9, 0.1, 0.55, np.nan]),
        "MagErrAp1": np.array([0.01, 0.01, 0.01, 0.01, np.nan]),
        "MagErrAp2": np.array([0.01, 0.01, 0.01, 0.3, np.nan]),
        "FluxAp2": np.array([10, 10, 10, 1, np.nan]),
        "FluxErrAp2": np.array([0.1, 0.1, 0.1, 0.3, np.nan]),
    }
    flags = photometric_flags(columns, settings_for("ir", "f110w"))
    assert flags.tolist() == [0, 1, 16, 8, 24]
    assert photometric_flags(columns, settings_for("ir", "f167n"))[1] == 0
    assert trimmed([flags, np.array([16, 16, 5, 16, 16])]).tolist() == [1, 1, 1, 0, 0]


def test_sources_near_saturated_pixels_are_found(tiny):
    exposures = tiny(each=1, filters=("f606w",), detector="uvis").exposures
    mosaic, _ = mosaic_grid(exposures, [[c.wcs for c in e.chips] for e in exposures])
    chip = exposures[0].chips[0]
    chip.dq[100, 120] |= 256
    wells = full_wells(exposures, mosaic)
    sky = chip.wcs.all_pix2world(120, 100, 0)
    x, y = mosaic.wcs_world2pix(*sky, 0)
    assert saturated(np.array([[x + 3, y], [x + 9, y]]), wells, 8.0).tolist() == [True, False]
    assert not saturated(np.array([[x, y]]), wells[:0], 8.0).any()


def test_sources_that_few_exposures_saw(tiny):
    exposures = tiny(each=2, filters=("f606w",), detector="uvis").exposures
    mosaic, _ = mosaic_grid(exposures, [[c.wcs for c in e.chips] for e in exposures])
    wcs = exposures[0].chips[0].wcs
    corner = mosaic.wcs_world2pix(*wcs.all_pix2world(3.0, 1.5, 0), 0)
    middle = mosaic.wcs_world2pix(*wcs.all_pix2world(128, 128, 0), 0)
    xy = np.array([corner, middle, (-20.0, -20.0)])
    seen = {
        detector: seldom_exposed(xy, exposures, mosaic, 1.0, settings_for(detector)).tolist()
        for detector in ("uvis", "ir")
    }
    assert seen == {"uvis": [True, False, True], "ir": [False, False, True]}


def test_single_exposures_of_a_ccd_have_no_catalog(tiny):
    single = tiny(each=1, filters=("f606w", "f814w"), detector="uvis").exposures
    several = tiny(each=2, filters=("f606w",), detector="uvis").exposures
    good = {"point": 100, "segment": 100}
    assert rejected(single, settings_for("uvis"), good)
    assert not rejected(single, settings_for("ir"), good)
    assert not rejected(several, settings_for("uvis"), good)
    assert not rejected(single, settings_for("uvis"), {"point": 10**7, "segment": 0})


@pytest.mark.parametrize(
    ("detector", "filter_name", "aperture", "ci"),
    [
        ("ir", "f160w", 0.45, (0.5, 0.84)),
        ("hrc", "f814w", 0.125, (1.13, 1.57)),
        ("sbc", "f125lp", 0.125, (0.15, 0.45)),
        ("wfc", "f606w-pol0v", 0.15, (0.9, 1.23)),
    ],
)
def test_settings_are_the_detectors(detector, filter_name, aperture, ci):
    settings = settings_for(detector, filter_name)
    assert settings.apertures_arcsec[1] == aperture
    assert settings.stellar_ci == ci
    assert settings.for_chips(8).depth_step == max(3.5, settings.depth_step)
