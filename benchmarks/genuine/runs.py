"""The folders that are compared: genuine products, and ours of the same exposures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.pipeline import process_visit
from spacekit.mosaic.reference import read_reference_stars
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.nouns import Mosaic
from spacekit.visit.truth import MosaicTruth, of_mosaic, read_truth

MISSING = """{folder}: there is no {part}/ with something in it. The folder needs
visits/     a folder of the real pipeline's products for each visit,
exposures/  a folder of its flt or flc files, with reference_catalog.csv,
truth/      a JSON that tells what was done to it.
Unpack the genuine products and name their folder with --hap or SPACEKIT_HAP."""


@dataclass(frozen=True)
class Run:
    """One visit, made by the real pipeline and by ours of the same exposures.

    Parameters
    ----------
    name : str
        ipppss.
    theirs, ours : Mosaic
        Its products.
    truth : MosaicTruth
        What was done to it.
    solutions : dict of str to WCS
        By exposure file name, the WCS of its first chip that ours ended with.
    """

    name: str
    theirs: Mosaic
    ours: Mosaic
    truth: MosaicTruth
    solutions: dict[str, WCS]

    @property
    def sides(self) -> dict[str, Mosaic]:
        """The two by name."""
        return {"real": self.theirs, "ours": self.ours}

    def true_px(self, side: str, filter_name: str) -> NDArray[np.float64]:
        """Give a filter's true mean offset (dx, dy) in the mosaic of one of the pipelines."""
        if side == "real":
            return np.array(self.truth.entry["filters"][filter_name.upper()]["dxdy_px"])
        offsets = []
        for exposure in self.truth.entry["exposures"]:
            if exposure["filter"].lower() == filter_name:
                true_ra, true_dec = self.truth.exposures[exposure["file"]].chips[0].crval_deg
                ra, dec = self.solutions[exposure["file"]].wcs.crval
                east = (ra - true_ra) * np.cos(np.radians(dec))
                offsets.append((-east, dec - true_dec))
        mean = np.mean(offsets, axis=0) * 3600 / self.truth.entry["mosaic_scale_arcsec"]
        return np.asarray(mean, np.float64)


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
        truth = true_of(hap / "truth", genuine[name])
        runs.append(Run(name, genuine[name], ours[0], truth, solutions))
    return runs


def true_of(truths: Path, mosaic: Mosaic) -> MosaicTruth:
    """Read what was done to a visit."""
    path = truths / f"{mosaic.folder.name}.json"
    truth = of_mosaic(str(mosaic.total.name), read_truth(path).mosaics)
    if truth is None:
        raise SystemExit(f"{path}: doesn't tell of {mosaic.total.name}")
    return truth


def process(folder: Path, out: Path) -> dict[str, WCS]:
    """Run the embedded pipeline on a folder of exposures; give the solutions of first chips."""
    exposures = [read_exposure(p) for p in sorted(folder.glob("*_fl?.fits"))]
    done = process_visit(exposures, read_reference_stars(folder), out)
    return {name: chips[0] for name, chips in done.final_wcs.items()}
