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
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.answers import ask, logits_of
from benchmarks.accuracy.fit import SETTINGS
from benchmarks.accuracy.original import FRAME_PX, train_original
from benchmarks.accuracy.score import share, threshold_at
from benchmarks.accuracy.sets import load_set
from benchmarks.accuracy.truths import MANY_SOURCES, read_truths
from spacekit.evaluate.metrics import measure
from spacekit.files import write_json
from spacekit.model.dataset import Dataset
from spacekit.model.infer import Model, load_model
from spacekit.model.regimes import VIEWS

__all__ = ["ablate"]

#: An epoch of the original's network takes minutes; an interrupted training goes on.
_ORIGINAL_EPOCHS: Final = 20


def _ratios(model: Model, data: Dataset, view: str, *, frames: bool = True) -> NDArray[np.float64]:
    return np.asarray(ask(model, data, view, frames=frames)["log_ratio"], dtype=np.float64)


Answer = Callable[[Model, Dataset, str], NDArray[np.float64]]

#: What the answers of each part are; words of branches are added up, so that a picture's own is
#: what is missing without it.
_PARTS: Final[dict[str, Answer]] = {
    "table only": lambda model, data, view: _ratios(model, _no_stamps(data), view, frames=False),
    "frames only": lambda model, data, view: (
        logits_of(model, data, view) - logits_of(model, data, view, frames=False)
    ),
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
        for view in ("exposures", "filters", "total"):
            told = part(model, data, view)
            rows.append(_score(name, VIEWS[view].meaning, told, truth))
    write_json(work / "ablation.json", rows)
    train, test = (
        load_set(work, name, FRAME_PX, scratch / name, ambiguous=False)
        for name in ("train", "calibrate")
    )
    checkpoint = work / "original.npz"
    logits = train_original(train, test, _ORIGINAL_EPOCHS, SETTINGS.seed, checkpoint)
    name = f"the original's network, {_ORIGINAL_EPOCHS} epochs"
    rows.append(_score(name, "published columns, frames", logits, truth))
    write_json(work / "ablation.json", rows)
    shutil.rmtree(scratch)


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
