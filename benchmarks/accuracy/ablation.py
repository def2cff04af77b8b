"""What each branch is worth: models trained anew on parts of the input, on the same visits.

They are tested on the set that calibrates the bundled model: none of them learned from it, and
they are compared by the order of their answers alone.
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

from benchmarks.accuracy.fit import SETTINGS, parts_of
from benchmarks.accuracy.original import FRAME_PX, train_original
from benchmarks.accuracy.score import share, threshold_at
from benchmarks.accuracy.sets import load_set
from benchmarks.accuracy.truths import MANY_SOURCES, read_truths
from spacekit.evaluate.metrics import measure
from spacekit.files import write_json
from spacekit.model.dataset import Dataset, join_datasets
from spacekit.model.regimes import filters_only, total_only
from spacekit.model.train import train_model

__all__ = ["ablate"]

_EPOCHS: Final = 10
#: An epoch of the original's network takes much longer.
_ORIGINAL_EPOCHS: Final = 5

#: What a model gets: name to what is left of a data set.
_PARTS: Final[dict[str, Callable[[Dataset], Dataset]]] = {
    "table only": lambda d: _without_frames(_without_stamps(d)),
    "frames only": lambda d: _without_table(_without_stamps(d)),
    "stamps only": lambda d: _without_frames(_without_table(d)),
    "ours, whole": lambda d: d,
}
#: What is left of the visits that are asked about: words, and how the others are hidden.
_REGIMES: Final = (
    ("products as in a folder", np.asarray),
    ("filter products", filters_only),
    ("the total alone", total_only),
)


def ablate(work: Path) -> None:
    """Train and test each; rows go to ``work/ablation.json`` as they come."""
    scratch = work / "scratch-ablation"
    shutil.rmtree(scratch, ignore_errors=True)
    truth = read_truths(work, "calibrate")
    truth = truth[truth["label"].notna()].reset_index(drop=True)
    rows: list[dict[str, Any]] = []
    train, test = _sets(work, SETTINGS.image_size, scratch)
    if list(truth["index"]) != list(test.index):
        raise SystemExit(f"{work}: table and truth of the calibration set don't belong together")
    for name, part in _PARTS.items():
        rows += _one(name, part, (train, test), truth, scratch / "joined")
        write_json(work / "ablation.json", rows)
    if SETTINGS.image_size != FRAME_PX:
        train, test = _sets(work, FRAME_PX, scratch / "small")
    logits = train_original(train, test, _ORIGINAL_EPOCHS, SETTINGS.seed)
    rows.append(_score("the original's network", "published columns, frames", logits, truth))
    write_json(work / "ablation.json", rows)
    shutil.rmtree(scratch)


def _sets(work: Path, size: int, scratch: Path) -> tuple[Dataset, Dataset]:
    train, test = (
        load_set(work, name, size, scratch / name, ambiguous=False)
        for name in ("train", "calibrate")
    )
    return train, test


def _one(
    name: str,
    part: Callable[[Dataset], Dataset],
    sets: tuple[Dataset, Dataset],
    truth: pd.DataFrame,
    folder: Path,
) -> list[dict[str, Any]]:
    """Train one model; it answers in every regime."""
    train, test = (part(one) for one in sets)
    views = [part(sets[1].hidden(hide)) for _, hide in _REGIMES]
    folder.mkdir()
    data = join_datasets([train, test, *views], folder)
    split = parts_of(train, test)
    asked = np.arange(len(train) + len(test), len(data))
    settings = replace(SETTINGS, epochs=_EPOCHS)
    trained = train_model(data, settings, split=replace(split, test=asked), progress=_teller(name))
    shutil.rmtree(folder)
    proba = trained.probabilities["test"].reshape(len(_REGIMES), -1)
    return [
        _score(name, words, np.log(p / (1 - p)), truth)
        for (words, _), p in zip(_REGIMES, proba, strict=True)
    ]


def _score(
    name: str, regime: str, logits: NDArray[np.float64], truth: pd.DataFrame
) -> dict[str, Any]:
    """Score answers by their order alone: models of parts have no threshold of their own."""
    asked = truth.assign(log_ratio=logits)
    m = measure(asked["label"].to_numpy(float), 1 / (1 + np.exp(-asked["log_ratio"])), 0.5)
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


def _teller(name: str) -> Callable[[int, dict[str, float]], None]:
    def tell(epoch: int, values: dict[str, float]) -> None:
        print(f"{name}, epoch {epoch}: loss {values['loss']:.3f}", flush=True)

    return tell
