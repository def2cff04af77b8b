"""Train the ensemble, calibrate it, choose its threshold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spacekit.extras import require
from spacekit.model.calibrate import choose_threshold, fit_temperature
from spacekit.model.dataset import Dataset
from spacekit.model.settings import TrainingSettings
from spacekit.model.split import Split, split_groups

if TYPE_CHECKING:
    from spacekit.model.loop import Progress
    from spacekit.model.network import Calibrated

__all__ = ["Trained", "train_model"]


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Parameters
    ----------
    network : Calibrated
        On the CPU, ready to be written to a file.
    threshold, temperature : float
        Found on the calibrate part.
    split : Split
        Rows of each part.
    probabilities : dict of str to ndarray
        Answers to the rows of tune, calibrate and test, in the order of `split`.
    history : dict of str to list of float
        loss, accuracy (training, augmented), val_loss, val_accuracy (tune), lr, seconds; a value
        an epoch.
    notes : tuple of str
        What a reader of the scores must know.
    """

    network: Calibrated
    threshold: float
    temperature: float
    split: Split
    probabilities: dict[str, NDArray[np.float64]]
    history: dict[str, list[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def train_model(
    data: Dataset, settings: TrainingSettings, *, progress: Progress | None = None
) -> Trained:
    """Train on a data set.

    Parameters
    ----------
    data : Dataset
        Frames of `settings.image_size` px.
    settings : TrainingSettings
        How.
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
    from spacekit.model.network import Calibrated

    split = split_groups(data.index, data.labels, settings.seed)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(settings.threads or before)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            loop = TrainingLoop(data, split, settings)
            network = loop.run(progress)
        logits = {p: loop.logits(getattr(split, p)) for p in ("tune", "calibrate", "test")}
    finally:
        torch.set_num_threads(before)
    labels = data.labels[split.calibrate]
    temperature, uncalibrated = fit_temperature(logits["calibrate"], labels)
    answers = {part: np.exp(-np.logaddexp(0, -z / temperature)) for part, z in logits.items()}
    threshold, unsure = choose_threshold(answers["calibrate"], labels)
    return Trained(
        Calibrated(network.cpu().eval(), temperature),
        threshold,
        temperature,
        split,
        answers,
        loop.history,
        (*split.notes, *filter(None, (uncalibrated, unsure))),
    )
