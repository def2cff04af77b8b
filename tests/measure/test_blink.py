from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from spacekit.measure.blink import BlinkSettings, render_blinks, save_blinks
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.nouns import Mosaic, Product

from .fields import brightness, image, scatter, write_product

SMALL = BlinkSettings(cutout_px=64, field_px=128)


@pytest.fixture(scope="module")
def mosaics(simulated: Path) -> dict[str, Mosaic]:
    """The misaligned of the first pair and all others, by mosaic name."""
    found, _ = find_mosaics(simulated)
    return {mosaic.index: mosaic for mosaic in found}


def test_products_show_the_same_pixels(mosaics: dict[str, Mosaic]) -> None:
    for mosaic in mosaics.values():
        first, second = render_blinks(mosaic, SMALL)
        assert first.product < second.product
        for blink in (first, second):
            assert blink.cutout.shape == (64, 64)
            assert max(blink.field.shape) == 128
            assert blink.cutout.max() > 120  # a source is in it
        assert first.field.shape == second.field.shape


def test_an_offset_between_filters_is_seen(tmp_path: Path, mosaics: dict[str, Mosaic]) -> None:
    mosaic = shifted(next(iter(mosaics.values())), tmp_path, pixels=6)
    first, second = render_blinks(mosaic, SMALL)
    moved = [
        np.abs(np.roll(first.cutout, by, axis=1)[:, 8:-8].astype(float) - second.cutout[:, 8:-8])
        for by in (0, 6)
    ]
    assert moved[1].mean() < moved[0].mean()


def shifted(mosaic: Mosaic, folder: Path, pixels: int) -> Mosaic:
    """Replace the second filter by the first, its pixels moved along +x under the same WCS."""
    first, second = mosaic.filters
    path = folder / "moved_drz.fits"
    assert first.drizzled is not None
    with fits.open(first.drizzled) as hdus:
        hdus["SCI"].data = np.roll(hdus["SCI"].data, pixels, axis=1)
        hdus.writeto(path)
    return replace(mosaic, filters=(first, replace(second, drizzled=path)))


def test_one_filter_shows_its_exposures(mosaics: dict[str, Mosaic]) -> None:
    mosaic = next(iter(mosaics.values()))
    one = replace(mosaic, filters=mosaic.filters[:1])
    shown = render_blinks(one, SMALL)
    with_images = [p for p in mosaic.exposures if p.drizzled is not None]
    assert len(shown) == (len(with_images) if len(with_images) > 1 else 0)


def many(folder: Path, count: int) -> Mosaic:
    """A mosaic of one filter; its exposures see the more of a hundred stars, the later they are."""
    shape = (500, 600)
    rng = np.random.default_rng(8)
    places, fluxes = scatter(rng, 100, shape), brightness(rng, 100)
    folder.mkdir()
    exposures = tuple(
        write_product(folder, f"f606w {n:02d}", image(rng, places, fluxes * (n + 1), shape))
        for n in range(count)
    )
    total = Product(replace(exposures[0].name, filter="total", exposure=""), None)
    return Mosaic(folder, str(total.name), total, (), exposures)


def test_of_many_exposures_those_with_most_to_see_are_shown(tmp_path: Path) -> None:
    shown = render_blinks(many(tmp_path / "x", 9), replace(SMALL, most=3))
    assert [blink.product for blink in shown] == ["f606w_06", "f606w_07", "f606w_08"]


def test_more_exposures_take_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for count in (4, 24):
        visit = many(tmp_path / str(count), count)
        render_blinks(visit, SMALL)  # what is loaded and kept once for all
        tracemalloc.start()
        assert render_blinks(visit, replace(SMALL, most=4))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # headers stay, a few KB each; the footprint alone of an exposure has 300
    assert (peaks[1] - peaks[0]) / 20 < 100_000


def test_what_cannot_be_shown_is_left_out(tmp_path: Path, mosaics: dict[str, Mosaic]) -> None:
    mosaic = replace(next(iter(mosaics.values())), exposures=())
    first, second = mosaic.filters
    broken = tmp_path / "broken_drz.fits"
    broken.write_bytes(b"SIMPLE  =" + b" " * 100)
    other = tmp_path / "other_drz.fits"
    assert second.drizzled is not None
    with fits.open(second.drizzled) as hdus:
        hdus["SCI"].header["CRPIX1"] += 3
        hdus.writeto(other)
    for path in (broken, other, None):
        assert render_blinks(replace(mosaic, filters=(first, replace(second, drizzled=path)))) == ()


def test_files_are_small_and_gray(tmp_path: Path, mosaics: dict[str, Mosaic]) -> None:
    index, mosaic = next(iter(mosaics.items()))
    paths = save_blinks(render_blinks(mosaic), tmp_path, index)
    names = {path.name for path in paths}
    filters = [product.name.filter for product in mosaic.filters]
    assert names == {f"{index}_{k}_{f}.jpg" for k in ("blink", "blinkfield") for f in filters}
    assert sum(path.stat().st_size for path in paths) < 200_000
    for path in paths:
        with Image.open(path) as image:
            assert image.mode == "L"
