"""Contact sheets of native cutouts: what is chosen, written and read back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from spacekit.errors import FrameError
from spacekit.measure.file_names import stamps_path
from spacekit.measure.sheet import COUNT, SIDE_PX, read_stamps, write_stamps
from spacekit.measure.sources import find_sources
from spacekit.measure.stamps import cut_stamps, encode_image

from .fields import brightness, image, scatter

SHAPE = (500, 520)


def stamps_of(count: int, *, doubled: bool = False, wht: np.ndarray | None = None):
    """Stamps of a field of stars; doubled ones have a second image 4 px to the right."""
    rng = np.random.default_rng(3)
    positions, flux = scatter(rng, count, SHAPE, 30), brightness(rng, count, 200)
    pixels = image(rng, positions, flux, SHAPE)
    if doubled:
        pixels += image(None, positions + np.array([4.0, 0.0]), 0.8 * flux, SHAPE)
    wht = np.ones(SHAPE, np.float32) if wht is None else wht
    return cut_stamps(pixels, wht, find_sources(pixels, wht))


def test_stars_lie_in_the_middle_and_peak_at_white():
    stamps = stamps_of(80)
    assert len(stamps) == COUNT
    middle = SIDE_PX // 2
    rows, columns = np.unravel_index(
        stamps.pixels[:, 0].reshape(COUNT, -1).argmax(axis=1), (SIDE_PX, SIDE_PX)
    )
    # a brighter star may lie at a stamp's edge
    assert (np.abs(rows - middle) <= 1).mean() > 0.9
    assert (np.abs(columns - middle) <= 1).mean() > 0.9
    assert stamps.pixels[:, 0].max() == 1
    assert np.median(stamps.pixels[:, 1]) == pytest.approx(1 / 1.5, abs=0.01)


def test_a_doubled_star_shows_both_images_and_which_side_is_up():
    stamps = stamps_of(40, doubled=True)
    whole = np.median(stamps.pixels[stamps.present, 0], axis=0)
    middle = SIDE_PX // 2
    right, left = whole[middle, middle + 4], whole[middle, middle - 4]
    assert max(right, left) > 0.8
    assert whole[middle + 4, middle] < 0.6


def test_holes_in_the_weight_show():
    wht = np.ones(SHAPE, np.float32)
    rng = np.random.default_rng(3)
    for x, y in np.rint(scatter(rng, 60, SHAPE, 30)).astype(int):
        wht[y - 1 : y + 2, x - 1 : x + 2] = 0.5
    stamps = stamps_of(60, wht=wht)
    core = stamps.pixels[stamps.present, 1, 15:18, 15:18]
    assert np.median(core) == pytest.approx(0.5 / 1.5, abs=0.05)


def test_what_is_written_is_read_back(tmp_path):
    stamps = stamps_of(10)
    assert 5 <= len(stamps) <= 10
    path = write_stamps(stamps, tmp_path, "name")
    assert path == stamps_path(tmp_path, "name")
    back = read_stamps(path)
    np.testing.assert_allclose(back / 255, stamps.pixels, atol=1 / 500)
    np.testing.assert_array_equal(back[:, 1].any(axis=(1, 2)), stamps.present)
    assert back.dtype == np.uint8
    assert back.shape == (COUNT, 2, SIDE_PX, SIDE_PX)


def test_the_sheet_has_north_up(tmp_path):
    stamps = stamps_of(10)
    stamps.pixels[0, 0] = 0
    stamps.pixels[0, 0, SIDE_PX - 1, 0] = 1  # the highest y, the lowest x
    with Image.open(write_stamps(stamps, tmp_path, "name")) as sheet:
        assert np.asarray(sheet)[0, 0] == 255


def test_no_sources_make_an_empty_sheet(tmp_path):
    blank = np.random.default_rng(1).normal(0, 1, SHAPE)
    stamps = cut_stamps(blank, np.ones(SHAPE), find_sources(blank, np.ones(SHAPE)))
    assert not len(stamps)
    assert not read_stamps(write_stamps(stamps, tmp_path, "name")).any()
    tiny = np.ones((1, 1))
    assert len(cut_stamps(tiny, tiny, find_sources(tiny, tiny))) == 0


def test_stars_are_spread_over_the_field():
    rng = np.random.default_rng(4)
    corner = rng.uniform(30, 230, (200, 2))
    rest = scatter(rng, 40, SHAPE, 30)
    pixels = image(rng, np.vstack([corner, rest]), np.full(240, 3000.0), SHAPE)
    wht = np.ones(SHAPE)
    sources = find_sources(pixels, wht)
    stamps = cut_stamps(pixels, wht, sources)
    assert len(stamps) == COUNT


@pytest.mark.parametrize("content", [b"", b"junk", b"\x89PNG\r\n\x1a\n"])
def test_a_broken_sheet_is_refused(tmp_path, content):
    path = tmp_path / "x_stamps.png"
    path.write_bytes(content)
    with pytest.raises(FrameError, match="run prep again"):
        read_stamps(path)


def test_a_sheet_of_another_size_is_refused_and_a_missing_one_is_none(tmp_path):
    Image.new("L", (100, 100)).save(tmp_path / "small.png")
    with pytest.raises(FrameError, match="no contact sheet"):
        read_stamps(tmp_path / "small.png")
    assert read_stamps(tmp_path / "none.png") is None


def test_gray_runs_from_a_tenth_below_the_background_to_the_peak():
    gray = encode_image(np.array([-1.0, -0.1, 0.0, 0.5, 1.0, 2.0]))
    assert gray[0] == gray[1] == 0
    assert gray[4] == gray[5] == 1
    assert 0.2 < gray[2] < 0.4 < gray[3] < 1
