"""Train the bundled model on the benchmark's sets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.accuracy.sets import SETS, join_datasets, load_set
from spacekit.model.artifact import save_artifact
from spacekit.model.dataset import Dataset
from spacekit.model.settings import TrainingSettings
from spacekit.model.split import Split, split_groups
from spacekit.model.train import Trained, describe, train_model

__all__ = ["BUNDLED", "CHECKPOINT", "SETTINGS", "fit", "parts_of", "write_model"]

BUNDLED: Final = Path(__file__).resolve().parents[2] / "src/spacekit/model/bundled"
#: What an interrupted training leaves in the folder; of no use once the model is written.
CHECKPOINT: Final = "model.part.npz"
SETTINGS: Final = TrainingSettings(epochs=10, batch_size=32, seed=1, threads=1)


def parts_of(train: Dataset, calibrate: Dataset) -> Split:
    """Split two sets laid one after the other.

    Nine in ten proposals of the first are learned from, the tenth decides when to stop; the
    second calibrates. The test set is another one altogether.
    """
    drawn = split_groups(train.index, train.labels, SETTINGS.seed)
    learned = np.sort(np.concatenate([drawn.train, drawn.calibrate, drawn.test]))
    rest = np.arange(len(train), len(train) + len(calibrate))
    return Split(learned, drawn.tune, rest, rest)


def fit(work: Path, settings: TrainingSettings = SETTINGS) -> tuple[Trained, Dataset]:
    """Train on the set of that name, calibrate on the other; go on from a checkpoint."""
    missing = [
        f"{name}/{part}"
        for name in ("train", "calibrate")
        for part, *_ in SETS[name].parts
        if not (work / name / part / "svm_data.csv").is_file()
    ]
    if missing:
        raise SystemExit(f"{work}: {', '.join(missing)} not simulated yet; run simulate first")
    scratch = work / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    train, calibrate = (
        load_set(work, name, settings.image_size, scratch / name, ambiguous=False)
        for name in ("train", "calibrate")
    )
    data = join_datasets([train, calibrate], scratch)
    trained = train_model(
        data,
        settings,
        split=parts_of(train, calibrate),
        checkpoint=work / CHECKPOINT,
        progress=_say,
    )
    return trained, data


def _say(epoch: int, values: dict[str, float]) -> None:
    told = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
    print(f"epoch {epoch}: {told}", flush=True)


def write_model(path: Path, trained: Trained, data: Dataset) -> None:
    """Write the model file."""
    split = trained.split
    manifest = describe(
        data,
        trained,
        command="python -m benchmarks.accuracy train WORK",
        seeds={name: one.seed for name, one in SETS.items()},
        rows={p: len(getattr(split, p)) for p in ("train", "tune", "calibrate")},
        misaligned=int(data.labels[split.train].sum()),
        calibrate_good=int((data.labels[split.calibrate] == 0).sum()),
    )
    save_artifact(path, trained.network, manifest)
