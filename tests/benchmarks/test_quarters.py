"""Quarters of a mosaic: pixels, sky positions and catalogs go together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from benchmarks.quarters import Box, cut_catalog, cut_image, quarters_of


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    """An image of 40 x 60 px, exposed from column 20 on."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [150.0, 2.0], [30.0, 20.0], [-1e-5, 1e-5]
    sci = np.arange(40 * 60, dtype=np.float32).reshape(40, 60)
    wht = np.where(np.arange(60) >= 20, np.ones_like(sci), 0)
    hdus = [fits.PrimaryHDU()]
    hdus += [
        fits.ImageHDU(data, wcs.to_header(), name)
        for name, data in (("SCI", sci), ("WHT", wht), ("CTX", sci.astype(np.int32)))
    ]
    path = tmp_path / "total_drz.fits"
    fits.HDUList(hdus).writeto(path)
    return path


def test_quarters_meet_in_the_middle_of_what_was_exposed(mosaic: Path) -> None:
    boxes = list(quarters_of(mosaic))
    assert boxes[0] == Box((0, 39), (0, 19))
    assert boxes[3] == Box((39, 60), (19, 40))


def test_a_pixel_keeps_value_and_sky_position(mosaic: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    out.mkdir()
    cut_image(mosaic, out, Box((39, 60), (19, 40)))
    with fits.open(mosaic) as whole, fits.open(out / mosaic.name) as part:
        for name in ("SCI", "WHT", "CTX"):
            assert part[name].data.shape == (21, 21)
            assert part[name].data[2, 3] == whole[name].data[21, 42]
            there = WCS(part[name].header).wcs_pix2world([[3, 2]], 0)
            np.testing.assert_allclose(there, WCS(whole[name].header).wcs_pix2world([[42, 21]], 0))


def test_sources_go_where_their_pixels_go(tmp_path: Path) -> None:
    path, out = tmp_path / "point-cat.ecsv", tmp_path / "cut"
    out.mkdir()
    Table({"X-Center": [5.0, 45.5, 50.0], "Y-Center": [5.0, 20.0, 18.9]}).write(
        path, format="ascii.ecsv"
    )
    cut_catalog(path, out, Box((39, 60), (19, 40)))
    left = Table.read(out / path.name, format="ascii.ecsv")
    assert list(left["X-Center"]) == [6.5]
    assert list(left["Y-Center"]) == [1.0]
