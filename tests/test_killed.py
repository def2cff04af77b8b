"""Commands that are killed at any moment and given again: they finish, and nothing is torn.

The killing is real: SIGKILL to a child process, at moments drawn at random over the time that the
command takes when it is left alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from PIL import Image

from spacekit.measure.store import read_store
from spacekit.model.infer import load_model
from spacekit.visit.catalogs import read_ecsv

PREP = """
from spacekit.skopes.hst.svm.prep import run_preprocessing
run_preprocessing(given / "visits", output_path=out, workers=2, size=128)
"""
PREDICT = """
from spacekit.skopes.hst.svm.predict import predict_alignment
predict_alignment(given / "svm_data.csv", given / "img", output_path=out)
"""
SIMULATE = """
from spacekit.skopes.hst.svm.simulate import run_simulation
run_simulation(out, 2, 4, SMALL, workers=2)
"""
MEASURE = """
from spacekit.skopes.hst.svm.simulate import simulate_training_set
simulate_training_set(out, 3, 4, SMALL, workers=2)
"""
CORRUPT = """
from spacekit.simulate.corrupt import CorruptionSettings
from spacekit.skopes.hst.svm.corrupt import run_corruption
run_corruption(given / "visits", out, CorruptionSettings("mfi"), seed=1, runsvm=1)
"""
TRAIN = """
from spacekit.model.settings import TrainingSettings
from spacekit.skopes.hst.svm.train import run_training
quick = TrainingSettings(image_size=64, threads=1, table_epochs=2, stamp_epochs=1)
params = {"epochs": 12, "batch_size": 8, "early_stopping": None}
toy = given / "toy"
run_training(toy / "svm_data.csv", toy / "img", params=params, output_path=out, settings=quick)
"""
_SETTINGS = """
import sys
from pathlib import Path
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.draw import DrawSettings
given, out = map(Path, sys.argv[1:])
SMALL = SimulationSettings(DrawSettings(detectors={"ir": 1.0}, sizes={128: 1.0}), exposures=True)
"""


@dataclass(frozen=True)
class Command:
    """What is killed: its code, what it leaves for good once it is there, and what it is for."""

    code: str
    finished: Callable[[Path], list[Path]]
    results: str


def _prepped(out: Path) -> list[Path]:
    records = list(out.glob(".spacekit/*.json"))
    return records + [f for r in records for f in (out / "img" / r.stem).iterdir()]


def _visits(out: Path) -> list[Path]:
    return [f for truth in out.glob("*/truth.json") for f in truth.parent.rglob("*.*")]


def _scenes(out: Path) -> list[Path]:
    shards = list(out.glob("scenes/[!.]*.csv"))
    names = [name for path in shards for name in pd.read_csv(path)["index"]]
    return shards + [f for name in names for f in (out / "img" / name).iterdir()]


def _copies(out: Path) -> list[Path]:
    made = [f for record in out.glob("*/corruption.txt") for f in record.parent.glob("*_fl?.fits")]
    return made + _visits(out)


COMMANDS = {
    "prep": Command(PREP, _prepped, "*svm_data.csv"),
    "predict": Command(PREDICT, lambda out: [], "predictions/predictions.csv"),
    "simulate": Command(SIMULATE, _visits, "*/truth.json"),
    "measure": Command(MEASURE, _scenes, "svm_data.csv"),
    "corrupt": Command(CORRUPT, _copies, "*/corruption.txt"),
    # an epoch leaves no file of its own; that none is done again shows in the same weights
    "train": Command(TRAIN, lambda out: [], "results/*/predictions.csv"),
}


@pytest.fixture(scope="module")
def given(simulated: Path, toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small visits with their exposures, what prep makes of them, and a set to train on."""
    folder = tmp_path_factory.mktemp("given")
    shutil.copytree(toy, folder / "toy")
    for path in sorted(simulated.iterdir())[:2]:
        shutil.copytree(path, folder / "visits" / path.name)
    subprocess.run(_line(PREP, folder, folder), check=True)
    return folder


def _line(code: str, given: Path, out: Path) -> list[str]:
    # a file, not -c: workers are new interpreters, which look for the code of their parent
    script = out.with_name(f"{out.name}.py")
    script.write_text(_SETTINGS + code)
    return [sys.executable, str(script), str(given), str(out)]


def kill_and_repeat(command: Command, given: Path, folder: Path, kills: int, seed: int) -> None:
    """Kill a command so many times, and after each see that what was done stays as it is."""
    whole = folder / "whole"
    start = time.monotonic()
    subprocess.run(_line(command.code, given, whole), check=True)
    takes_s = time.monotonic() - start
    rng = np.random.default_rng(seed)
    out = folder / "killed"
    done: dict[Path, int] = {}
    while kills:
        child = subprocess.Popen(_line(command.code, given, out))
        try:
            child.wait(rng.uniform(0.3, 1.0) * takes_s)
            assert child.returncode == 0
            check(command, out, whole, done)
            shutil.rmtree(out)
            done = {}
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            time.sleep(0.2)  # its workers notice and end
            kills -= 1
            unchanged(done)
            done = {path: path.stat().st_mtime_ns for path in command.finished(out)}
    subprocess.run(_line(command.code, given, out), check=True)
    check(command, out, whole, done)


def check(command: Command, out: Path, whole: Path, done: dict[Path, int]) -> None:
    """See that all is there, whole, and the same as without a kill."""
    unchanged(done)
    assert not list(out.rglob(".part-*"))
    for path in out.rglob("*.*"):
        if path.is_file():
            read(path)
    found = {path.relative_to(out): path.read_bytes() for path in out.glob(command.results)}
    assert found
    assert found == {p.relative_to(whole): p.read_bytes() for p in whole.glob(command.results)}


def unchanged(done: dict[Path, int]) -> None:
    assert done == {path: path.stat().st_mtime_ns for path in done}


def read(path: Path) -> None:
    """Read a file to its end, whatever it is."""
    match path.suffix:
        case ".fits":
            with fits.open(path) as hdus:
                assert all(hdu.data is not None for hdu in hdus[1:3])
        case ".csv":
            assert len(pd.read_csv(path)) > 0
        case ".ecsv":
            read_ecsv(path)
        case ".json":
            json.loads(path.read_text())
        case ".h5":
            read_store(path)
        case ".onnx":
            load_model(path)
        case ".png" | ".jpg":
            with Image.open(path) as image:
                image.load()
        case ".txt" | ".out" | ".html":
            assert path.read_text().endswith(("\n", "")) or path.name == "compromised.txt"
        case other:
            raise AssertionError(f"{path}: what is {other}?")


@pytest.mark.parametrize(
    ("name", "kills"), [("prep", 2), ("predict", 1), ("corrupt", 1), ("train", 1)]
)
def test_a_killed_command_goes_on(name: str, kills: int, given: Path, tmp_path: Path) -> None:
    kill_and_repeat(COMMANDS[name], given, tmp_path, kills, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_goes_on_however_often_it_is_killed(
    name: str, seed: int, given: Path, tmp_path: Path
) -> None:
    kill_and_repeat(COMMANDS[name], given, tmp_path, 4, seed)
