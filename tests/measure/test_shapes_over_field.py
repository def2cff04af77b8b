"""Shapes of stars that differ over the field as those of a turned exposure do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spacekit.measure.shapes import turned_shape
from spacekit.measure.sources import Sources, find_sources
from spacekit.measure.turns import surely_turned

from .fields import brightness, image, scatter

SHAPE = (400, 380)
MIDDLE = np.array([189.5, 199.5])


def doubled(turn: complex, shift: tuple[float, float] = (0.0, 0.0), seed: int = 1) -> Sources:
    """Sources of two exposures of which one has another scale, is turned, and shifted."""
    rng = np.random.default_rng(seed)
    places, flux = scatter(rng, 60, SHAPE, 20), brightness(rng, 60, 400)
    away = (places - MIDDLE) @ [1, 1j] * turn
    moved = places + np.column_stack([away.real, away.imag]) + shift
    pixels = image(rng, places, flux, SHAPE) + image(None, moved, flux, SHAPE)
    return find_sources(pixels, np.ones(SHAPE, np.float32))


@pytest.mark.parametrize("turn", [0.012j, -0.012j, 0.012, 0.008 + 0.008j])
def test_a_turn_and_a_scale_stretch_the_stars_about_the_middle(turn: complex) -> None:
    ellipticity, sigmas = turned_shape(doubled(turn), MIDDLE)
    assert ellipticity > 0.1
    assert sigmas > 5


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.5, -0.6)])
def test_what_all_stars_have_alike_is_no_turn(shift: tuple[float, float]) -> None:
    for seed in range(4):
        assert turned_shape(doubled(0, shift, seed), MIDDLE)[1] < 4


def test_few_stars_and_stars_at_one_place_tell_nothing() -> None:
    stars = doubled(0.012j)
    assert np.isnan(turned_shape(stars.select(slice(11)), MIDDLE)).all()
    alike = replace(stars, x=np.full(len(stars), MIDDLE[0]), y=np.full(len(stars), MIDDLE[1]))
    assert np.isfinite(turned_shape(alike, MIDDLE)).all()


@pytest.mark.parametrize("number", [12, 20, 60])
def test_chance_seems_as_sure_as_it_is_however_few_the_stars(number: int) -> None:
    rng = np.random.default_rng(number)
    stars = doubled(0).select(np.zeros(number, int))
    sigmas = []
    for _ in range(400):
        e1, e2 = rng.normal(0, 0.05, (2, number))
        blended = rng.random(number) < 0.15
        e1[blended] += rng.normal(0, 0.3, blended.sum())
        x, y = rng.uniform(0, 400, (2, number))
        _, seen = turned_shape(replace(stars, x=x, y=y, e1=e1, e2=e2), MIDDLE)
        sigmas.append(surely_turned(seen, number))
    # lengths of a Gaussian in two dimensions: half above 1.18, one in a hundred above 3.03
    assert np.quantile(sigmas, 0.5) == pytest.approx(1.18, abs=0.25)
    assert np.quantile(sigmas, 0.99) == pytest.approx(3.03, abs=0.6)
    assert max(sigmas) < 5
