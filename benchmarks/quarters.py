"""Verdicts on quarters of genuine mosaics: the same errors, other stars, a fourth of them.

    python -m benchmarks.quarters HAP WORK --docs          four minutes

HAP holds genuine visits of known error (`visits/`, `truth/`). Their products are cut in four where
the middle of the exposed pixels is, and the bundled model answers the quarters: with all products,
without those of exposures, with the total's alone. The whole visits were looked at when measures
were made; what holds for each quarter doesn't hang on a star or two. ``--docs`` writes
`docs/tables/quarters.md`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.table import Table

from benchmarks.tables import markdown
from spacekit.files import ensure_folder
from spacekit.skopes.hst.svm.predict import classify
from spacekit.skopes.hst.svm.prep import run_preprocessing
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.nouns import Mosaic, Product

_TABLE: Final = Path(__file__).parents[1] / "docs" / "tables" / "quarters.md"
_QUARTERS: Final = ("lower-left", "lower-right", "upper-left", "upper-right")
_VIEWS: Final = ("all products", "no exposure products", "the total alone")
_IMAGES: Final = ("SCI", "WHT", "CTX")
_POSITIONS: Final = (("X-Center", "Y-Center"), ("X-Centroid", "Y-Centroid"))


@dataclass(frozen=True)
class Box:
    """A part of a mosaic, in 0-based pixels, without the upper limits."""

    x: tuple[int, int]
    y: tuple[int, int]


def quarters_of(total: Path) -> Iterator[Box]:
    """Give the four parts of a mosaic around the middle of what was exposed, as in _QUARTERS."""
    weight = fits.getdata(total, "WHT")
    height, width = weight.shape
    row, column = (int(np.median(places)) for places in np.nonzero(weight > 0))
    for y in ((0, row), (row, height)):
        for x in ((0, column), (column, width)):
            yield Box(x, y)


def cut_image(path: Path, out: Path, box: Box) -> None:
    """Write a part of a drizzled product; sky positions of pixels stay."""
    with fits.open(path) as hdus:
        for hdu in hdus:
            if hdu.name in _IMAGES:
                hdu.data = np.ascontiguousarray(hdu.data[..., slice(*box.y), slice(*box.x)])
                hdu.header["CRPIX1"] -= box.x[0]
                hdu.header["CRPIX2"] -= box.y[0]
        hdus.writeto(out / path.name, output_verify="silentfix")


def cut_catalog(path: Path, out: Path, box: Box) -> None:
    """Write the sources of a catalog that lie in a part of the mosaic."""
    table = Table.read(path, format="ascii.ecsv")
    x, y = next(names for names in _POSITIONS if names[0] in table.colnames)
    inside = np.ones(len(table), dtype=bool)
    for name, (low, high) in ((x, box.x), (y, box.y)):
        inside &= (table[name] >= low) & (table[name] < high)
        table[name] -= low
    table[inside].write(out / path.name, format="ascii.ecsv")


def cut_product(product: Product, out: Path, box: Box) -> None:
    """Write what there is of a product in a part of the mosaic; QA files as they are."""
    if product.drizzled:
        cut_image(product.drizzled, out, box)
    for catalog in filter(None, (product.point_catalog, product.segment_catalog)):
        cut_catalog(catalog, out, box)
    for path in product.qa.values():
        shutil.copy(path, out)


def cut_visits(mosaics: list[Mosaic], work: Path) -> None:
    """Lay quarters of all visits below ``work/<view>/<quarter>/``."""
    for mosaic in mosaics:
        seen = (
            (mosaic.total, *mosaic.filters, *mosaic.exposures),
            (mosaic.total, *mosaic.filters),
            (mosaic.total,),
        )
        if mosaic.total.drizzled is None:
            raise SystemExit(f"{mosaic.folder}: no total image")
        boxes = list(quarters_of(mosaic.total.drizzled))
        for view, products in zip(_VIEWS, seen, strict=True):
            for quarter, box in zip(_QUARTERS, boxes, strict=True):
                out = ensure_folder(work / view / quarter / mosaic.folder.name)
                for path in mosaic.reference_catalogs:
                    shutil.copy(path, out)
                for product in products:
                    cut_product(product, out, box)


def answers(work: Path) -> pd.DataFrame:
    """Measure and classify all quarters; index, y_pred, y_proba, view, quarter."""
    told = []
    for view in _VIEWS:
        for quarter in _QUARTERS:
            out = work / "out" / view / quarter
            made = run_preprocessing(work / view / quarter, output_path=out, blink=False)
            found = classify(made.csv_path, made.img_path, output_path=out).predictions
            told.append(found[["index", "y_pred", "y_proba"]].assign(view=view, quarter=quarter))
    return pd.concat(told, ignore_index=True)


def summary(table: pd.DataFrame, truths: dict[str, float]) -> str:
    """Count flagged quarters and give their probabilities, by visit and view."""
    rows = []
    for visit, offset in sorted(truths.items(), key=lambda each: each[1]):
        cells = []
        for view in _VIEWS:
            some = table[(table["view"] == view) & table["index"].str.endswith(visit)]
            low, high = some["y_proba"].min(), some["y_proba"].max()
            cells.append(f"{int(some['y_pred'].sum())} of {len(some)} ({low:.3f} to {high:.3f})")
        rows.append([visit, f"{offset:.2f}", *cells])
    return markdown(["visit", "off by, px", *(f"flagged, {view}" for view in _VIEWS)], rows)


def main() -> None:
    """Parse the command line, cut, answer, and sum up."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hap", type=Path)
    parser.add_argument("work", type=Path, help="a new folder")
    parser.add_argument("--docs", action="store_true")
    args = parser.parse_args()
    args.work.mkdir()
    mosaics, _ = find_mosaics(args.hap / "visits")
    cut_visits(mosaics, args.work)
    truths = {
        mosaic.folder.name: float(
            json.loads((args.hap / "truth" / f"{mosaic.folder.name}.json").read_text())["offset_px"]
        )
        for mosaic in mosaics
    }
    print(text := summary(answers(args.work), truths))
    if args.docs:
        _TABLE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
