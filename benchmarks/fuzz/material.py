"""Valid files of every kind, made by the project's own writers."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from spacekit.evaluate.results import Result, write_result
from spacekit.measure.file_names import frame_paths
from spacekit.simulate.scene import write_visit
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_pair
from spacekit.skopes.hst.svm.corrupt import run_corruption
from spacekit.skopes.hst.svm.predict import classify
from spacekit.skopes.hst.svm.prep import run_preprocessing
from spacekit.visit.pictures import read_png

__all__ = ["make_material"]

_SIDE_PX = 128


def make_material(folder: Path) -> Path:
    """Simulate, prep, predict and corrupt one small visit; write what else there are readers for.

    Returns
    -------
    Path
        `folder`, with ``visit/``, ``copy/`` (a corrupted copy), ``out/`` (what prep and predict
        wrote), ``result/``, ``frames.npz``, ``model.onnx``, and tables: ``labelled.csv``,
        ``labels.csv``, ``targets.csv``.
    """
    spec = VisitSpec(
        1, seed=1, detector="ir", filters=("F110W", "F160W"), size=_SIDE_PX, gaia="few",
        mode="one-filter", offset_px=4.0,
    )  # fmt: skip
    visit, _ = simulate_pair(spec, np.random.default_rng(1))
    made = write_visit(visit, folder / "made", SimulationSettings(exposures=True))
    made.rename(folder / "visit")
    (copy, *_) = run_corruption(folder / "visit", folder / "copies", seed=1, runsvm=1).copies
    copy.rename(folder / "copy")
    for rest in ("made", "copies"):
        shutil.rmtree(folder / rest)
    prepared = run_preprocessing(folder / "visit", output_path=folder / "out", workers=1)
    classify(prepared.csv_path, prepared.img_path, output_path=folder / "out")
    _write_tables(folder, prepared.table["index"][0])
    bundled = resources.files("spacekit.model") / "bundled" / "svm.onnx"
    (folder / "model.onnx").write_bytes(bundled.read_bytes())
    return folder


def _write_tables(folder: Path, name: str) -> None:
    """Write what people write: labels, classes, arrays of frames, the outcome of a training."""
    names = [name, *(f"{name}_f160w_all_stat{k}" for k in range(9))]
    words = ["aligned", "misaligned", "unsure", "0", "1"] * 2
    pd.DataFrame({"index": names, "label": words}).to_csv(folder / "labels.csv", index=False)
    classes = {"TARGNAME": ["SIM-FIELD", "M 31"], "class": ["G", "GALAXY;SPIRAL"]}
    pd.DataFrame(classes).to_csv(folder / "targets.csv", index=False)
    table = pd.read_csv(folder / "out" / "svm_data.csv")
    table.assign(label=1).to_csv(folder / "labelled.csv", index=False)
    frames = [read_png(path) for path in frame_paths(folder / "out" / "img", name)]
    stack = np.stack([np.asarray(frame.convert("RGB"))[:64, :64] for frame in frames])
    np.savez_compressed(folder / "frames.npz", index=np.array([name]), images=stack[None])
    problems = "index,file,reason,fatal\n" + f"{name},x_drz.fits,file is empty,0\n"
    (folder / "out" / "problems.csv").write_text(problems)
    rng = np.random.default_rng(1)
    truth = np.arange(10, dtype=np.float64) % 2
    history = {"loss": [0.7, 0.5], "val_loss": [0.7, 0.6]}
    proba = np.clip(truth * 0.5 + rng.uniform(0, 0.5, 10), 0, 1)
    told = (proba >= 0.5).astype(np.float64)
    write_result(Result("test", tuple(names), truth, proba, told, history), folder / "result")
