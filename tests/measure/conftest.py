"""A small made-up visit with the pipeline's names and formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

TOTAL = "hst_16901_01_wfc3_ir_total_iza101"
SHAPE = (60, 80)
FIT = {"RMS_RA": 9.5, "RMS_DEC": 8.5, "NMATCHES": 20}


def write_drizzled(path: Path, sci: np.ndarray, wht: np.ndarray, cards: dict[str, Any]) -> None:
    """Write a drizzled image; cards in capitals of ext 1, but for those of the primary."""
    first = {"NUMEXP", "DETECTOR", "TARGNAME", "RA_TARG", "DEC_TARG", "PROPOSID"}
    header = fits.Header(
        {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CRPIX1": sci.shape[1] / 2,
            "CRPIX2": sci.shape[0] / 2,
            "CRVAL1": 150.0,
            "CRVAL2": -30.0,
            "CD1_1": -3.6e-5,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
            "CD2_2": 3.6e-5,
        }
    )
    primary = fits.PrimaryHDU()
    for key, value in cards.items():
        (primary.header if key in first else header)[key] = value
    images = [fits.ImageHDU(sci, header, name="SCI"), fits.ImageHDU(wht, name="WHT")]
    fits.HDUList([primary, *images]).writeto(path, overwrite=True)


def sky(x_px: float, y_px: float, shape: tuple[int, int] = SHAPE) -> tuple[float, float]:
    """Where a pixel (0-based) of the made-up mosaic is: RA, Dec in deg, to a few mas."""
    dec = -30.0 + (y_px - shape[0] / 2 + 1) * 3.6e-5
    ra = 150.0 - (x_px - shape[1] / 2 + 1) * 3.6e-5 / np.cos(np.deg2rad(-30.0))
    return float(ra), float(dec)


MakeVisit = Callable[..., str]


@pytest.fixture
def make_visit() -> MakeVisit:
    """Give a function that lays out a visit of one mosaic and gives the total's name.

    The left quarter isn't exposed; the reference catalog has two stars inside, one in the
    unexposed part and one beyond the image.
    """

    def make(
        folder: Path,
        *,
        name: str = TOTAL,
        qa: bool = True,
        catalogs: bool = True,
        reference: bool = False,
        sci: np.ndarray | None = None,
        **cards: Any,
    ) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(3).normal(0, 0.1, SHAPE)
        sci = noise.astype(np.float32) if sci is None else sci
        wht = np.ones(sci.shape, dtype=np.float32)
        wht[:, : sci.shape[1] // 4] = 0
        standard = {
            "NUMEXP": 4,
            "DETECTOR": "IR",
            "TARGNAME": "SIM-1",
            "RA_TARG": 150.0,
            "DEC_TARG": -30.0,
            "PROPOSID": 16901,
            "WCSNAME": "IDC_x-FIT_SVM_GAIAeDR3",
            "WCSTYPE": "undistorted a posteriori solution aligned by visit to GAIAEDR3",
            **FIT,
        }
        kept = {k: v for k, v in {**standard, **cards}.items() if v is not None}
        write_drizzled(folder / f"{name}_drz.fits", sci, wht, kept)
        if qa:
            counts = {"detector": "ir", "point": 7, "segment": 9}
            content = {
                "header": {"NUMEXP": 4, "TARGNAME": "SIM-1"},
                "data": {"number_of_sources": {"data": counts}},
            }
            (folder / f"{name}_svm_num_sources.json").write_text(json.dumps(content))
        if catalogs:
            xy = {"X-Center": [40.0, 60.0, 5.0], "Y-Center": [30.0, 20.0, 30.0]}
            Table({**xy, "Flags_f110w": [0, 4, 0]}).write(folder / f"{name}_point-cat.ecsv")
            xy = {"X-Centroid": [40.0, 70.0], "Y-Centroid": [30.0, 50.0]}
            Table({**xy, "Flags_f110w": [1, 7]}).write(folder / f"{name}_segment-cat.ecsv")
        if reference:
            positions = np.array([sky(40, 30), sky(60, 20), sky(5, 30), sky(500, 30)])
            table = Table({"RA": positions[:, 0], "DEC": positions[:, 1]})
            table.write(folder / "ref_cat.ecsv")
        return name

    return make
