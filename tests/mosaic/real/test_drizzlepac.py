"""Our exposures through the real pipeline; by hand and before a release.

The interpreter is the one that SPACEKIT_DRIZZLEPAC_PYTHON names, else what `make drizzlepac-env`
makes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacekit.errors import PipelineError
from spacekit.mosaic.engines import drizzlepac_engine
from spacekit.mosaic.real.run import DrizzlepacSettings, check_interpreter
from spacekit.simulate.corrupt import CorruptionSettings
from spacekit.simulate.reprocess import process_simulated
from spacekit.simulate.scene import write_visit
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.visit import VisitSpec, simulate_visit
from spacekit.skopes.hst.svm.corrupt import run_corruption
from spacekit.skopes.hst.svm.prep import run_preprocessing

pytestmark = pytest.mark.slow

FILTERS = {
    "ir": ("F110W", "F160W"),
    "uvis": ("F606W", "F814W"),
    "wfc": ("F606W", "F814W"),
    "hrc": ("F606W", "F814W"),
    "sbc": ("F125LP", "F140LP"),
}
INJECTED_PX = 4.0


@pytest.fixture(scope="module")
def python() -> Path:
    root = Path(__file__).resolve().parents[3]
    named = os.environ.get("SPACEKIT_DRIZZLEPAC_PYTHON", root / ".venv-drizzlepac/bin/python")
    try:
        check_interpreter(Path(named))
    except PipelineError as error:
        pytest.skip(str(error))
    return Path(named)


def simulate(folder: Path, detector: str, gaia: str) -> Path:
    spec = VisitSpec(
        7,
        seed=5,
        detector=detector,
        filters=FILTERS[detector],
        size=300,
        scene="crowded",
        gaia=gaia,
        ra_deg=359.999,
        dec_deg=62.0,
        orient_deg=40.0,
        mode="one-filter",
        offset_px=INJECTED_PX,
    )
    visit = simulate_visit(spec, np.random.default_rng(5))
    return write_visit(visit, folder, SimulationSettings(exposures=True))


@pytest.mark.parametrize("detector", FILTERS)
def test_exposures_are_accepted_and_truth_is_read_back(python, tmp_path, detector) -> None:
    visit = simulate(tmp_path, detector, "few")
    engine = drizzlepac_engine(DrizzlepacSettings(python, time_limit_s=1800))
    ((solution, truth),) = process_simulated(visit, tmp_path / "real", engine, "drizzlepac")
    assert not solution.fit.accepted  # fewer than 12 reference stars
    assert truth.label == 1
    assert truth.offset_px == pytest.approx(INJECTED_PX, abs=0.3)
    # nothing was fitted by either: the same WCS, the same truth
    told = json.loads((visit / "truth.json").read_text())["mosaics"][solution.total]
    assert truth.offset_px == pytest.approx(told["offset_px"], abs=1e-3)
    kept = {path.name.partition(f"{solution.total}_")[2] for path in (tmp_path / "real").iterdir()}
    assert {"point-cat.ecsv", "segment-cat.ecsv", "svm_num_sources.json"} <= kept
    real, embedded = (measure(tmp_path / name) for name in ("real", visit.name))
    assert (real["index"], real["numexp"], real["rms_ra"]) == (solution.total, 4, -1)
    assert real["point"] > 0
    assert real["gaia"] == embedded["gaia"] < 12


def measure(folder: Path) -> dict[str, Any]:
    """Prep a folder of one mosaic, and give its row."""
    made = run_preprocessing(folder, output_path=folder.with_suffix(".out"), workers=1, draw=0)
    assert not [problem for problem in made.problems if problem.fatal]
    (row,) = made.table.to_dict("records")
    return row


def test_a_fit_repairs_the_error(python, tmp_path) -> None:
    visit = simulate(tmp_path, "ir", "many")
    engine = drizzlepac_engine(DrizzlepacSettings(python, time_limit_s=1800))
    ((solution, truth),) = process_simulated(visit, tmp_path / "real", engine, "drizzlepac")
    assert solution.fit.accepted
    assert solution.fit.nmatches >= 12
    assert truth.offset_px < 0.3


def test_a_corrupted_copy_is_processed_and_labelled(python, tmp_path) -> None:
    visit = simulate(tmp_path / "visits", "ir", "few")
    made = run_corruption(
        visit,
        tmp_path / "out",
        CorruptionSettings("mfi", mode="stat", threshold="standard"),
        seed=3,
        runsvm=1,
        engine="drizzlepac",
        drizzlepac_python=python,
    )
    assert not made.problems
    for copy in made.copies:
        said = dict(x.split(": ", 1) for x in (copy / "corruption.txt").read_text().splitlines())
        assert said["engine"] == "drizzlepac"
        assert said["label"] == "1"
        injected = float(said["injected_offset_px"])
        assert float(said["final_offset_px"]) == pytest.approx(injected, rel=0.1)
