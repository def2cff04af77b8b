from __future__ import annotations

import numpy as np
import pytest

from spacekit.measure.sources import FinderSettings, find_sources

from .fields import brightness, cosmic_rays, image, scatter

SHAPE = (400, 420)


def nearest(sources, positions):
    """Distance from each position to the nearest source."""
    found = np.column_stack([sources.x, sources.y])
    return np.hypot(*(positions[:, None] - found[None]).transpose(2, 0, 1)).min(axis=1)


def grid(step=40, margin=30):
    """Isolated positions at every phase of the pixel."""
    x, y = np.meshgrid(
        np.arange(margin, SHAPE[1] - margin, step + 0.3),
        np.arange(margin, SHAPE[0] - margin, step + 0.7),
    )
    return np.column_stack([x.ravel(), y.ravel()])


def test_finds_every_isolated_star_to_a_fiftieth_of_a_pixel():
    stars = grid()
    pixels = image(np.random.default_rng(1), stars, np.full(len(stars), 2000.0), SHAPE)
    sources = find_sources(pixels, np.ones(SHAPE))
    assert len(sources) == len(stars)
    assert nearest(sources, stars).max() < 0.02
    assert np.abs(sources.flux / np.median(sources.flux) - 1).max() < 0.05
    assert np.hypot(sources.e1, sources.e2).max() < 0.1


@pytest.mark.parametrize("sigma_px", [0.6, 0.9, 1.3])
def test_size_follows_the_stars(sigma_px):
    stars = grid()
    pixels = image(np.random.default_rng(2), stars, np.full(len(stars), 5000.0), SHAPE, sigma_px)
    sources = find_sources(pixels, np.ones(SHAPE))
    # a Gaussian under a Gaussian window of 2.5 px: 1 / size^2 is the sum of both
    expected = (1 / sigma_px**2 + 1 / 2.5**2) ** -0.5
    assert np.median(sources.size_px) == pytest.approx(expected, rel=0.05)


def test_most_significant_come_first_and_no_more_than_asked():
    rng = np.random.default_rng(3)
    pixels = image(rng, scatter(rng, 500, SHAPE), brightness(rng, 500), SHAPE)
    everything = find_sources(pixels, np.ones(SHAPE))
    few = find_sources(pixels, np.ones(SHAPE), FinderSettings(limit=30))
    assert (np.diff(everything.snr) <= 0).all()
    assert 25 <= len(few) <= 30
    assert nearest(everything, np.column_stack([few.x, few.y])).max() < 1e-3


def test_noise_has_next_to_no_sources():
    rng = np.random.default_rng(4)
    assert len(find_sources(rng.normal(3, 1, (1000, 1000)), np.ones((1000, 1000)))) <= 3


def test_noise_follows_the_weight():
    rng = np.random.default_rng(5)
    wht = np.ones(SHAPE)
    wht[:, 200:] = 0.04
    pixels = rng.normal(0, 1, SHAPE) / np.sqrt(wht)
    assert len(find_sources(pixels, wht)) <= 2


def test_nothing_outside_the_footprint_or_at_its_edge():
    stars = np.array([[100.0, 100.0], [205.0, 150.0], [198.5, 300.0], [300.0, 200.0]])
    pixels = image(np.random.default_rng(6), stars, np.full(4, 3000.0), SHAPE)
    wht = np.ones(SHAPE)
    wht[:, 200:] = 0
    pixels[:, 200:] = np.nan
    sources = find_sources(pixels, wht)
    assert len(sources) == 1
    assert sources.x[0] == pytest.approx(100, abs=0.05)


def test_pixels_without_weight_count_as_no_exposure():
    stars = np.array([[100.0, 100.0], [300.0, 200.0]])
    pixels = image(np.random.default_rng(7), stars, np.full(2, 3000.0), SHAPE)
    wht = np.ones(SHAPE)
    wht[:, 200:] = 0
    assert len(find_sources(pixels, wht)) == 1


def test_hot_pixels_are_no_sources_and_most_tracks_are_not_round():
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 1, SHAPE)
    hot = noise.copy()
    hot[rng.integers(20, 380, 50), rng.integers(20, 380, 50)] += 500
    assert len(find_sources(hot, np.ones(SHAPE))) <= 2
    stars = grid()
    struck = cosmic_rays(rng, image(rng, stars, np.full(len(stars), 500.0), SHAPE), 800)
    few = find_sources(struck, np.ones(SHAPE), FinderSettings(limit=200))
    assert np.mean(nearest(few, stars) < 0.5) > 0.9


def test_a_nebula_and_a_gradient_are_background():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    stars = grid()
    nebula = 300 * np.exp(-((x - 200) ** 2 + (y - 150) ** 2) / 2 / 60**2) + 0.5 * x
    pixels = nebula + image(np.random.default_rng(9), stars, np.full(len(stars), 500.0), SHAPE)
    sources = find_sources(pixels, np.ones(SHAPE))
    assert np.mean(nearest(sources, stars) < 0.1) > 0.95
    assert len(sources) < 1.1 * len(stars)


@pytest.mark.parametrize(("dx", "dy", "sign"), [(2.0, 0.0, 1), (0.0, 2.0, -1)])
def test_doubled_stars_are_stretched_along_the_doubling(dx, dy, sign):
    stars = grid()
    flux = np.full(len(stars), 2000.0)
    pixels = image(np.random.default_rng(10), stars, flux, SHAPE)
    pixels += image(None, stars + np.array([dx, dy]), flux, SHAPE)
    sources = find_sources(pixels, np.ones(SHAPE))
    assert sign * np.median(sources.e1) > 0.25
    assert abs(np.median(sources.e2)) < 0.03


def test_diagonal_doubling_shows_in_e2():
    stars = grid()
    flux = np.full(len(stars), 2000.0)
    pixels = image(np.random.default_rng(11), stars, flux, SHAPE)
    pixels += image(None, stars + np.array([1.4, -1.4]), flux, SHAPE)
    assert np.median(find_sources(pixels, np.ones(SHAPE)).e2) < -0.25


def test_weight_ratio_sees_holes_but_not_gaps():
    stars = np.array([[100.0, 100.0], [100.0, 200.0], [250.0, 200.0]])
    pixels = image(np.random.default_rng(12), stars, np.full(3, 3000.0), SHAPE)
    wht = np.ones(SHAPE)
    wht[199:202, 99:102] = 0.5
    wht[:, 258:] = 0.5
    sources = find_sources(pixels, wht)
    places = zip(sources.x.round(), sources.y.round(), strict=True)
    ratio = dict(zip(places, sources.weight_ratio, strict=True))
    assert ratio[100, 100] == pytest.approx(1)
    assert ratio[100, 200] == pytest.approx(0.5)
    assert np.isnan(ratio[250, 200])


def test_byte_order_and_tiles_make_no_difference():
    rng = np.random.default_rng(13)
    pixels = image(rng, scatter(rng, 200, SHAPE), brightness(rng, 200, 100), SHAPE)
    whole = find_sources(pixels, np.ones(SHAPE))
    swapped = find_sources(pixels.astype(">f4"), np.ones(SHAPE, ">f4"))
    np.testing.assert_array_equal(whole.x, swapped.x)
    tiled = find_sources(pixels, np.ones(SHAPE), FinderSettings(tile_px=128))
    bright = whole.snr > 20
    assert nearest(tiled, np.column_stack([whole.x, whole.y])[bright]).max() < 1e-6


@pytest.mark.parametrize("background", [1e-4, 1e-2, 0.3])
def test_counting_detector_with_an_empty_sky(background):
    rng = np.random.default_rng(14)
    stars = grid()
    counts = rng.poisson(image(None, stars, np.full(len(stars), 200.0), SHAPE) + background)
    sources = find_sources(counts.astype(np.float32), np.ones(SHAPE))
    assert nearest(sources, stars).max() < 0.5
    assert len(sources) < 1.6 * len(stars)


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((300, 300), np.nan),
        np.zeros((300, 300)),
        np.full((300, 300), 7.0),
        np.full((300, 300), np.inf),
        np.ones((1, 1)),
        np.ones((5, 4000)),
    ],
    ids=["nan", "zero", "constant", "infinite", "one", "narrow"],
)
def test_images_without_anything_have_no_sources(pixels):
    assert len(find_sources(pixels, np.ones(pixels.shape))) == 0
    assert len(find_sources(pixels, np.zeros(pixels.shape))) == 0


def test_pits_leave_no_sources_around():
    rng = np.random.default_rng(8)
    pits = grid()
    pixels = rng.normal(0, 1, SHAPE).astype(np.float32)
    pixels[tuple(np.rint(pits[:, ::-1]).astype(int).T)] = -5000
    assert len(find_sources(pixels, np.ones(SHAPE))) < 3
