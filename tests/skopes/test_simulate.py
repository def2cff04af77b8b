"""Training sets are repeatable, resumable, and labelled by geometry."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from spacekit.errors import OptionError
from spacekit.simulate.draw import DrawSettings
from spacekit.simulate.settings import SimulationSettings
from spacekit.skopes.hst.svm.simulate import run_simulation, simulate_training_set

SMALL = SimulationSettings(DrawSettings(detectors={"ir": 1.0}, sizes={128: 1.0}))


@pytest.fixture(scope="module")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    made = simulate_training_set(folder, 3, seed=4, settings=SMALL, workers=2)
    assert made.failures == ()
    assert made.visits >= 3
    return folder


def test_a_training_set_is_a_labelled_table_and_frames(training_set: Path) -> None:
    table = pd.read_csv(training_set / "svm_data.csv")
    assert set(table["label"].dropna()) <= {0, 1}
    assert table["true_offset_px"].notna().all()
    for name in table["index"]:
        assert (training_set / "img" / name / f"{name}.png").is_file()
    assert not list(training_set.rglob("*.fits"))


def test_an_interrupted_training_set_goes_on_and_comes_out_the_same(training_set: Path) -> None:
    table, shards = training_set / "svm_data.csv", training_set / "scenes"
    whole = table.read_bytes()
    table.unlink()
    first, *kept = sorted(shards.iterdir())
    first.unlink()
    times = {path: path.stat().st_mtime_ns for path in kept}
    simulate_training_set(training_set, 3, seed=4, settings=SMALL, workers=1)
    assert table.read_bytes() == whole
    assert {path: path.stat().st_mtime_ns for path in kept} == times


@pytest.mark.parametrize("make", [run_simulation, simulate_training_set])
def test_no_visit_at_all_is_refused(make: object, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="ask for one or more"):
        make(tmp_path / "out", 0, 1)  # type: ignore[operator]
    assert not list(tmp_path.iterdir())
