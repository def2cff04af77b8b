"""The training loop: epochs over augmented batches, early stopping, history, resumption."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from spacekit.errors import TrainingError
from spacekit.model.branches import NetworkSettings
from spacekit.model.checkpoint import (
    part_of,
    put_moments,
    read_checkpoint,
    take_moments,
    write_checkpoint,
)
from spacekit.model.dataset import Batch, Dataset, augment_stamps, batches, drop_features
from spacekit.model.network import Ensemble
from spacekit.model.regimes import VIEWS, told_stamps
from spacekit.model.scaling import fit_scaling
from spacekit.model.settings import TrainingSettings
from spacekit.model.split import Split

__all__ = ["Progress", "TrainingLoop"]

Progress = Callable[[int, dict[str, float]], None]

_log = logging.getLogger(__name__)

#: Rows a forward pass takes at once outside training.
_EVALUATE = 16

#: AdamW's weight decay, and the norm beyond which gradients are cut.
_WEIGHT_DECAY, _LONGEST_GRADIENT = 0.01, 5.0

#: Highest learning rate of a branch that is trained by itself, and its weight decay: the table's,
#: and the stamps'.
_ALONE_LR, _TABLE_DECAY, _STAMP_DECAY = 3e-3, 0.03, 0.1

#: What a schedule's state calls its functions, which are made anew.
_RULES = "lr_lambdas"

#: Fewest rows that the branches' words are weighed on, and how much a word may count.
_FEWEST_TO_WEIGH, _MOST_WEIGHT = 40, 2.0
#: What words of frames and stamps count as long as the rows don't say otherwise, and how strongly
#: they must.
_WEIGHTS, _RELUCTANCE = np.array([0.0, 1.0]), 0.02


class TrainingLoop:
    """Trains one network on one split of one data set.

    torch's own random state must be seeded by the caller.

    Parameters
    ----------
    data : Dataset
        All rows.
    split : Split
        Of which it sees train and tune.
    settings : TrainingSettings
        How.
    checkpoint : Path, optional
        File that holds the state after each epoch; a run that finds its own there goes on.
    key : str
        Tells this run's checkpoint from others.

    Attributes
    ----------
    history : dict of str to list of float
        See `spacekit.model.train.Trained`.
    """

    def __init__(
        self,
        data: Dataset,
        split: Split,
        settings: TrainingSettings,
        checkpoint: Path | None = None,
        key: str = "",
    ) -> None:
        self.history: dict[str, list[float]] = {}
        self._data, self._split, self._settings = data, split, settings
        self._checkpoint, self._key = checkpoint, key
        self._rng = np.random.default_rng(settings.seed)
        numeric = data.features.numeric[split.train]
        scaling = fit_scaling(numeric, power=settings.power_transform)
        self._network = Ensemble(scaling, NetworkSettings()).to(settings.device)
        self._optimiser = torch.optim.AdamW(
            self._network.parameters(), lr=settings.lr, weight_decay=_WEIGHT_DECAY
        )
        steps = settings.epochs * max(1, len(split.train) // settings.batch_size)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, _schedule(settings, steps)
        )
        bad = float(np.mean(data.labels[split.train]))
        self._weights = (0.5 / (1 - bad), 0.5 / bad)  # both classes weigh alike
        self._best: tuple[float, int] = (np.inf, -1)  # cost and epoch
        self._kept: dict[str, Tensor] = {}

    def run(self, progress: Progress | None = None) -> Ensemble:
        """Train to the end or until nothing improves; give the network with the best weights."""
        done = self._resume()
        if not done:
            self._warm_up()
        for epoch in range(done, self._settings.epochs):
            if self._stops(epoch):
                break
            values = self._turn()
            self._keep(epoch, values)
            self._save(epoch + 1)
            if progress is not None:
                progress(epoch + 1, values)
        if self._kept:
            self._network.load_state_dict(self._kept)
        self._weigh()
        network: Ensemble = self._network
        return network

    def _stops(self, epoch: int) -> bool:
        early = self._settings.early_stopping is not None and epoch > 0
        return early and epoch - 1 - self._best[1] >= self._settings.patience

    def _keep(self, epoch: int, values: dict[str, float]) -> None:
        """Keep the weights of the best epoch, where that is asked for."""
        if self._settings.early_stopping is None:
            return
        cost = self._cost(values)
        if cost < self._best[0]:
            self._best = (cost, epoch)
            self._kept = {k: v.clone() for k, v in self._network.state_dict().items()}

    def _save(self, epochs: int) -> None:
        if self._checkpoint is None:
            return
        tensors = {f"network/{k}": v for k, v in self._network.state_dict().items()}
        tensors |= {f"kept/{k}": v for k, v in self._kept.items()}
        tensors |= {f"optimiser/{k}": v for k, v in take_moments(self._optimiser).items()}
        tensors["torch"] = torch.random.get_rng_state()
        plain = {
            "epochs": epochs,
            "best": self._best,
            "history": self.history,
            "schedule": {k: v for k, v in self._schedule.state_dict().items() if k != _RULES},
            "numpy": self._rng.bit_generator.state,
        }
        write_checkpoint(self._checkpoint, self._key, tensors, plain)

    def _resume(self) -> int:
        """Take up the state of an interrupted run; give the number of its epochs, 0 for none."""
        found = read_checkpoint(self._checkpoint, self._key) if self._checkpoint else None
        if found is None:
            return 0
        tensors, plain = found
        self._network.load_state_dict(part_of(tensors, "network/"))
        self._kept = part_of(tensors, "kept/")
        put_moments(self._optimiser, part_of(tensors, "optimiser/"))
        self._schedule.load_state_dict({_RULES: [None], **plain["schedule"]})
        for group, lr in zip(
            self._optimiser.param_groups, self._schedule.get_last_lr(), strict=True
        ):
            group["lr"] = lr
        torch.random.set_rng_state(tensors["torch"])
        self._rng.bit_generator.state = plain["numpy"]
        self._best, self.history = (plain["best"][0], plain["best"][1]), plain["history"]
        _log.info("going on after epoch %d (%s)", plain["epochs"], self._checkpoint)
        return int(plain["epochs"])

    def _warm_up(self) -> None:
        """Train the table's and the stamps' branch first.

        They want thousands of steps, which are cheap without frames.
        """
        network, settings = self._network, self._settings
        features, labels, stamps = self._data.features, self._data.labels, self._data.stamps
        shown = self._data.shown_by_total
        network.train()

        def of_table(rows: NDArray[np.int64]) -> Tensor:
            numeric, classes, alone = drop_features(
                features.numeric[rows], features.categories[rows], self._rng
            )
            logits = network.of_table(self._tensor(numeric), self._tensor(classes))
            return self._loss(logits, self._tensor(np.where(alone, shown[rows], labels[rows])))

        def of_stamps(rows: NDArray[np.int64]) -> Tensor:
            told = told_stamps(features.numeric[rows], stamps[rows])
            sheets = np.stack([augment_stamps(sheet, self._rng) for sheet in told])
            logits, there = network.of_stamps(self._tensor(sheets))
            return self._loss(logits, self._tensor(shown[rows]), there)

        table = [*network.table.parameters(), *network.table_word.parameters()]
        close = [*network.stamps.parameters(), *network.stamps_word.parameters()]
        self._learn(_alone(table, _TABLE_DECAY), settings.table_epochs, of_table)
        self._learn(_alone(close, _STAMP_DECAY), settings.stamp_epochs, of_stamps)

    def _learn(
        self,
        optimiser: torch.optim.Optimizer,
        epochs: int,
        cost: Callable[[NDArray[np.int64]], Tensor],
    ) -> None:
        """Train some of the weights by themselves, from a high rate down to nothing."""
        rows, size = self._split.train, self._settings.batch_size
        count = max(1, len(rows) // size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _cosine(epochs * count))
        for _ in range(epochs):
            for chosen in np.array_split(self._rng.permutation(rows), count):
                self._step(cost(chosen), optimiser)
                schedule.step()

    def logits(self, rows: NDArray[np.int64], data: Dataset | None = None) -> NDArray[np.float64]:
        """Logits of rows, shape (len(rows),), nothing hidden or changed.

        Parameters
        ----------
        rows : ndarray of int
            Which.
        data : Dataset, optional
            The same rows with something hidden (`Dataset.seen_as`); all there is by default.
        """
        self._network.eval()
        with torch.inference_mode():
            parts = [
                self._network(*self._inputs(b)).cpu()
                for b in batches(data or self._data, rows, _EVALUATE)
            ]
        logits: NDArray[np.float64] = torch.cat(parts).double().numpy()
        return logits

    def _cost(self, values: dict[str, float]) -> float:
        """Give early stopping what it wants small."""
        if self._settings.early_stopping == "val_loss":
            return values["val_loss"]
        # Accuracy moves in steps of a row; the loss decides between equals.
        return -values["val_accuracy"] + 1e-4 * min(values["val_loss"], 100)

    def _turn(self) -> dict[str, float]:
        """One epoch and its line of history."""
        start = time.perf_counter()
        values = {"lr": float(self._schedule.get_last_lr()[0])}
        values["loss"], values["accuracy"] = self._train()
        values["val_loss"], values["val_accuracy"] = self._validate()
        values["seconds"] = time.perf_counter() - start
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
        return values

    def _train(self) -> tuple[float, float]:
        """One pass over the training rows: mean loss and accuracy, as augmented.

        Branches that were trained before stay as they are.
        """
        network, settings = self._network.train(), self._settings
        for branch, done in (
            (network.table, settings.table_epochs),
            (network.table_word, settings.table_epochs),
            (network.stamps, settings.stamp_epochs),
        ):
            branch.train(not done).requires_grad_(not done)
        loss_sum = right = 0.0
        rows = self._split.train
        for batch in batches(self._data, rows, self._settings.batch_size, self._rng):
            labels, shown = self._tensor(batch.labels), self._tensor(batch.shown)
            table, frames, stamps = self._network.words(*self._inputs(batch))
            # each learns by itself: the table must not drown the pictures
            loss = self._loss(frames[0], shown, frames[1])
            if not self._settings.table_epochs:
                loss = loss + self._loss(table, labels)
            if not self._settings.stamp_epochs:
                loss = loss + self._loss(stamps[0], shown, stamps[1])
            self._step(loss, self._optimiser)
            logits = self._network.joined(table, frames, stamps).detach()
            loss_sum += float(self._loss(logits, labels)) * len(batch.rows)
            self._schedule.step()
            right += float(((logits > 0) == (labels > 0.5)).sum())
        return loss_sum / len(rows), right / len(rows)

    def _weigh(self) -> None:
        """Weigh the pictures' words against the table's, on rows that none learned from."""
        rows = self._split.tune
        views = (self._data, self._data.seen_as(VIEWS["total"]))
        labels = np.concatenate([self._data.labels[rows], self._data.shown_by_total[rows]])
        known = np.isfinite(labels)
        labels = labels[known]
        if len(rows) < _FEWEST_TO_WEIGH or len(np.unique(labels)) < 2:
            return
        words = np.concatenate([self._said(rows, view) for view in views])[known]
        share = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))

        def cost(guess: NDArray[np.float64]) -> float:
            slope, level, *weights = guess
            z = slope * (words @ [1.0, *weights]) + level
            moved = _RELUCTANCE * np.sum((np.array(weights) - _WEIGHTS) ** 2)
            return float(np.mean(share * (np.logaddexp(0, z) - labels * z)) + moved)

        bounds = ((0.05, 4), (-10, 10), (0, _MOST_WEIGHT), (0, _MOST_WEIGHT))
        best = minimize(cost, (0.5, 0, *_WEIGHTS), bounds=bounds, method="L-BFGS-B").x
        self._network.weights.copy_(torch.tensor(best[2:], dtype=torch.float32))
        _log.info("words of frames and stamps count %.2f and %.2f", *best[2:])

    def _said(self, rows: NDArray[np.int64], data: Dataset) -> NDArray[np.float64]:
        """Words of table, frames and stamps on rows, shape (len(rows), 3), 0 where none are."""
        self._network.eval()
        parts = []
        with torch.inference_mode():
            for batch in batches(data, rows, _EVALUATE):
                table, *pictures = self._network.words(*self._inputs(batch))
                parts.append(torch.stack([table, *(said * there for said, there in pictures)], 1))
        said: NDArray[np.float64] = torch.cat(parts).cpu().double().numpy()
        return said

    def _loss(self, logits: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Cross-entropy, both classes alike, summed over rows that are there and have a label.

        It is divided by the number of all rows: a batch that shows less teaches less.
        """
        good, bad = self._weights
        known = torch.isfinite(labels)
        labels = torch.where(known, labels, torch.zeros_like(labels))
        weights = labels * bad + (1 - labels) * good
        weights = weights * known if there is None else weights * known * there
        return nn.functional.binary_cross_entropy_with_logits(logits, labels, weights)

    def _step(self, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """Move the weights down a loss."""
        if not torch.isfinite(loss):
            raise TrainingError("the loss is no longer finite; lower lr")
        optimiser.zero_grad()
        loss.backward()
        moved = [weight for group in optimiser.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(moved, _LONGEST_GRADIENT)
        optimiser.step()

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._settings.device)

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy on the tune part, as it is and with the total alone."""
        rows = self._split.tune
        logits = np.stack(
            [self.logits(rows), self.logits(rows, self._data.seen_as(VIEWS["total"]))]
        )
        labels = np.stack([self._data.labels[rows], self._data.shown_by_total[rows]])
        loss = np.nanmean(np.logaddexp(0, logits) - labels * logits)
        return float(loss), float(np.mean(((logits > 0) == (labels > 0))[np.isfinite(labels)]))

    def _inputs(self, batch: Batch) -> list[Tensor]:
        """Give a batch in the order of the network's inputs."""
        arrays = (batch.numeric, batch.categories, batch.frames, batch.has_frames, batch.stamps)
        return [self._tensor(array) for array in arrays]


def _alone(weights: list[nn.Parameter], decay: float) -> torch.optim.Optimizer:
    """Make what trains a branch by itself."""
    return torch.optim.AdamW(weights, lr=_ALONE_LR, weight_decay=decay)


def _schedule(settings: TrainingSettings, steps: int) -> Callable[[int], float]:
    """Make the factor on the learning rate, by step."""
    if settings.decay is not None:
        every, rate = settings.decay
        return lambda step: float(rate ** (step / every))
    return _cosine(steps)


def _cosine(steps: int) -> Callable[[int], float]:
    """Rise for a tenth of the steps, then fall to zero."""
    rise = max(1, steps // 10)

    def cosine(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        done = min(1.0, (step - rise) / max(1, steps - rise))
        return float(0.5 * (1 + np.cos(np.pi * done)) + 1e-3)

    return cosine
