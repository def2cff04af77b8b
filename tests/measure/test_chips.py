"""A chip of one exposure that lies elsewhere than the other chip."""

from pathlib import Path

import numpy as np
import pytest

from spacekit.measure.evidence import measure_evidence
from spacekit.measure.findings import Offset
from spacekit.measure.looks import Notes, look_at

from .fields import cosmic_rays, image, mosaic, scatter, write_product

SHAPE = (400, 400)
UPPER = np.arange(SHAPE[0])[:, None] >= SHAPE[0] // 2
CHIPS = np.broadcast_to(np.where(UPPER, 2, 1), SHAPE)


def offsets(
    folder: Path, shift: tuple[float, float], count: int = 12, context: np.ndarray | None = CHIPS
) -> dict[str, Offset]:
    """Measure three exposures, struck by cosmic rays; in the last the upper chip is displaced."""
    rng = np.random.default_rng(7)
    stars, flux = scatter(rng, count, SHAPE), np.full(count, 1500.0)
    moved = stars + np.where(stars[:, 1:] >= SHAPE[0] / 2, shift, 0.0)
    products = [write_product(folder, "total", image(rng, stars, flux, SHAPE))]
    for exposure, places in (("aa", stars), ("ab", stars), ("ac", moved)):
        pixels = cosmic_rays(rng, image(rng, places, flux, SHAPE), 120)
        products.append(
            write_product(folder, f"f606w {exposure}", pixels, exposures=1, context=context)
        )
    found = measure_evidence(mosaic(folder, *products)).findings.exposures
    return {offset.exposure: offset for offset in found.offsets}


@pytest.mark.parametrize("shift", [(0.7, 0.0), (1.0, -1.0), (-3.0, 3.5)])
def test_half_a_dozen_stars_tell_a_chip_that_is_off(
    tmp_path: Path, shift: tuple[float, float]
) -> None:
    found = offsets(tmp_path, shift)
    assert [name for name, offset in found.items() if offset.part_sources] == ["ac"]
    off = found["ac"]
    both = [np.array([off.dx_px, off.dy_px]), np.array([off.part_dx_px, off.part_dy_px])]
    apart = both[1] - both[0]
    assert np.abs(apart) == pytest.approx(np.abs(shift), abs=0.15)
    assert off.length_px == pytest.approx(np.hypot(*shift), abs=0.2)


def test_chips_that_agree_are_no_parts(tmp_path: Path) -> None:
    found = offsets(tmp_path, (0.0, 0.0))
    assert set(found) == {"ab", "ac"} or set(found) == {"aa", "ac"} or set(found) == {"aa", "ab"}
    assert not any(offset.part_sources for offset in found.values())
    assert max(offset.length_px for offset in found.values()) < 0.15


def test_an_exposure_that_is_turned_as_a_whole_has_no_part(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    stars, flux = scatter(rng, 60, SHAPE), np.full(60, 1500.0)
    away = stars - 200
    turned = stars + np.radians(0.15) * np.column_stack([-away[:, 1], away[:, 0]])
    products = [write_product(tmp_path, "total", image(rng, stars, flux, SHAPE))]
    for exposure, places in (("aa", stars), ("ab", stars), ("ac", turned)):
        pixels = image(rng, places, flux, SHAPE)
        products.append(
            write_product(tmp_path, f"f606w {exposure}", pixels, exposures=1, context=CHIPS)
        )
    found = measure_evidence(mosaic(tmp_path, *products)).findings.exposures.offsets
    assert not any(offset.part_sources for offset in found)
    off = next(offset for offset in found if offset.exposure == "ac")
    assert off.roll_deg == pytest.approx(0.15, abs=0.02)
    assert off.largest_px == pytest.approx(np.radians(0.15) * 280, rel=0.2)


def test_without_a_context_image_so_few_stars_tell_no_chip(tmp_path: Path) -> None:
    found = offsets(tmp_path, (0.7, 0.0), context=None)
    assert not any(offset.part_sources for offset in found.values())


def test_sources_of_an_exposure_know_their_chip(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    stars = scatter(rng, 20, SHAPE)
    pixels = image(rng, stars, np.full(20, 1500.0), SHAPE)
    both = CHIPS.copy()
    both[:, :200] = 3  # reached by both: it is on neither
    for name, context, known in (("f606w aa", both, {0.0, 1.0, 2.0}), ("f606w", CHIPS, {0.0})):
        product = write_product(tmp_path, name, pixels, context=context)
        look, _ = look_at(product, None, Notes([], {}))
        assert look is not None
        assert set(look.sources.chip) == known
    look, _ = look_at(
        write_product(tmp_path, "f606w aa", pixels, context=both), None, Notes([], {})
    )
    assert look is not None
    right = look.sources.x > 202
    assert (look.sources.chip[right] == np.where(look.sources.y[right] > 199.5, 2, 1)).all()
    assert (look.sources.chip[look.sources.x < 198] == 0).all()


def test_a_context_image_of_another_shape_costs_the_chips_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pixels = image(rng, scatter(rng, 20, SHAPE), np.full(20, 1500.0), SHAPE)
    product = write_product(tmp_path, "f606w aa", pixels, context=CHIPS[:50])
    look, _ = look_at(product, None, Notes([], {}))
    assert look is not None
    assert len(look.sources) > 10
    assert not look.sources.chip.any()
