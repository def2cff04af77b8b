"""How wide stars are."""

from __future__ import annotations

import numpy as np
import pytest

from spacekit.measure.sources import find_sources
from spacekit.measure.star_sizes import star_size_px
from spacekit.measure.widths import star_width

from .fields import brightness, image, scatter

SHAPE = (300, 320)


def sources_of(shift: tuple[float, float], seed: int = 3, count: int = 40):
    """Sources of a field of stars as two exposures show it that are so far apart."""
    rng = np.random.default_rng(seed)
    places, flux = scatter(rng, count, SHAPE, 20), brightness(rng, count, 400)
    pixels = image(rng, places, flux / 2, SHAPE)
    pixels += image(None, places + shift, flux / 2, SHAPE)
    return find_sources(pixels, np.ones(SHAPE, np.float32))


def test_stars_are_as_wide_as_they_should_be() -> None:
    single = sources_of((0, 0))
    size = float(np.median(single.size_px))
    found = star_width(single, size)
    assert found.width == pytest.approx(1, abs=0.01)
    assert found.share > 0.8
    assert found.sources >= 30


def test_exposures_apart_make_all_stars_wider() -> None:
    size = float(np.median(sources_of((0, 0)).size_px))
    widths = [star_width(sources_of((apart, 0)), size).width for apart in (0.7, 1.0, 1.5)]
    assert widths == sorted(widths)
    assert widths[0] > 1.02


def test_a_few_wide_sources_are_no_stars() -> None:
    single, wide = sources_of((0, 0)), sources_of((2.5, 0), seed=5)
    size = float(np.median(single.size_px))
    both = type(single)(
        **{k: np.concatenate([getattr(single, k), getattr(wide, k)]) for k in vars(single)}
    )
    assert star_width(both, size).width == pytest.approx(1, abs=0.02)


def test_nothing_is_said_without_stars_or_a_size_to_hold_against() -> None:
    single = sources_of((0, 0))
    for found in (star_width(single, np.nan), star_width(single.select(slice(3)), 1.0)):
        assert np.isnan(found.width)
        assert found.sources == 0


@pytest.mark.parametrize(
    ("detector", "filters", "size"),
    [
        ("uvis", ["f606w"], 1.033),
        ("uvis", ["f606w", "f814w"], (1.033 + 1.159) / 2),
        ("ir", ["f160w"], 0.973),
        ("wfc", ["f606w", "clear"], 1.033),
        ("wfc", ["f606w-pol0v"], 1.033),
    ],
)
def test_the_size_of_a_star_goes_by_detector_and_filter(
    detector: str, filters: list[str], size: float
) -> None:
    assert star_size_px(detector, filters) == pytest.approx(size)


@pytest.mark.parametrize(
    ("detector", "filters"), [("nicmos", ["f160w"]), ("wfc", []), ("wfc", ["detection"])]
)
def test_the_size_is_unknown_elsewhere(detector: str, filters: list[str]) -> None:
    assert np.isnan(star_size_px(detector, filters))
