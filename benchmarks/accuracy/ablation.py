"""What each branch is worth: the bundled model with less to see, on the same visits.

Each branch is trained by itself, so that what one says alone is what it would say in a model of its
own. They are tested on the set that calibrates the model: none of them learned from it, and they
are compared by the order of their answers alone. The original's network is trained beside them.
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

from benchmarks.accuracy.answers import VIEWS, ask
from benchmarks.accuracy.fit import SETTINGS
from benchmarks.accuracy.original import FRAME_PX, train_original
from benchmarks.accuracy.score import share, threshold_at
from benchmarks.accuracy.sets import load_set
from benchmarks.accuracy.truths import MANY_SOURCES, read_truths
from spacekit.evaluate.metrics import measure
from spacekit.files import write_json
from spacekit.model.dataset import Dataset
from spacekit.model.infer import load_model

__all__ = ["ablate"]

#: An epoch of the original's network takes minutes.
_ORIGINAL_EPOCHS: Final = 5

#: What a model gets: name to what is left of a data set.
_PARTS: Final[dict[str, Callable[[Dataset], Dataset]]] = {
    "table only": lambda d: _without_frames(_without_stamps(d)),
    "frames only": lambda d: _without_table(_without_stamps(d)),
    "stamps only": lambda d: _without_frames(_without_table(d)),
    "ours, whole": lambda d: d,
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
            told = ask(model, part(data), view)["log_ratio"].to_numpy()
            words = "products as in a folder" if view == "exposures" else VIEWS[view][0]
            rows.append(_score(name, words, told, truth))
    write_json(work / "ablation.json", rows)
    train, test = (
        load_set(work, name, FRAME_PX, scratch / name, ambiguous=False)
        for name in ("train", "calibrate")
    )
    logits = train_original(train, test, _ORIGINAL_EPOCHS, SETTINGS.seed)
    rows.append(_score("the original's network", "published columns, frames", logits, truth))
    write_json(work / "ablation.json", rows)
    shutil.rmtree(scratch)


def _score(
    name: str, regime: str, logits: NDArray[np.float64], truth: pd.DataFrame
) -> dict[str, Any]:
    """Score answers by their order alone: models of parts have no threshold of their own."""
    asked = truth.assign(log_ratio=logits)
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


def _without_table(data: Dataset) -> Dataset:
    features = data.features
    hidden = replace(
        features,
        numeric=np.full_like(features.numeric, np.nan),
        categories=np.full_like(features.categories, -1),
    )
    return replace(data, features=hidden)


def _without_frames(data: Dataset) -> Dataset:
    return replace(data, has_frames=np.zeros_like(data.has_frames))


def _without_stamps(data: Dataset) -> Dataset:
    return replace(data, stamps=np.zeros_like(data.stamps))
