"""Frames: geometry, stretch, overlays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spacekit.errors import FrameError
from spacekit.measure.features import Catalogs
from spacekit.measure.frames import (
    Crop,
    Frames,
    average,
    render_frames,
    save_frames,
)
from spacekit.measure.settings import FrameSettings
from spacekit.visit.catalogs import ReferenceCatalog, Sources
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import Drizzled, read_drizzled

from .conftest import SHAPE, sky, write_drizzled

RED, BLUE, GREEN, CYAN = (255, 40, 40), (70, 110, 255), (0, 230, 0), (0, 255, 255)


def image_of(path: Path, sci: np.ndarray, wht: np.ndarray | None = None) -> Drizzled:
    wht = np.ones(sci.shape) if wht is None else wht
    write_drizzled(path, sci.astype(np.float32), wht.astype(np.float32), {})
    return read_drizzled(path)


def noise(shape: tuple[int, int] = SHAPE, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(5).normal(0, scale, shape)


def sources(*rows: tuple[float, float, int]) -> Sources:
    x, y, flag = zip(*rows, strict=True)
    return Sources(np.array(x, dtype=float), np.array(y, dtype=float), np.array(flag))


def where(frame: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((frame == colour).all(axis=2))


def test_a_frame_is_cropped_scaled_and_north_up(tmp_path: Path) -> None:
    sci, wht = noise((200, 300)), np.zeros((200, 300))
    wht[100:150, 20:120] = 1
    sci[145, 25] = 1000  # upper left in FITS
    frame = render_frames(image_of(tmp_path / "x.fits", sci, wht), Catalogs()).plain
    assert frame.shape == (256, 512, 3)
    assert frame.dtype == np.uint8
    row, column = np.unravel_index(frame[:, :, 0].argmax(), frame.shape[:2])
    assert row == pytest.approx((149 - 145 + 0.5) * 5.12, abs=4)
    assert column == pytest.approx((25 - 20 + 0.5) * 5.12, abs=4)


def test_averaging_keeps_a_lone_bright_pixel_and_the_mean(tmp_path: Path) -> None:
    sci = noise((512, 512), 0.01)
    sci[301, 207] = 50
    settings = FrameSettings(size_px=100)
    frame = render_frames(image_of(tmp_path / "x.fits", sci), Catalogs(), settings).plain
    assert frame.shape == (100, 100, 3)
    row, column = np.unravel_index(frame[:, :, 0].argmax(), (100, 100))
    assert (row, column) == (99 - int(301.5 / 5.12), int(207.5 / 5.12))
    assert frame[row, column, 0] == 255


def test_strips_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = image_of(tmp_path / "x.fits", noise((331, 257)))
    settings = FrameSettings(size_px=128)
    whole = render_frames(image, Catalogs(), settings).plain
    monkeypatch.setattr("spacekit.visit.drizzled._STRIP_PX", 257 * 10)
    striped = render_frames(read_drizzled(image.path), Catalogs(), settings).plain
    np.testing.assert_allclose(striped.astype(int), whole.astype(int), atol=1)


def test_averaging_is_by_area_over_exposed_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    sci, wht = rng.lognormal(0, 3, (331, 257)), (rng.random((331, 257)) > 0.3).astype(float)
    wht[:40, :90] = 0
    image = image_of(tmp_path / "x.fits", sci, wht)
    crop = Crop.around(image.footprint, 60)
    assert crop is not None
    mean, exposed = average(image, crop)
    there = image.footprint & np.isfinite(image.sci)
    inside = there[crop.rows, crop.columns].astype(float)
    down, across = (shares(n, m) for n, m in zip(inside.shape, crop.shape, strict=True))
    area = down @ inside @ across.T
    total = down @ (inside * image.sci[crop.rows, crop.columns]) @ across.T
    half = 0.5 * inside.size / mean.size
    np.testing.assert_array_equal(exposed, area > half)
    np.testing.assert_allclose(mean[exposed], total[exposed] / area[exposed], rtol=1e-5)
    assert not mean[~exposed].any()


def shares(pixels: int, cells: int) -> np.ndarray:
    """Overlap of each of `cells` equal cells, first axis, with each pixel along one axis."""
    edges = np.linspace(0, pixels, cells + 1)[:, None]
    left, right = np.arange(pixels), np.arange(pixels) + 1
    return np.clip(np.minimum(right, edges[1:]) - np.maximum(left, edges[:-1]), 0, None)


def test_nothing_outside_the_footprint_matters(tmp_path: Path) -> None:
    sci, wht = noise(), np.ones(SHAPE)
    wht[:, :30] = 0
    wht[:20] = 0
    plain = render_frames(image_of(tmp_path / "a.fits", sci, wht), Catalogs()).plain
    for wild in (1e30, np.nan, -np.inf):
        sci[wht == 0] = wild
        other = render_frames(image_of(tmp_path / "b.fits", sci, wht), Catalogs()).plain
        np.testing.assert_array_equal(other, plain)


def test_saturation_does_not_hide_faint_stars(tmp_path: Path) -> None:
    sci = noise((300, 300), 0.1)
    sci[140:160, 50:250] = 1e6  # bleeding
    sci[60, 60] = 10
    frame = render_frames(image_of(tmp_path / "x.fits", sci), Catalogs()).plain[:, :, 0]
    star = frame[int((299 - 60) * 512 / 300), int(60.5 * 512 / 300)]
    assert star > 3 * np.median(frame[: 512 // 3])
    assert star > 60


def test_a_galaxy_that_fills_the_field_has_structure(tmp_path: Path) -> None:
    y, x = np.mgrid[:300, :300]
    sci = 50 * np.exp(-np.hypot(x - 150, y - 150) / 80) + noise((300, 300), 0.05)
    frame = render_frames(image_of(tmp_path / "x.fits", sci), Catalogs()).plain[:, :, 0]
    middle = frame[256]
    assert middle[256] > 200
    assert 60 < middle[80] < 220
    assert (frame == 0).mean() < 0.1
    assert (frame == 255).mean() < 0.05


def test_holes_stay_black_and_do_not_spread(tmp_path: Path) -> None:
    sci = noise((100, 100)) + 100
    sci[40:60, 40:60] = np.nan
    frame = render_frames(image_of(tmp_path / "x.fits", sci), Catalogs()).plain[:, :, 0]
    assert frame[256, 256] == 0
    assert np.median(frame[:190]) > 10


@pytest.mark.parametrize("value", [0.0, 7.0, -3.0])
def test_a_flat_mosaic_is_black(tmp_path: Path, value: float) -> None:
    frame = render_frames(image_of(tmp_path / "x.fits", np.full(SHAPE, value)), Catalogs()).plain
    assert not frame.any()


def test_one_pixel(tmp_path: Path) -> None:
    frames = render_frames(image_of(tmp_path / "x.fits", np.ones((1, 1))), Catalogs())
    assert [f.shape for f in frames] == [(512, 512, 3)] * 3


def test_no_exposed_pixel_is_an_error(tmp_path: Path) -> None:
    for sci, wht in ((np.full(SHAPE, np.nan), None), (noise(), np.zeros(SHAPE))):
        with pytest.raises(FrameError, match="no pixel is exposed"):
            render_frames(image_of(tmp_path / "x.fits", sci, wht), Catalogs())


def test_circles_have_the_published_colours_around_their_sources(tmp_path: Path) -> None:
    sci, wht = noise(), np.ones(SHAPE)
    wht[:, 70:] = 0
    image = image_of(tmp_path / "x.fits", sci, wht)
    catalogs = Catalogs(
        point=sources((10, 10, 1), (30, 10, 2), (50, 10, 6), (75, 10, 0), (-9, 10, 0)),
        segment=sources((10, 40, 0), (30, 40, 5), (np.nan, 40, 0)),
        reference=ReferenceCatalog(*np.array([sky(20, 30), sky(74, 30), sky(900, 30)]).T),
    )
    frames = render_frames(image, catalogs)
    scale, height = 512 / 70, frames.plain.shape[0]

    def at(x: float, y: float) -> tuple[float, float]:
        return height - 1 - ((y + 0.5) * scale - 0.5), (x + 0.5) * scale - 0.5

    for colour, places in (
        (RED, [(10, 10)]),
        (BLUE, [(10, 40)]),
        (GREEN, [(30, 10), (30, 40)]),
    ):
        pixels = where(frames.source, colour)
        distances = [np.hypot(*(pixels - at(*place)).T) for place in places]
        nearest = np.min(distances, axis=0)
        assert len(pixels) > 20 * len(places)
        assert (nearest < 8).all()
        assert (nearest > 3).all()  # open
        assert all(d.min() < 8 for d in distances)
    cyan = where(frames.gaia, CYAN)
    assert np.hypot(*(cyan - at(20, 30)).T).max() < 8
    assert not len(where(frames.source, CYAN))


def test_without_overlay_a_frame_is_the_plain_one(tmp_path: Path) -> None:
    image = image_of(tmp_path / "x.fits", noise())
    outside = ReferenceCatalog(np.array([10.0]), np.array([80.0]))
    for catalogs in (Catalogs(), Catalogs(sources((1, 1, 99)), None, outside)):
        frames = render_frames(image, catalogs)
        np.testing.assert_array_equal(frames.source, frames.plain)
        np.testing.assert_array_equal(frames.gaia, frames.plain)


def test_saved_frames_are_what_was_rendered(tmp_path: Path) -> None:
    catalogs = Catalogs(
        point=Sources(np.array([20.0, 40.0]), np.array([20.0, 30.0]), np.array([0, 4]))
    )
    frames = render_frames(image_of(tmp_path / "x.fits", noise()), catalogs)
    paths = save_frames(frames, tmp_path / "img", "name")
    assert [p.name for p in paths] == ["name.png", "name_source.png", "name_gaia.png"]
    assert (frames.source != frames.plain).any()
    for path, frame in zip(paths, frames, strict=True):
        with Image.open(path) as picture:
            assert picture.mode == "P"  # a third the size of RGB
            np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), frame)


def test_a_frame_of_other_colours_is_saved_as_it_is(tmp_path: Path) -> None:
    frame = np.random.default_rng(1).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    [path, *_] = save_frames(Frames(frame, frame, frame), tmp_path, "name")
    with Image.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture), frame)


def test_circles_of_genuine_catalogs_land_on_bright_pixels(hap: Path) -> None:
    """Stars lie under their circles: an overlay half a crop off would be no better than chance."""
    [mosaic], _ = find_mosaics(hap / "visits" / "iza101")
    from spacekit.measure.features import read_catalogs

    image = read_drizzled(mosaic.total.drizzled)
    catalogs, _ = read_catalogs(mosaic)
    frames = render_frames(image, catalogs)
    ringed = (frames.gaia != frames.plain).any(axis=2)
    gray = frames.plain[:, :, 0]
    near = [
        gray[max(r - 5, 0) : r + 6, max(c - 5, 0) : c + 6].max() for r, c in np.argwhere(ringed)
    ]
    assert np.median(near) > 150
    assert np.median(gray[gray > 0]) < 40
