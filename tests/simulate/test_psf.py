"""Point spread functions: places, light, and against stars of the genuine exposures."""

from __future__ import annotations

import json

import galsim
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from spacekit.measure.moments import windowed_moments
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.psf import _transform, add_stars, hst_psf, pixel_matrix


def star(psf, x, y, size=201):
    image = np.zeros((size, size), np.float32)
    add_stars(image, psf, np.array([x]), np.array([y]), np.array([1000.0]), 0.0)
    return image


def centroid(image, x, y):
    """Windowed centroid (a Gaussian of 2 px that moves with it)."""
    yy, xx = np.indices(image.shape)
    for _ in range(25):
        weight = image * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 8.0)
        x += 2 * float(((xx - x) * weight).sum() / weight.sum())
        y += 2 * float(((yy - y) * weight).sum() / weight.sum())
    return x, y


@pytest.mark.parametrize(
    ("name", "band"), [(d.name, f.name) for d in DETECTORS.values() for f in d.filters[::3]]
)
def test_stars_are_where_they_should_be(name, band):
    """On average to 0.005 px in every filter: else good visits would be misaligned."""
    psf = hst_psf(name, band, 0)
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(60):
        x, y = rng.uniform(29.5, 30.5, 2)
        errors.append(np.subtract(centroid(star(psf, x, y, 61), x, y), (x, y)))
    assert np.abs(np.mean(errors, axis=0)).max() < 0.005
    assert np.abs(errors).max() < 0.02


@pytest.mark.parametrize(("name", "band"), [("ir", "F160W"), ("uvis", "F606W"), ("sbc", "F125LP")])
def test_star_has_its_flux(name, band):
    assert star(hst_psf(name, band, 1), 100.27, 99.61).sum() == pytest.approx(1000.0, rel=0.01)


def test_a_profile_is_drawn_from_its_transform_as_galsim_draws_it():
    profile = galsim.Moffat(beta=3.5, fwhm=2.1).shear(e1=0.3, e2=0.1).shift(0.4, -0.7)
    ours = _transform(galsim, profile).draw(41, 2)
    theirs = profile.drawImage(nx=41, ny=41, scale=0.5, method="no_pixel").array * 4
    assert ours == pytest.approx(theirs, abs=1e-3 * float(theirs.max()))
    pixels = _transform(galsim, profile).over_pixels().draw(21, 1)
    theirs = profile.drawImage(nx=21, ny=21, scale=1.0).array
    assert pixels == pytest.approx(theirs, abs=1e-3 * float(theirs.max()))


def test_star_beside_the_image_leaves_its_part():
    psf = hst_psf("wfc", "F606W", 1)
    image = np.zeros((60, 60), np.float32)
    add_stars(image, psf, np.array([-4.0]), np.array([30.0]), np.array([1000.0]), 0.0)
    whole = star(psf, 100.0, 100.0)
    assert image[30, 0] == pytest.approx(whole[100, 104], rel=1e-5)
    add_stars(image, psf, np.array([-400.0]), np.array([30.0]), np.array([1e9]), 0.0)
    assert image.max() < 1000.0


def test_red_light_spreads_farther():
    assert hst_psf("ir", "F160W", 1).core[4, 4].max() < hst_psf("ir", "F110W", 1).core[4, 4].max()


def test_photon_counter_has_a_halo():
    def beyond(name, band):
        core = hst_psf(name, band, 1).core[4, 4]
        y, x = np.indices(core.shape) - 15
        return core[np.hypot(y, x) > 6].sum()

    assert beyond("sbc", "F150LP") > 2 * beyond("hrc", "F250W")


RADII = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0)


def energies(cut):
    """Encircled energy at `RADII` over that at 12 px, about the centroid; cut is 41 x 41."""
    y, x = np.indices(cut.shape)
    cut = cut - np.median(cut[np.hypot(y - 20, x - 20) > 16])
    cx, cy = centroid(np.maximum(cut, 0), 20.0, 20.0)
    fine = np.repeat(np.repeat(cut / 25, 5, axis=0), 5, axis=1)
    fy, fx = (np.indices(fine.shape) + 0.5) / 5 - 0.5
    away = np.hypot(fy - cy, fx - cx)
    return np.array([fine[away < r].sum() for r in RADII]) / fine[away < 12].sum()


def reference_stars(hap, visit, band):
    """Cut reference stars out of the genuine exposures that stand alone and aren't flagged."""
    catalog = np.genfromtxt(
        hap / "exposures" / visit / "reference_catalog.csv", delimiter=",", names=True
    )
    truth = json.loads((hap / "truth" / f"{visit}.json").read_text())
    true = {row["file"]: row["true_wcs"] for row in truth["exposures"]}
    y, x = np.indices((41, 41)) - 20
    cuts = []
    for path in sorted((hap / "exposures" / visit).glob("*_fl?.fits")):
        with fits.open(path) as hdus:
            if hdus[0].header["FILTER"] != band:
                continue
            sci, dq = hdus["SCI"].data.astype(float), hdus["DQ"].data
            wcs, known = WCS(hdus["SCI"].header, hdus), true[path.name]
        wcs.wcs.crval = [known["CRVAL1"], known["CRVAL2"]]
        wcs.wcs.cd = [[known["CD1_1"], known["CD1_2"]], [known["CD2_1"], known["CD2_2"]]]
        sky = np.median(sci)
        noise = 1.4826 * np.median(np.abs(sci - sky))
        places = np.rint(wcs.all_world2pix(catalog["ra"], catalog["dec"], 0, quiet=True)).T
        for column, row in places.astype(int):
            if not (25 < column < sci.shape[1] - 25 and 25 < row < sci.shape[0] - 25):
                continue
            here = (slice(row - 20, row + 21), slice(column - 20, column + 21))
            cut, flags = sci[here] - sky, dq[here][15:26, 15:26]
            others = cut[(np.hypot(y, x) > 8) & (np.hypot(y, x) < 17)]
            if cut[20, 20] > 100 * noise and not flags.any() and others.max() < 0.05 * cut.max():
                cuts.append(cut)
    return cuts


GENUINE_STARS = pytest.mark.parametrize(
    ("name", "band", "visits"),
    [
        ("ir", "F160W", ("iza101", "iza201", "iza401", "iza801")),
        ("uvis", "F606W", ("iza601",)),
        ("uvis", "F814W", ("iza601",)),
    ],
)


def ellipticity(cut):
    """(e1, e2) on the detector's axes, weighted by a Gaussian of 1.5 px about the centroid."""
    x, y = np.array(centroid(cut, 20.0, 20.0))[:, None] - 20
    (moments,) = windowed_moments(cut[None], x, y, 1.5)
    xx, yy, xy = moments[0, 2], moments[2, 0], moments[1, 1]
    return np.array([xx - yy, 2 * xy]) / (xx + yy)


@GENUINE_STARS
def test_stars_are_as_elongated_on_the_detector_as_in_genuine_exposures(hap, name, band, visits):
    """Pixels aren't square on the sky: stars round on the detector are stretched in mosaics."""
    genuine = [ellipticity(c) for visit in visits for c in reference_stars(hap, visit, band)]
    places = np.random.default_rng(3).uniform(99.5, 100.5, (40, 2))
    psf = hst_psf(name, band, 1)
    ours = [ellipticity(star(psf, x, y)[80:121, 80:121].astype(float)) for x, y in places]
    assert np.median(ours, axis=0) == pytest.approx(np.median(genuine, axis=0), abs=0.018)


@pytest.mark.parametrize("name", DETECTORS)
def test_stars_are_rounder_on_the_sky_than_pixels(name):
    """Optics are round there; what pixels and diffusion add is not."""
    matrix = pixel_matrix(DETECTORS[name])
    core = hst_psf(name, DETECTORS[name].filters[-1].name, 1).core[4, 4].astype(float)
    y, x = np.indices(core.shape) - 15
    east, north = np.einsum("ij,jkl->ikl", matrix, np.array([x, y]))
    light = core * np.exp(-(np.hypot(east, north) ** 2) / np.linalg.det(matrix) / 8)
    xx, yy, xy = ((light * v).sum() for v in (east**2, north**2, east * north))
    long, short = np.linalg.svd(matrix, compute_uv=False) ** 2
    assert np.hypot(xx - yy, 2 * xy) / (xx + yy) < 0.75 * (long - short) / (long + short)


@pytest.mark.parametrize(
    ("name", "band", "most"),
    [("hrc", "F330W", 0.08), ("sbc", "F150LP", 0.05), ("uvis", "F336W", 0.07)],
)
def test_focus_elongates_stars_no_more_than_measured_astigmatism_allows(name, band, most):
    """12 nm, as WFC's best third has, would make it 0.14, 0.09 and 0.09."""
    stars = [star(hst_psf(name, band, focus), 20.0, 20.0, 41) for focus in (0, 2)]
    assert np.hypot(*np.subtract(*map(ellipticity, stars))) < most


@GENUINE_STARS
def test_stars_are_as_concentrated_as_in_genuine_exposures(hap, name, band, visits):
    genuine = [energies(c) for visit in visits for c in reference_stars(hap, visit, band)]
    assert len(genuine) >= 8
    rng = np.random.default_rng(3)
    psf = hst_psf(name, band, 1)
    places = rng.uniform(99.5, 100.5, (40, 2))
    ours = [energies(star(psf, x, y)[80:121, 80:121].astype(float)) for x, y in places]
    ratio = np.median(ours, axis=0) / np.median(genuine, axis=0)
    assert ratio == pytest.approx(1.0, abs=0.04)
