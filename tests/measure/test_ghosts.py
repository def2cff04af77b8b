"""Ghosts are told from the second images that a misaligned mosaic shows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spacekit.measure.ghosts import ghosts_among
from spacekit.measure.pairs import find_pairs

Floats = NDArray[np.float64]
Field = tuple[Floats, Floats, Floats]

STARS = 150
#: Where two filters of ACS/SBC show a star's ghost, and its share of the star.
SHIFTS = ((-29.0, 86.0), (-28.0, 78.0))
SHARE = 0.004


@pytest.fixture
def stars() -> Field:
    """Stars whose fluxes span four decades, brightest first, away from the edges."""
    rng = np.random.default_rng(11)
    x, y = rng.uniform(150, 850, (2, STARS))
    return x, y, np.sort(10 ** rng.uniform(1, 5, STARS))[::-1]


def with_ghosts(stars: Field) -> Field:
    """Add the ghosts of the brightest stars, as two filters show them."""
    rng = np.random.default_rng(12)
    x, y, flux = stars
    bright = flux * SHARE > 15
    ghosts = [(x[bright] + dx, y[bright] + dy, flux[bright] * SHARE * 0.5) for dx, dy in SHIFTS]
    gx, gy, gf = np.hstack(ghosts)
    wrong = rng.normal(0, 0.7, (2, gx.size))
    return np.append(x, gx + wrong[0]), np.append(y, gy + wrong[1]), np.append(flux, gf)


def test_ghosts_of_two_filters_are_told_and_stars_are_not(stars: Field) -> None:
    ghosts = ghosts_among(*with_ghosts(stars))
    assert ghosts[STARS:].mean() > 0.95
    assert ghosts[:STARS].sum() <= 3


def test_without_ghosts_the_mosaic_does_not_look_doubled(stars: Field) -> None:
    x, y, flux = with_ghosts(stars)
    before = find_pairs(np.column_stack([x, y]), flux)
    kept = ~ghosts_among(x, y, flux)
    after = find_pairs(np.column_stack([x, y])[kept], flux[kept])
    assert before is not None
    assert before.share > 0.1
    assert after is not None
    assert after.share == 0


def test_second_images_of_a_misaligned_mosaic_are_no_ghosts(stars: Field) -> None:
    x, y, flux = stars
    doubled = np.append(x, x + 31), np.append(y, y - 44), np.append(flux, 0.4 * flux)
    assert not ghosts_among(*doubled).any()


@pytest.mark.parametrize("count", [0, 1, 2, STARS])
def test_stars_without_ghosts_stay(stars: Field, count: int) -> None:
    x, y, flux = (values[:count] for values in stars)
    assert not ghosts_among(x, y, flux).any()
