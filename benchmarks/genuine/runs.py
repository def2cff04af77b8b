"""The folders that are compared: genuine products, and ours of the same exposures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.pipeline import process_visit
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.nouns import Mosaic

MISSING = """{folder}: there is no {part}/ with something in it. The folder needs
visits/     a folder of the real pipeline's products for each visit,
exposures/  a folder of its flt or flc files, with reference_catalog.csv,
truth/      a JSON that tells what was done to it.
Unpack the genuine products and name their folder with --hap or SPACEKIT_HAP. Without them, make
such visits: `spacekit svm simulate` with exposures, then the real pipeline on them
(`make drizzlepac-env`)."""


@dataclass(frozen=True)
class Run:
    """One visit, made by the real pipeline and by ours of the same exposures.

    Parameters
    ----------
    name : str
        ipppss.
    theirs, ours : Mosaic
        Its products.
    truth : dict
        What was done to it.
    solutions : dict of str to WCS
        By exposure file name, the WCS of its first chip that ours ended with.
    """

    name: str
    theirs: Mosaic
    ours: Mosaic
    truth: dict[str, Any]
    solutions: dict[str, WCS]

    @property
    def sides(self) -> dict[str, Mosaic]:
        """The two by name."""
        return {"real": self.theirs, "ours": self.ours}

    def true_px(self, side: str, filter_name: str) -> NDArray[np.float64]:
        """Give a filter's true mean offset (dx, dy) in the mosaic of one of the pipelines."""
        if side == "real":
            return np.array(self.truth["filters"][filter_name.upper()]["dxdy_px"])
        offsets = []
        for exposure in self.truth["exposures"]:
            if exposure["filter"].lower() == filter_name:
                true = exposure["true_wcs"]
                ra, dec = self.solutions[exposure["file"]].wcs.crval
                east = (ra - true["CRVAL1"]) * np.cos(np.radians(dec))
                offsets.append((-east, dec - true["CRVAL2"]))
        return np.mean(offsets, axis=0) * 3600 / self.truth["mosaic_scale_arcsec"]


def check(hap: Path) -> None:
    """Refuse a folder that isn't laid out as the genuine products are."""
    for part in ("visits", "exposures", "truth"):
        if not any((hap / part).glob("*")):
            raise SystemExit(MISSING.format(folder=hap, part=part))


def genuine_mosaics(hap: Path) -> dict[str, Mosaic]:
    """Find the real pipeline's mosaics, by the visit's name."""
    found, _ = find_mosaics(hap / "visits")
    return {m.folder.name: m for m in found}


def make_runs(hap: Path, out: Path) -> list[Run]:
    """Process the exposures of every visit that has genuine products too."""
    genuine = genuine_mosaics(hap)
    runs = []
    for folder in sorted((hap / "exposures").iterdir()):
        name = folder.name
        if name not in genuine:
            continue
        print(f"{name}: processing")
        solutions = process(folder, out / name)
        ours, _ = find_mosaics(out / name)
        truth = json.loads((hap / "truth" / f"{name}.json").read_text())
        runs.append(Run(name, genuine[name], ours[0], truth, solutions))
    return runs


def process(folder: Path, out: Path) -> dict[str, WCS]:
    """Run the embedded pipeline on a folder of exposures; give the solutions of first chips."""
    reference = Table.read(folder / "reference_catalog.csv", format="ascii.csv")
    for name in ("ra", "dec"):
        reference.rename_column(name, name.upper())
    exposures = [read_exposure(p) for p in sorted(folder.glob("*_fl?.fits"))]
    done = process_visit(exposures, reference, out)
    return {name: chips[0] for name, chips in done.final_wcs.items()}
