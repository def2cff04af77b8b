"""Background, point sources and segments of made-up totals."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.convolution import Gaussian2DKernel, RickerWavelet2DKernel, convolve
from photutils.background import Background2D, SExtractorBackground, StdBackgroundRMS
from photutils.detection import DAOStarFinder
from scipy import ndimage
from scipy.spatial import cKDTree

from spacekit.mosaic.background import Sky, depth_of, measure_sky, sky_map
from spacekit.mosaic.crossmatch import faint_sources
from spacekit.mosaic.deblend import deblend
from spacekit.mosaic.detect import detect
from spacekit.mosaic.drizzle import Stack
from spacekit.mosaic.flattened import Flattened
from spacekit.mosaic.parameters import settings_for
from spacekit.mosaic.segments import SegmentFinder
from spacekit.mosaic.strips import strips

SCALE = 0.12825
RMS = 0.02


def field(stars, shape=(200, 220), seed=3, sky=0.0):
    """Gaussian stars (x, y, flux) 1.9 px wide over noise."""
    image = np.random.default_rng(seed).normal(sky, RMS, shape)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    sigma = 1.9 / 2.3548
    for x, y, flux in stars:
        near = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sigma**2))
        image += flux / (2 * np.pi * sigma**2) * near
    return image.astype(np.float32)


def stack(image):
    weight = np.full(image.shape, 1200.0, np.float32)
    weight[:5] = weight[-5:] = weight[:, :5] = weight[:, -5:] = 0
    return Stack(np.where(weight > 0, image, 0).astype("f4"), weight, np.zeros((1, 1), np.int32))


def found_in(image):
    return detect(stack(image), settings_for("ir"), SCALE, 0.0, 1200.0)


STARS = [(40.3, 50.7, 20), (100.0, 60.5, 5), (150.4, 150.1, 300), (60.2, 160.9, 60)]


def test_stars_are_found_where_they_are():
    found = found_in(field(STARS))
    distance, _ = cKDTree(found.point).query([s[:2] for s in STARS])
    assert distance.max() < 0.2
    assert len(found.point) < 8
    centres = np.column_stack([found.shapes["X-Centroid"], found.shapes["Y-Centroid"]])
    assert cKDTree(centres).query([s[:2] for s in STARS])[0].max() < 0.15
    assert len(centres) == len(STARS)


def test_galaxies_and_hot_pixels_are_no_point_sources():
    yy, xx = np.mgrid[:200, :220]
    galaxy = np.exp(-((xx - 100) ** 2 + (yy - 100) ** 2) / (2 * 6**2)).astype("f4")
    image = field([]) + 3 * galaxy
    image[50, 50] += 5
    found = found_in(image)
    assert len(found.point) == 0 or cKDTree(found.point).query([(100, 100), (50, 50)])[0].min() > 3
    assert found.shapes["Area"].max() > 300


def test_nothing_is_looked_for_at_the_border():
    found = found_in(field([(18, 100, 100), (110, 181, 100), (20.2, 60, 100)]))
    assert found.labels[:15].max() == found.labels[:, :15].max() == 0
    assert len(found.point) == 0


def test_an_unexposed_total_has_no_source():
    image = np.zeros((50, 50), np.float32)
    found = detect(Stack(image, image, image.astype(int)), settings_for("ir"), SCALE, 0.1, 1.0)
    assert len(found.point) == len(found.shapes["Area"]) == 0


def test_a_tall_image_is_found_the_same_in_strips():
    stars = [(60 + 3 * k, y, 30) for k, y in enumerate(range(490, 540, 7))]
    image = field(stars, shape=(1100, 200))
    found = found_in(image)
    assert cKDTree(found.point).query([s[:2] for s in stars])[0].max() < 0.2
    covered = np.concatenate([np.arange(r.start, r.stop)[o] for r, o in strips(1100, 2)])
    assert np.array_equal(covered, np.arange(1100))


def test_sky_is_measured_under_stars():
    image = field(STARS, sky=0.5)
    inside = np.ones(image.shape, bool)
    sky = measure_sky(image, inside, settings_for("ir"), 0.0, 1200.0)
    assert sky.level == pytest.approx(0.5, abs=0.7 * RMS)
    assert sky.rms == pytest.approx(RMS, rel=0.1)
    assert measure_sky(image, inside, settings_for("ir"), 0.1, 1200.0).rms == 0.1


def test_oversubtracted_image_is_lifted_as_the_pipeline_does():
    image = field(STARS, sky=-0.01)
    sky = measure_sky(image, np.ones(image.shape, bool), settings_for("ir"), 0.0, 1200.0)
    assert sky.lift == pytest.approx(0.01 + RMS, rel=0.1)
    assert sky.level > 0.5 * RMS


def test_photon_counter_without_photons_has_no_sky():
    image = np.random.default_rng(1).poisson(0.2, (100, 100)) / np.float32(100)
    sky = measure_sky(image, np.ones(image.shape, bool), settings_for("sbc"), 0.0, 100.0)
    assert sky.level == 0
    assert sky.rms >= 1 / 100


def test_sky_map_is_photutils():
    yy, xx = np.mgrid[:200, :220]
    image = field(STARS) + (0.3 * np.sin(xx / 40) + 0.2 * np.cos(yy / 50)).astype("f4")
    inside = np.ones(image.shape, bool)
    inside[:, 190:] = False
    ours = sky_map(image, inside, 13, 0.0)
    theirs = Background2D(
        image,
        13,
        filter_size=3,
        bkg_estimator=SExtractorBackground(),
        bkg_rms_estimator=StdBackgroundRMS(),
        coverage_mask=~inside,
    )
    assert ours.rms == pytest.approx(theirs.background_rms_median, rel=0.01)
    middle = np.s_[20:-20, 20:170]  # at the borders their splines swing, ours stop
    assert np.abs(ours.level - theirs.background)[middle].max() < 0.3 * RMS
    assert np.allclose(sky_map(image, inside, 13, 0.25).level, ours.level + 0.25)


def test_shallow_regions_are_told_apart():
    weight = np.full((100, 100), 1000.0, np.float32)
    weight[:, 60:] = 250.0
    depth = depth_of(weight, weight > 0, 1.5)
    assert depth.factor[depth.region[50, 30]] == 1
    assert depth.factor[depth.region[50, 80]] == pytest.approx(2)
    assert depth_of(weight, weight > 0, 100.0).region.max() == 1


def test_kernels_are_the_pipelines():
    image = field(STARS)
    settings = settings_for("ir")
    depth = depth_of(np.ones_like(image), np.ones(image.shape, bool), 1.5)
    finder = SegmentFinder(RMS, 1.5, settings, image.size)
    flat = Flattened(image, 0.0, depth)
    sigma = 1.5 / 2.3548
    gauss = Gaussian2DKernel(sigma, x_size=11, y_size=11)
    gauss.normalize()
    hat = 0.5 * 1.5**4 * sigma**2 * RickerWavelet2DKernel(1.5 * sigma, x_size=11, y_size=11).array
    for ours, kernel in ((finder.gauss(flat), gauss.array), (finder.wavelet(flat), hat)):
        expected = convolve(image, kernel, boundary="fill", normalize_kernel=False)
        assert np.abs(ours.smooth - expected).max() < 1e-4 * np.abs(expected).max()


def test_blends_are_split_and_single_stars_are_not():
    image = ndimage.gaussian_filter(field([(60, 60, 900), (66, 60, 700), (120, 120, 900)]), 2)
    image += 50 * ndimage.gaussian_filter(field([(150, 40, 900), (160, 40, 900)]), 3)
    labels, count = ndimage.label(image > 1)
    assert count == 3
    alone = labels[40, 150]  # the largest is left alone, whatever it holds
    new, count = deblend(image, labels.astype(np.int32), count)
    assert count == 4 == new.max()
    assert new[60, 60] != new[60, 66]
    assert len(np.unique(new[115:126, 115:126])) == 2  # the star's and none
    assert new[40, 150] == new[40, 160] == alone


def test_faint_sources_are_daofinds():
    image = field([(x, y, f) for (x, y, f) in STARS], seed=8)
    inside = np.zeros(image.shape, bool)
    inside[10:-10, 10:-10] = True
    ours = faint_sources(image, inside, Sky(0.0, RMS), 1.9)
    theirs = DAOStarFinder(3 * RMS, 1.9, min_separation=0)(image, mask=~inside)
    xy = np.column_stack([theirs["x_centroid"], theirs["y_centroid"]])
    assert len(ours) == len(xy)
    assert cKDTree(ours).query(xy)[0].max() < 0.01
