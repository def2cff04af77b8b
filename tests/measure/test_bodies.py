"""Sources on a planet are told from those beside it."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.measure.bodies import on_body

from .fields import brightness, image, scatter

SHAPE = (260, 300)


def field(radius_px: float, level: float, *, middle=(150.0, 130.0), gradient=0.0):
    """Stars, some of them bright, on noise of 1; a disc; and the stars' places."""
    rng = np.random.default_rng(2)
    places = scatter(rng, 80, SHAPE)
    pixels = image(rng, places, brightness(rng, 80, 50), SHAPE)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = np.hypot(x - middle[0], y - middle[1])
    disc = (pixels + level * (away < radius_px) + gradient * x).astype(np.float32)
    return disc, places, np.hypot(*(places - middle).T)


@pytest.mark.parametrize("level", [15.0, 300.0])
@pytest.mark.parametrize("gradient", [0.0, 0.01])
def test_a_disc_and_its_limb(level: float, gradient: float) -> None:
    sci, places, away = field(40, level, gradient=gradient)
    found = on_body(sci, np.ones(SHAPE), *places.T)
    assert found[away < 42].all()
    assert not found[away > 60].any()
    assert 5 < found.sum() < 40


def test_stars_are_no_bodies() -> None:
    sci, places, _ = field(0, 0)
    assert not on_body(sci, np.ones(SHAPE), *places.T).any()


def test_a_planet_that_fills_half_of_the_field() -> None:
    sci, places, away = field(140, 100, middle=(120.0, 130.0))
    found = on_body(sci, np.ones(SHAPE), *places.T)
    assert found[away < 140].all()
    assert not found[away > 160].any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (40, 3)])
def test_too_small_to_tell(shape: tuple[int, int]) -> None:
    x, y = np.array([0.0, 2]), np.array([0.0, 0])
    assert not on_body(np.ones(shape), np.ones(shape), x, y).any()


def test_unexposed_and_odd_pixels() -> None:
    sci, places, away = field(40, 100)
    wht = np.ones(SHAPE)
    wht[:, :60] = 0
    sci[:, :60] = np.nan
    sci[200:204, 200:204] = np.inf
    found = on_body(sci, wht, *places.T)
    assert found[away < 42].all()
    assert not found[away > 60].any()
    assert not on_body(np.full(SHAPE, np.nan), wht, *places.T).any()


def test_photons_are_counted_one_by_one() -> None:
    rng = np.random.default_rng(3)
    places = scatter(rng, 40, SHAPE)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = np.hypot(*(places - (150.0, 130.0)).T)
    light = image(None, places, np.full(40, 300.0), SHAPE)
    light += 2.0 * (np.hypot(x - 150, y - 130) < 35)
    sci = rng.poisson(np.maximum(light, 0) + 0.005).astype(np.float32)
    found = on_body(sci, np.ones(SHAPE), *places.T)
    assert found[away < 36].all()
    assert not found[away > 60].any()
