"""A second image of every source."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.measure.sources import find_sources
from spacekit.measure.twins import find_twins

from .fields import brightness, image, scatter

SHAPE = (300, 320)


def stacked(second: tuple[float, float] | None, share=0.3, mixed=False, seed=4, count=60):
    """Twins of a field of stars; some share of each star is displaced."""
    rng = np.random.default_rng(seed)
    places, flux = scatter(rng, count, SHAPE, 30), brightness(rng, count, 400)
    pixels = image(rng, places, flux, SHAPE)
    if second is not None:
        colours = 10 ** rng.uniform(-0.5, 0.5, count) if mixed else 1.0
        pixels += image(None, places + second, share * flux * colours, SHAPE)
    wht = np.ones(SHAPE, np.float32)
    return find_twins(pixels, wht, find_sources(pixels, wht))


@pytest.mark.parametrize("seed", range(4))
def test_single_stars_have_none(seed: int) -> None:
    twins = stacked(None, seed=seed)
    assert twins.sources >= 40
    assert max(twins.turned, twins.crossed, twins.near) < 3


@pytest.mark.parametrize("second", [(3.0, 1.0), (-5.0, 7.0), (11.0, -4.0)])
def test_a_fainter_second_image_is_seen(second: tuple[float, float]) -> None:
    twins = stacked(second, share=0.1)
    assert twins.turned > 3
    assert max(twins.turned, twins.crossed, twins.near) > 3
    sign = np.sign(twins.dx_px * second[0])
    assert (sign * twins.dx_px, sign * twins.dy_px) == pytest.approx(second, abs=1)


def test_a_second_image_as_bright_is_seen_on_both_sides() -> None:
    twins = stacked((6.0, 5.0), share=1.0, mixed=True)
    assert twins.crossed > 8
    assert twins.crossed > twins.turned
    assert (twins.dx_px, twins.dy_px) == pytest.approx((6, 5), abs=1)
    near = stacked((-1.0, -3.0), share=1.0, mixed=True)
    assert near.near > 8
    assert (near.dx_px, near.dy_px) == pytest.approx((1, 3), abs=1)


def test_what_is_fainter_than_3_percent_is_no_image() -> None:
    assert stacked((6.0, 0.0), share=0.02).turned < 3


def test_few_sources_tell_nothing() -> None:
    assert stacked(None, count=6) is None
    nothing = np.zeros((30, 30), np.float32)
    assert find_twins(nothing, nothing, find_sources(nothing, nothing)) is None


def test_edges_and_missing_pixels_are_no_images() -> None:
    rng = np.random.default_rng(1)
    places = scatter(rng, 120, SHAPE, 3)
    pixels = image(rng, places, brightness(rng, 120, 150), SHAPE)
    wht = np.ones(SHAPE, np.float32)
    wht[:, 150:160] = 0
    pixels[:, 150:160] = np.nan
    twins = find_twins(pixels, wht, find_sources(pixels, wht))
    assert max(twins.turned, twins.crossed, twins.near) < 3
