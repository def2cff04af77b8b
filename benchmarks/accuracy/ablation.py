"""What each branch is worth: models trained anew on parts of the input, on the same visits."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.answers import VIEWS
from benchmarks.accuracy.fit import SETTINGS, parts_of
from benchmarks.accuracy.original import FRAME_PX, train_original
from benchmarks.accuracy.score import share, threshold_at
from benchmarks.accuracy.sets import load_set
from benchmarks.accuracy.truths import MANY_SOURCES, read_truths
from spacekit.evaluate.metrics import measure
from spacekit.files import write_json
from spacekit.model.dataset import Dataset, join_datasets
from spacekit.model.train import train_model

__all__ = ["ablate"]

_EPOCHS: Final = 10

#: What a model gets: name to what is left of a data set.
_PARTS: Final[dict[str, Callable[[Dataset], Dataset]]] = {
    "table only": lambda d: _without_frames(_without_stamps(d)),
    "frames only": lambda d: _without_table(_without_stamps(d)),
    "stamps only": lambda d: _without_frames(_without_table(d)),
    "ours, whole": lambda d: d,
}
#: Regimes that are scored.
_REGIMES: Final = ("exposures", "filters", "total")


def ablate(work: Path) -> None:
    """Train and test each; rows go to ``work/ablation.json`` as they come."""
    scratch = work / "scratch-ablation"
    shutil.rmtree(scratch, ignore_errors=True)
    truth = read_truths(work, "test")
    rows: list[dict[str, Any]] = []
    train, calibrate, test = _sets(work, SETTINGS.image_size, scratch)
    for name, part in _PARTS.items():
        rows += _one(name, part, (train, calibrate, test), truth, scratch / "joined")
        write_json(work / "ablation.json", rows)
    train, calibrate, test = _sets(work, FRAME_PX, scratch / "small")
    logits = train_original(train, test, _EPOCHS, SETTINGS.seed)
    rows.append(_score("the original's network", "published columns, frames", logits, truth))
    write_json(work / "ablation.json", rows)
    shutil.rmtree(scratch)


def _sets(work: Path, size: int, scratch: Path) -> tuple[Dataset, Dataset, Dataset]:
    train, calibrate = (
        load_set(work, name, size, scratch / name, ambiguous=False)
        for name in ("train", "calibrate")
    )
    return train, calibrate, load_set(work, "test", size, scratch / "test", ambiguous=True)


def _one(
    name: str,
    part: Callable[[Dataset], Dataset],
    sets: tuple[Dataset, Dataset, Dataset],
    truth: pd.DataFrame,
    folder: Path,
) -> list[dict[str, Any]]:
    """Train one model; it answers the test set in every regime."""
    train, calibrate, test = (part(one) for one in sets)
    views = [part(test.hidden(VIEWS[regime][1])) for regime in _REGIMES]
    folder.mkdir()
    data = join_datasets([train, calibrate, *views], folder)
    split = parts_of(train, calibrate)
    asked = np.arange(len(train) + len(calibrate), len(data))
    settings = replace(SETTINGS, epochs=_EPOCHS)
    trained = train_model(data, settings, split=replace(split, test=asked), progress=_teller(name))
    shutil.rmtree(folder)
    proba = trained.probabilities["test"].reshape(len(_REGIMES), -1)
    return [
        _score(name, r, np.log(p / (1 - p)), truth) for r, p in zip(_REGIMES, proba, strict=True)
    ]


def _score(
    name: str, regime: str, logits: NDArray[np.float64], truth: pd.DataFrame
) -> dict[str, Any]:
    """Score answers by their order alone: models of parts have no threshold of their own."""
    asked = truth.assign(log_ratio=logits)
    if regime == "exposures":
        asked = asked[asked["part"] == "pairs"]
    hard = asked[asked["label"].notna()]
    m = measure(hard["label"].to_numpy(float), 1 / (1 + np.exp(-hard["log_ratio"])), 0.5)
    bad = hard[(hard["label"] == 1) & (hard["usable"] >= MANY_SOURCES)]
    limit = threshold_at(hard)
    return {
        "model": name,
        "regime": VIEWS[regime][0] if regime in VIEWS else regime,
        "scores": {
            "ROC-AUC": f"{m.roc_auc:.3f}",
            "recall at FPR 0.5%": share(hard.loc[hard["label"] == 1, "log_ratio"] > limit),
            f"{MANY_SOURCES} usable sources and more": share(bad["log_ratio"] > limit),
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


def _teller(name: str) -> Callable[[int, dict[str, float]], None]:
    def tell(epoch: int, values: dict[str, float]) -> None:
        print(f"{name}, epoch {epoch}: loss {values['loss']:.3f}", flush=True)

    return tell
