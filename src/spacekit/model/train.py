"""Train the ensemble, calibrate it, choose its thresholds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spacekit import __version__
from spacekit.errors import OptionError, one_line
from spacekit.extras import require
from spacekit.measure.schema import CATEGORIES
from spacekit.model.artifact import Manifest
from spacekit.model.calibrate import (
    ALONE,
    Calibration,
    Line,
    choose_threshold,
    fit_line,
    probability,
)
from spacekit.model.dataset import Dataset
from spacekit.model.features import CATEGORICAL, NUMERIC
from spacekit.model.limits import Limits, evidence_share, find_limits
from spacekit.model.regimes import REGIMES, VIEWS, regimes_of
from spacekit.model.settings import TrainingSettings
from spacekit.model.split import Split, split_groups

if TYPE_CHECKING:
    from spacekit.model.loop import Progress, TrainingLoop
    from spacekit.model.network import Ensemble

__all__ = ["Trained", "describe", "train_model"]


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Parameters
    ----------
    network : Ensemble
        On the CPU, ready to be written to a file.
    limits : Limits
        What the training rows had.
    calibration : Calibration
        Found on the calibrate part.
    settings : TrainingSettings
        How it was trained.
    split : Split
        Rows of each part.
    probabilities : dict of str to ndarray
        Answers to the rows of tune, calibrate and test, in the order of `split`, at the
        calibration's prevalence.
    verdicts : dict of str to ndarray
        1 where these reach the threshold, else 0.
    history : dict of str to list of float
        loss, accuracy (training, augmented), val_loss, val_accuracy (tune), lr, seconds; a value
        an epoch.
    notes : tuple of str
        What a reader of the scores must know.
    """

    network: Ensemble
    limits: Limits
    calibration: Calibration
    settings: TrainingSettings
    split: Split
    probabilities: dict[str, NDArray[np.float64]]
    verdicts: dict[str, NDArray[np.float64]]
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

    Returns
    -------
    Trained
        Calibrated and scored as its model answers: no value beyond those of the training rows, the
        evidence on unfamiliar mosaics halved.

    Raises
    ------
    TrainingError
        If it can't be trained on.
    OptionError
        If torch can't compute on the device.
    MissingExtraError
        If torch isn't installed.
    """
    require("train", "Training")
    import torch

    from spacekit.model.loop import TrainingLoop

    _check_device(torch, settings.device)
    split = split or split_groups(data.index, data.labels, settings.seed)
    limits = find_limits(data.features, split.train)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(settings.threads or before)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            key = _key(data, split, settings)
            loop = TrainingLoop(data.within(limits), split, settings, checkpoint, key)
            network = loop.run(progress)
        judge = _Judge(loop, data, limits)
        calibration, notes = judge.calibrate(split.calibrate, settings.prevalence)
        answers = {
            part: judge.answers(getattr(split, part), calibration)
            for part in ("tune", "calibrate", "test")
        }
    finally:
        torch.set_num_threads(before)
    return Trained(
        network.cpu().eval(),
        limits,
        calibration,
        settings,
        split,
        {part: answer[0] for part, answer in answers.items()},
        {part: answer[1] for part, answer in answers.items()},
        loop.history,
        (*split.notes, *notes),
    )


def _check_device(torch: Any, device: str) -> None:
    """Refuse a device that torch doesn't know, or that isn't there."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise OptionError(f"device {device!a}: {one_line(str(error))}") from error


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
        limits=trained.limits,
        frames_count=bool(trained.network.weights[0] > 0),
        provenance={
            "spacekit": __version__,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "rows": {part: len(getattr(trained.split, part)) for part in parts},
            "ambiguous": data.ambiguous,
            "misaligned": int(data.labels.sum()),
            "settings": asdict(trained.settings),
            "epochs_run": len(trained.history.get("loss", [])),
            "notes": list(trained.notes),
            **more,
        },
    )


def _key(data: Dataset, split: Split, settings: TrainingSettings) -> str:
    """Tell a run from others by all that its weights depend on but the pictures."""
    from spacekit.model.branches import NetworkSettings  # which needs torch

    # what is said of it, and where it is computed, may change while it is interrupted
    how = replace(settings, verbose=0, threads=None, device="")
    told = [__version__, asdict(NetworkSettings()), asdict(how), data.index]
    digest = hashlib.sha256(json.dumps(told).encode())
    arrays = (data.features.numeric, data.features.categories, data.labels, split.train, split.tune)
    for array in (*arrays, data.shown_by_total):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Judge:
    """Asks a trained network, as `spacekit.model.infer.Model` will."""

    loop: TrainingLoop
    data: Dataset
    limits: Limits

    def calibrate(
        self, rows: NDArray[np.int64], prevalence: float
    ) -> tuple[Calibration, list[str]]:
        """Fit a line and choose a threshold for each regime.

        Every row is asked as it is, without exposure products, with the total alone and with the
        published table alone, so that each regime's line rests on all rows that can be in it. The
        fifth regime, of single exposures, needs no rows.
        """
        lines, thresholds, notes = [], [], []
        several = self._several(rows)
        for number, name in enumerate(REGIMES[:-1]):
            view = self.data.seen_as(VIEWS[name])
            inside = rows[regimes_of(view.features.numeric[rows]) == number]
            labels, logits = self.data.labels[inside], self._logits(inside, view)
            fitted, uncalibrated = fit_line(logits, labels)
            line = Line(fitted.slope, fitted.intercept + several)
            ratios = self._share(inside, view) * line.log_ratio(logits)
            threshold, unsure = choose_threshold(ratios, labels)
            lines.append(line)
            thresholds.append(threshold)
            notes += [f"{name}: {note}" for note in (uncalibrated, unsure) if note]
        lines.append(Line(0.0, ALONE))
        thresholds.append(max(thresholds))
        return Calibration(tuple(lines), tuple(thresholds), prevalence), notes

    def _several(self, rows: NDArray[np.int64]) -> float:
        """Give the log-likelihood ratio of there being several exposures; 0 without rows to tell.

        Good mosaics may have one exposure, bad ones can't: a line that is fitted within a regime
        doesn't know that.
        """
        told = regimes_of(self.data.features.numeric[rows]) != REGIMES.index("single")
        bad = self.data.labels[rows] == 1
        if not told[bad].any() or not told[~bad].any():
            return 0.0
        return float(np.log(told[bad].mean() / told[~bad].mean()))

    def answers(
        self, rows: NDArray[np.int64], calibration: Calibration
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the probabilities and verdicts of rows."""
        regimes = regimes_of(self.data.features.numeric[rows])
        logits = self._logits(rows, self.data)
        ratio = self._share(rows, self.data) * calibration.log_ratio(logits, regimes)
        verdicts = calibration.suspicious(ratio, regimes).astype(np.float64)
        return probability(ratio, calibration.prevalence), verdicts

    def _logits(self, rows: NDArray[np.int64], seen: Dataset) -> NDArray[np.float64]:
        return self.loop.logits(rows, seen.within(self.limits)) if len(rows) else np.empty(0)

    def _share(self, rows: NDArray[np.int64], seen: Dataset) -> NDArray[np.float64]:
        return evidence_share(self.limits.unfamiliar(seen.features.of(rows)))
