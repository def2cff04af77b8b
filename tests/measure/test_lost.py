"""Weight that stars lack on one side."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.measure.lost import find_lost
from spacekit.measure.sources import find_sources

from .fields import brightness, image, scatter

SHAPE = (300, 320)


def stacked(places_of_holes, seed=4, count=60, share=0.5, hits=400):
    """Lost weight of a field of stars; holes of 3 x 3 px lie at shifts from half of the stars."""
    rng = np.random.default_rng(seed)
    places = scatter(rng, count, SHAPE, 30)
    pixels = image(rng, places, brightness(rng, count, 400), SHAPE)
    wht = np.ones(SHAPE, np.float32)
    struck = rng.integers(1, np.array(SHAPE) - 1, (hits, 2))  # cosmic rays
    wht[struck[:, 0], struck[:, 1]] = share
    for shift in places_of_holes:
        for x, y in np.rint(places[::2] + shift).astype(int):
            wht[y - 1 : y + 2, x - 1 : x + 2] = share
    return find_lost(wht, find_sources(pixels, wht))


@pytest.mark.parametrize("seed", range(6))
def test_cosmic_rays_lie_on_no_side(seed: int) -> None:
    lost = stacked([], seed=seed)
    assert lost.sources >= 12
    assert max(lost.turned, lost.crossed) < 3


@pytest.mark.parametrize("seed", range(3))
def test_cores_that_are_missing_on_all_sides_alike_say_nothing(seed: int) -> None:
    lost = stacked([(0, 0)], seed=seed)
    assert max(lost.turned, lost.crossed) < 3


def test_an_exposure_that_is_off_takes_weight_on_one_side() -> None:
    lost = stacked([(0, 0), (3, 1)])
    assert lost.turned > 5
    assert lost.turned > lost.crossed


def test_two_exposures_apart_take_weight_on_two_sides() -> None:
    lost = stacked([(2, 1), (-2, -1)])
    assert lost.crossed > 5
    assert lost.crossed > lost.turned


def test_few_stars_or_edges_tell_nothing() -> None:
    assert stacked([], count=6) is None
    rng = np.random.default_rng(1)
    places = scatter(rng, 40, SHAPE, 30)
    pixels = image(rng, places, brightness(rng, 40, 400), SHAPE)
    strips = np.ones(SHAPE, np.float32)
    strips[:, ::3] = 0.2  # no ring is even
    sources = find_sources(pixels, np.ones(SHAPE, np.float32))
    assert find_lost(strips, sources) is None
    assert find_lost(np.zeros(SHAPE, np.float32), sources) is None
    assert find_lost(np.full(SHAPE, np.nan, np.float32), sources) is None
