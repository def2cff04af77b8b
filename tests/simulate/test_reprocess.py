"""What came of an error is measured alike from files, whoever processed them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spacekit.errors import ProductError
from spacekit.mosaic.engines import Solution, embedded_engine
from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.nouns import Fit, PipelineSettings
from spacekit.simulate.corrupt import EXPOSURES
from spacekit.simulate.reprocess import process_simulated, reprocess_copy
from spacekit.visit.drizzled import read_drizzled
from spacekit.visit.poller import read_poller
from spacekit.visit.truth import label_of

QUICK = PipelineSettings(filter_products=False, catalogs=False, qa=False)


def mosaic_of(folder: Path) -> dict:
    (entry,) = json.loads((folder / "truth.json").read_text())["mosaics"].values()
    return entry


def test_truth_from_files_is_the_simulators_own(simulated: Path, tmp_path: Path) -> None:
    for visit in sorted(simulated.iterdir()):
        out = tmp_path / visit.name
        ((solution, truth),) = process_simulated(visit, out, embedded_engine(QUICK), "embedded")
        told = mosaic_of(visit)
        assert solution.total in json.loads((visit / "truth.json").read_text())["mosaics"]
        assert truth.offset_px == pytest.approx(told["offset_px"], abs=1e-3)
        assert truth.reference == told["reference"]
        assert mosaic_of(out)["mode"] == told["mode"]


def test_a_visit_without_truth_is_refused(simulated: Path, tmp_path: Path) -> None:
    exposures = next(simulated.iterdir()) / EXPOSURES
    with pytest.raises(ProductError, match=r"truth\.json: can't be read"):
        process_simulated(exposures, tmp_path / "out", embedded_engine(QUICK), "embedded")


def test_a_truth_without_pointings_is_refused(simulated: Path, tmp_path: Path) -> None:
    told = json.loads((next(simulated.iterdir()) / "truth.json").read_text())
    (entry,) = told["mosaics"].values()
    del entry["exposures"][0]
    visit = tmp_path / "visit"
    shutil.copytree(next(simulated.iterdir()) / EXPOSURES, visit / EXPOSURES)
    (visit / "truth.json").write_text(json.dumps(told))
    with pytest.raises(ProductError, match="doesn't tell where the chips of"):
        process_simulated(visit, tmp_path / "out", embedded_engine(QUICK), "embedded")


def two_mosaics(folder: Path) -> list[Solution]:
    """Stand in for an engine: one detector's exposures as they came, the other's a pixel off."""
    source = next(p for p in folder.iterdir() if p.name.endswith("_drz.fits"))
    mosaic, out = read_drizzled(source), []
    for total, off_deg in (("hst_a", 0.0), ("hst_b", 0.13 / 3600)):
        final = {}
        for number, line in enumerate(read_poller(folder)):
            wcs = [chip.wcs for chip in read_exposure(folder / line.filename).chips]
            for one in wcs:
                ra, dec = one.wcs.crval
                one.wcs.crval = [ra, dec + off_deg * (number == 0)]
            final[line.filename] = tuple(wcs)
        out.append(Solution(total, mosaic.wcs, mosaic.shape, final, Fit(False)))
    return out


def test_each_mosaic_of_a_copy_has_its_own_label(simulated: Path, tmp_path: Path) -> None:
    visit = sorted(simulated.iterdir())[0]
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (*(visit / EXPOSURES).iterdir(), next(visit.glob("*_total_*_drz.fits"))):
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "corruption.txt").write_text("visit: x\nlabel: 1\n")
    reprocess_copy(copy, visit / EXPOSURES, two_mosaics, "stand-in")
    said = (copy / "corruption.txt").read_text()
    assert "label: 1" not in said.splitlines()
    mosaics = json.loads((copy / "truth.json").read_text())["mosaics"]
    assert [m["label"] for m in mosaics.values()] == [0, 1]
    assert label_of(mosaics["hst_b"]["offset_px"]) == 1
    for total, entry in mosaics.items():
        assert f"mosaic: {total} final_offset_px={entry['offset_px']:.4f}" in said
