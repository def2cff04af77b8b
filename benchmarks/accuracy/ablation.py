"""What each branch is worth: the bundled model with less to see, on the same visits.

Each branch is trained by itself, so that what one says alone is what it would say in a model of its
own. They are tested on the set that calibrates the model: none of them learned from it, and they
are compared by the order of their answers alone, on mosaics of several exposures: that those of
one can't be misaligned no branch needs to see. The original's network is trained beside them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from onnx import TensorProto
from onnxruntime import InferenceSession

from benchmarks.accuracy.answers import ask, logits_of
from benchmarks.accuracy.fit import SETTINGS
from benchmarks.accuracy.original import FRAME_PX, train_original
from benchmarks.accuracy.results import write_results
from benchmarks.accuracy.score import share, threshold_at
from benchmarks.accuracy.sets import load_set
from benchmarks.accuracy.truths import MANY_SOURCES, read_truths
from spacekit.evaluate.metrics import measure
from spacekit.model.artifact import Manifest
from spacekit.model.dataset import Dataset
from spacekit.model.infer import Model, load_model
from spacekit.model.regimes import VIEWS

__all__ = ["ablate"]

#: An epoch of the original's network takes minutes; an interrupted training goes on.
_ORIGINAL_EPOCHS: Final = 20


def _ratios(model: Model, data: Dataset, view: str, *, frames: bool = True) -> NDArray[np.float64]:
    return np.asarray(ask(model, data, view, frames=frames)["log_ratio"], dtype=np.float64)


Answer = Callable[[Model, Dataset, str], NDArray[np.float64]]

#: What the answers of each part are. Words of branches are added up, so that the stamps' own is
#: what is missing without them; the frames' is asked of a model that says nothing else.
_PARTS: Final[dict[str, Answer]] = {
    "table only": lambda model, data, view: _ratios(model, _no_stamps(data), view, frames=False),
    "frames only": logits_of,
    "stamps only": lambda model, data, view: (
        logits_of(model, data, view) - logits_of(model, _no_stamps(data), view)
    ),
    "ours, whole": _ratios,
}


def ablate(work: Path, model_file: Path) -> None:
    """Test each; rows go to ``work/ablation.json`` as they come."""
    scratch = work / "scratch-ablation"
    shutil.rmtree(scratch, ignore_errors=True)
    truth = read_truths(work, "calibrate")
    truth = truth[truth["label"].notna()].reset_index(drop=True)
    model = load_model(model_file)
    data = load_set(work, "calibrate", model.manifest.frame_size, scratch, ambiguous=False)
    if list(truth["index"]) != list(data.index):
        raise SystemExit(f"{work}: table and truth of the calibration set don't belong together")
    rows = []
    for name, part in _PARTS.items():
        asked = _frames_alone(model_file, model.manifest) if name == "frames only" else model
        for view in ("exposures", "filters", "total"):
            told = part(asked, data, view)
            rows.append(_score(name, VIEWS[view].meaning, told, truth))
    write_results(work / "ablation.json", rows, model_file)
    train, test = (
        load_set(work, name, FRAME_PX, scratch / name, ambiguous=False)
        for name in ("train", "calibrate")
    )
    checkpoint = work / "original.npz"
    logits = train_original(train, test, _ORIGINAL_EPOCHS, SETTINGS.seed, checkpoint)
    name = f"the original's network, {_ORIGINAL_EPOCHS} epochs"
    rows.append(_score(name, "published columns, frames", logits, truth))
    write_results(work / "ablation.json", rows, model_file)
    shutil.rmtree(scratch)


def _frames_alone(model_file: Path, manifest: Manifest) -> Model:
    """Open a model file so that the frames' word is the answer, whatever it weighs in the whole.

    Where that is nothing, the whole's answers could not tell it.
    """
    whole = onnx.load(model_file)
    (word,) = (
        node.output[0]
        for node in whole.graph.node
        if node.op_type == "Squeeze" and node.input[0].startswith("/frames_word/")
    )
    del whole.graph.output[:]
    whole.graph.output.append(onnx.helper.make_tensor_value_info(word, TensorProto.FLOAT, ["rows"]))
    session = InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    return Model(session, manifest)


def _score(
    name: str, regime: str, logits: NDArray[np.float64], truth: pd.DataFrame
) -> dict[str, Any]:
    """Score answers by their order alone: models of parts have no threshold of their own."""
    asked = truth.assign(log_ratio=logits)
    asked = asked[asked["exposures"] > 1]
    proba = 1 / (1 + np.exp(-asked["log_ratio"].to_numpy(float)))
    m = measure(asked["label"].to_numpy(float), proba, (proba >= 0.5).astype(float))
    limit = threshold_at(asked)
    bad = asked[asked["label"] == 1]
    many = bad[bad["usable"] >= MANY_SOURCES]
    return {
        "model": name,
        "regime": regime,
        "scores": {
            "ROC-AUC": f"{m.roc_auc:.3f}",
            "recall at FPR 0.5%": share(bad["log_ratio"] > limit),
            f"{MANY_SOURCES} usable sources and more": share(many["log_ratio"] > limit),
        },
    }


def _no_stamps(data: Dataset) -> Dataset:
    return replace(data, stamps=np.zeros_like(data.stamps))
