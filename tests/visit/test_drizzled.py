"""Reading drizzled images, good and broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from spacekit.errors import ProductError
from spacekit.visit.drizzled import read_drizzled
from spacekit.visit.values import as_count, as_number, as_text, card

SHAPE = (30, 40)


@pytest.mark.parametrize("what", ["header", "HDUs"])
def test_what_goes_on_and_on_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.fits"
    fits.PrimaryHDU().writeto(path)
    more = b"COMMENT on and on".ljust(80) * 36
    with path.open("ab") as file:
        if what == "header":
            file.seek(0)
            file.truncate()
            file.write(b"SIMPLE  =                    T".ljust(80) * 36 + more * 2000)
        else:
            empty = fits.ImageHDU()
            block = (repr(empty.header).replace(chr(10), "") + "END").ljust(2880).encode()
            file.write(block * 1000)
    with pytest.raises(ProductError, match=rf"over \d+ ?\w* ?{'HDUs' if what == 'HDUs' else ''}"):
        read_drizzled(path)


def sky_header() -> fits.Header:
    cards = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRPIX1": 20.0,
        "CRPIX2": 15.0,
        "CRVAL1": 150.0,
        "CRVAL2": -30.0,
        "CD1_1": -3.6e-5,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": 3.6e-5,
    }
    return fits.Header(cards)


def write(path: Path, sci: np.ndarray | None = None, wht: np.ndarray | None = None) -> Path:
    sci = np.arange(1200, dtype=np.float32).reshape(SHAPE) if sci is None else sci
    wht = np.ones(sci.shape, dtype=np.float32) if wht is None else wht
    parts = [fits.PrimaryHDU(), fits.ImageHDU(sci, sky_header(), name="SCI")]
    fits.HDUList([*parts, fits.ImageHDU(wht, name="WHT")]).writeto(path, overwrite=True)
    return path


def test_pixels_are_native_and_the_footprint_is_where_weight_is(tmp_path: Path) -> None:
    sci = np.ones(SHAPE, dtype=np.float32)
    wht = np.ones(SHAPE, dtype=np.float32)
    sci[0, 0], wht[1, 1], wht[2, 2], wht[3, 3] = np.nan, 0, np.nan, -1
    image = read_drizzled(write(tmp_path / "x.fits", sci, wht))
    assert image.shape == SHAPE
    assert image.sci.dtype == np.dtype(np.float32)
    assert image.sci.dtype.isnative
    assert image.wht.min() == 0
    expected = np.ones(SHAPE, dtype=bool)
    expected[[1, 2, 3], [1, 2, 3]] = False
    np.testing.assert_array_equal(image.footprint, expected)
    assert not image.is_blank


def test_a_footprint_without_values_is_blank(tmp_path: Path) -> None:
    sci, wht = np.full(SHAPE, np.nan, dtype=np.float32), np.ones(SHAPE, dtype=np.float32)
    assert read_drizzled(write(tmp_path / "x.fits", sci, wht)).is_blank
    assert read_drizzled(write(tmp_path / "y.fits", wht, 0 * wht)).is_blank
    sci[-1, -1] = 0
    assert not read_drizzled(write(tmp_path / "z.fits", sci, wht)).is_blank


def test_strips_put_together_are_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacekit.visit.drizzled._STRIP_PX", 7 * SHAPE[1])
    monkeypatch.setattr("spacekit.visit.drizzled._STRIPS_MAPPED", 2)
    sci = np.arange(1200, dtype=np.float32).reshape(SHAPE)
    wht = np.ones(SHAPE, dtype=np.float32)
    sci[5, 7], wht[4, 9], wht[6, 9], wht[8, 8] = np.nan, 0, -1, np.inf
    image = read_drizzled(write(tmp_path / "x.fits", sci, wht))
    rows, columns = slice(1, 30), slice(3, 38)
    strips = list(image.strips(rows, columns))
    assert [s[0].start for s in strips] == [1, 8, 15, 22, 29]
    inside = np.concatenate([s[2] for s in strips])
    there = image.footprint & np.isfinite(image.sci)
    np.testing.assert_array_equal(inside, there[rows, columns])
    assert (inside == 0).sum() == 4
    pixels = np.concatenate([s[1] for s in strips])
    np.testing.assert_array_equal(pixels, np.where(inside > 0, image.sci[rows, columns], 0))
    assert image.sci[1, 2] == 42


def test_pixels_too_large_for_float32_have_no_value(tmp_path: Path) -> None:
    sci, wht = np.ones(SHAPE), np.ones(SHAPE)
    sci[3, 4] = wht[5, 6] = 1e300
    image = read_drizzled(write(tmp_path / "x.fits", sci, wht))
    assert image.sci[3, 4] == np.inf
    assert image.wht[5, 6] == 0
    _, _, inside = next(image.strips(slice(0, 30), slice(0, 40)))
    assert np.argwhere(inside == 0).tolist() == [[3, 4], [5, 6]]


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="no such file"):
        read_drizzled(tmp_path / "none.fits")
    path = tmp_path / "x.fits"
    path.touch()
    with pytest.raises(ProductError, match="empty"):
        read_drizzled(path)
    path.write_bytes(b"\x1f\x8b" + bytes(100))  # a packed one isn't unpacked
    with pytest.raises(ProductError, match="not a FITS file"):
        read_drizzled(path)
    with pytest.raises(ProductError, match="no such file"):
        read_drizzled(tmp_path)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "x.fits").read_bytes()
    wht_end = len(whole)
    for size in (9, 80, 2880, 2881, 5760, 6000, 9000, wht_end // 2, wht_end - 2880):
        path = tmp_path / "cut.fits"
        path.write_bytes(whole[:size])
        with pytest.raises(ProductError, match=r"cut\.fits"):
            read_drizzled(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"CTYPE1  = 'RA---TAN'", b"CTYPE1  = 'LINEAR  '", "WCS|celestial"),
        (b"CD1_1   =             -3.6E-05", b"CD1_1   =                    0", "WCS|broken"),
        (b"CRVAL1  =                150.0", b"CRVAL1  =              1.0E400", "WCS|broken"),
        (b"NAXIS1  =                   40", b"NAXIS1  =             40000000", "cut|px"),
        (b"NAXIS1  =                   40", b"NAXIS1  =                   -4", "broken|px"),
        (b"EXTNAME = 'SCI     '", b"EXTNAME = 'ERR     '", "no SCI"),
        (b"EXTNAME = 'WHT     '", b"EXTNAME = 'CTX     '", "no WHT"),
        (b"BITPIX  =                  -32", b"BITPIX  = 'float'             ", "broken"),
    ],
)
def test_hostile_headers(tmp_path: Path, old: bytes, new: bytes, said: str) -> None:
    whole = write(tmp_path / "x.fits").read_bytes()
    assert old in whole
    assert len(old) == len(new)
    path = tmp_path / "bad.fits"
    path.write_bytes(whole.replace(old, new, 1))
    with pytest.raises(ProductError, match=said):
        read_drizzled(path)


def test_extensions_that_are_no_images_of_one_shape(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fits", wht=np.ones((3, 4), dtype=np.float32))
    with pytest.raises(ProductError, match="WHT is"):
        read_drizzled(path)
    path = write(tmp_path / "x.fits", sci=np.ones((2, 3, 4), dtype=np.float32))
    with pytest.raises(ProductError, match="3 axes"):
        read_drizzled(path)
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.ones(3))], name="SCI")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    with pytest.raises(ProductError, match="SCI is no image"):
        read_drizzled(path)


def test_values_are_checked() -> None:
    assert [as_count(v) for v in (4, 4.0, 0)] == [4, 4, 0]
    wrong = (True, -1, 1.5, "4", None, float("nan"), float("inf"), 10**400, [4], 2e9)
    assert [as_count(v) for v in wrong] == [None] * len(wrong)
    assert as_number(-1.5) == -1.5
    assert as_number(float("nan")) is None
    assert as_text("  a\x07b ") == "ab"
    assert [as_text(v) for v in ("", " ", 3, None)] == [None] * 4
    header = fits.Header.fromstring("A       = 5".ljust(80) + "B       = 'open".ljust(80))
    assert card(header, "A") == 5
    assert card(header, "B") is None
    assert card(header, "C") is None
