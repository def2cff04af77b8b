"""A run's output made of numpy: predictions, pictures, offsets, some of it missing or hostile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from spacekit.measure.findings import Absolute, Findings, Group, Offset
from spacekit.measure.findings_file import write_findings
from spacekit.report.write import ReportSource
from spacekit.visit.nouns import Problem

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><script>alert(1)</script>"


def mosaic_name(number: int) -> str:
    """Name a made-up mosaic."""
    return f"hst_{30000 + number}_01_wfc3_ir_total_i{number:04d}1"


def predictions(count: int, seed: int = 1) -> pd.DataFrame:
    """Make a table as predict writes it; the first row is the most suspicious one."""
    rng = np.random.default_rng(seed)
    proba = np.sort(rng.beta(0.3, 2.0, count))[::-1]
    offset = np.where(rng.random(count) < 0.2, np.nan, 4 * proba + rng.uniform(0, 0.2, count))
    return pd.DataFrame(
        {
            "numexp": 4,
            "rms_ra": 8.0,
            "point": rng.integers(5, 500, count),
            "det": rng.integers(0, 5, count),
            "wcs": rng.integers(0, 4, count),
            "offset_px": offset,
            "y_pred": (proba > 0.5).astype(float),
            "y_proba": proba,
            "index": [mosaic_name(number) for number in range(count)],
            "rests_on": "table + pixels + frames",
            "reason": [f"F160W is off by {4 * p:.2f} px from F110W" for p in proba],
        }
    )


def draw_pictures(img: Path, name: str, rng: np.random.Generator, shift: int = 5) -> None:
    """Write frames, stamps, and two filters to blink, one shifted against the other."""
    folder = img / name
    folder.mkdir(parents=True)
    y, x = np.mgrid[:200, :200]
    sky = 20 + rng.normal(0, 3, (200, 200))
    for y0, x0 in rng.uniform(15, 185, (25, 2)):
        sky += rng.uniform(60, 220) * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 4)
    gray = sky.clip(0, 255).astype(np.uint8)
    for suffix in ("", "_source", "_gaia", "_stamps"):
        Image.fromarray(np.repeat(gray[:, :, None], 3, axis=2)).save(folder / f"{name}{suffix}.png")
    for kind in ("blink", "blinkfield"):
        Image.fromarray(gray).save(folder / f"{name}_{kind}_f110w.jpg")
        Image.fromarray(np.roll(gray, shift, 1)).save(folder / f"{name}_{kind}_f160w.jpg")


_MEASURED = Offset(
    filter="f160w",
    exposure="",
    reference="f110w",
    exptime_s=600.0,
    dx_px=3.1,
    dy_px=-1.4,
    dx_mas=397.0,
    dy_mas=-179.0,
    sigma_px=0.03,
    sources=41,
    largest_px=3.4,
    largest_sigma_px=0.04,
    roll_deg=3e-4,
    scatter_px=0.1,
    method="sources",
)
FINDINGS = Findings(
    filters=Group("f110w", 600.0, (_MEASURED,), ("f140w",)),
    exposures=Group("f110w aa", 300.0, (replace(_MEASURED, exposure="ac", dx_px=3.0),)),
    absolute=Absolute(12.3, -3.0, 1.0, 19),
    scale_mas=128.25,
)


def write_run(folder: Path, count: int, pictured: int = 3) -> ReportSource:
    """Lay out a run of `count` mosaics, the first few with pictures and offsets."""
    rng = np.random.default_rng(2)
    table = predictions(count)
    for name in table["index"][:pictured]:
        draw_pictures(folder / "img", name, rng)
        write_findings(FINDINGS, folder / "img", name)
    (folder / "img").mkdir(exist_ok=True)
    scraped = table[["index"]].assign(targname="SIM-FIELD-01", ra_targ=149.4, dec_targ=-63.4)
    problems = (Problem("", "x_total_x.fits", "file is empty; fetch it again"),)
    return ReportSource(
        table,
        folder / "img",
        "night 1",
        thresholds={"filters": 0.5, "total": 0.7},
        scraped=scraped,
        problems=problems,
    )
