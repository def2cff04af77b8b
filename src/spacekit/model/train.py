"""Train the ensemble, calibrate it, choose its threshold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from spacekit import __version__
from spacekit.extras import require
from spacekit.measure.schema import CATEGORIES
from spacekit.model.artifact import Manifest
from spacekit.model.calibrate import Calibration, choose_threshold, fit_line, probability
from spacekit.model.dataset import Dataset, Hide
from spacekit.model.features import CATEGORICAL, NUMERIC
from spacekit.model.limits import find_limits
from spacekit.model.regimes import REGIMES, filters_only, regimes_of, table_only, total_only
from spacekit.model.settings import TrainingSettings
from spacekit.model.split import Split, split_groups

if TYPE_CHECKING:
    from spacekit.model.loop import Progress, TrainingLoop
    from spacekit.model.network import Ensemble

__all__ = ["Trained", "describe", "train_model"]

_VIEWS: Final[dict[str, Hide]] = {
    "exposures": np.asarray,
    "filters": filters_only,
    "total": total_only,
    "table": table_only,
}


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Parameters
    ----------
    network : Ensemble
        On the CPU, ready to be written to a file.
    calibration : Calibration
        Found on the calibrate part.
    settings : TrainingSettings
        How it was trained.
    split : Split
        Rows of each part.
    probabilities : dict of str to ndarray
        Answers to the rows of tune, calibrate and test, in the order of `split`, at the
        calibration's prevalence.
    history : dict of str to list of float
        loss, accuracy (training, augmented), val_loss, val_accuracy (tune), lr, seconds; a value
        an epoch.
    notes : tuple of str
        What a reader of the scores must know.
    """

    network: Ensemble
    calibration: Calibration
    settings: TrainingSettings
    split: Split
    probabilities: dict[str, NDArray[np.float64]]
    history: dict[str, list[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def train_model(
    data: Dataset,
    settings: TrainingSettings,
    *,
    split: Split | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train on a data set.

    Parameters
    ----------
    data : Dataset
        Frames of `settings.image_size` px.
    settings : TrainingSettings
        How.
    split : Split, optional
        Parts; by hash of the proposal by default.
    checkpoint : Path, optional
        Where the state lies after each epoch. A run of the same data and settings that was
        interrupted goes on from there; the file goes when training has ended.
    progress : callable (epoch, values), optional
        Called after each epoch with what goes into the history.

    Raises
    ------
    TrainingError
        If it can't be trained on.
    MissingExtraError
        If torch isn't installed.
    """
    require("train", "Training")
    import torch

    from spacekit.model.loop import TrainingLoop

    split = split or split_groups(data.index, data.labels, settings.seed)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(settings.threads or before)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            loop = TrainingLoop(data, split, settings, checkpoint, _key(data, split, settings))
            network = loop.run(progress)
        calibration, notes = _calibrate(loop, data, split.calibrate, settings.prevalence)
        answers = {
            part: _answers(loop, data, getattr(split, part), calibration)
            for part in ("tune", "calibrate", "test")
        }
    finally:
        torch.set_num_threads(before)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Trained(
        network.cpu().eval(),
        calibration,
        settings,
        split,
        answers,
        loop.history,
        (*split.notes, *notes),
    )


def describe(data: Dataset, trained: Trained, **more: Any) -> Manifest:
    """Describe a trained model for its file.

    Parameters
    ----------
    data : Dataset
        What it was trained on.
    trained : Trained
        What came of it.
    **more
        What else its provenance holds.
    """
    parts = (f.name for f in fields(Split) if f.name != "notes")
    return Manifest(
        numeric=NUMERIC,
        categorical=CATEGORICAL,
        classes={name: CATEGORIES[name] for name in CATEGORICAL},
        frame_size=trained.settings.image_size,
        calibration=trained.calibration,
        limits=find_limits(data.features, trained.split.train),
        provenance={
            "spacekit": __version__,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "rows": {part: len(getattr(trained.split, part)) for part in parts},
            "ambiguous": data.ambiguous,
            "misaligned": int(data.labels.sum()),
            "settings": trained.settings.to_dict(),
            "epochs_run": len(trained.history.get("loss", [])),
            "notes": list(trained.notes),
            **more,
        },
    )


def _key(data: Dataset, split: Split, settings: TrainingSettings) -> str:
    """Tell a run from others by all that it depends on but the pictures."""
    digest = hashlib.sha256(json.dumps([data.index, settings.to_dict()]).encode())
    arrays = (data.features.numeric, data.features.categories, data.labels, split.train, split.tune)
    for array in (*arrays, data.shown_by_total):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _calibrate(
    loop: TrainingLoop, data: Dataset, rows: NDArray[np.int64], prevalence: float
) -> tuple[Calibration, list[str]]:
    """Fit a line for each regime, and the threshold that holds with products and without.

    Every row is asked as it is, without exposure products, with the total alone and with the
    published table alone, so that each regime's line rests on all rows that can be in it.
    """
    labels = data.labels[rows]
    logits: dict[str, NDArray[np.float64]] = {}
    regimes: dict[str, NDArray[np.int64]] = {}
    lines, notes = [], []
    for number, name in enumerate(REGIMES):
        view = data.hidden(_VIEWS[name])
        logits[name] = loop.logits(rows, view)
        regimes[name] = regimes_of(view.features.numeric[rows])
        inside = regimes[name] == number
        line, note = fit_line(logits[name][inside], labels[inside])
        lines.append(line)
        notes += [f"{name}: {note}"] if note else []
    shape = Calibration(tuple(lines), 0.0, prevalence)
    chosen = [
        choose_threshold(shape.log_ratio(logits[name], regimes[name]), labels)
        for name in REGIMES[:-1]
    ]
    threshold = max(value for value, _ in chosen)
    notes += [chosen[0][1]] if chosen[0][1] else []
    return Calibration(tuple(lines), threshold, prevalence), notes


def _answers(
    loop: TrainingLoop, data: Dataset, rows: NDArray[np.int64], calibration: Calibration
) -> NDArray[np.float64]:
    regimes = regimes_of(data.features.numeric[rows])
    ratio = calibration.log_ratio(loop.logits(rows), regimes)
    return probability(ratio, calibration.prevalence)
