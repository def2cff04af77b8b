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
from torch import Tensor, nn

from spacekit.errors import TrainingError
from spacekit.model.branches import NetworkSettings
from spacekit.model.checkpoint import read_checkpoint, write_checkpoint
from spacekit.model.dataset import Batch, Dataset, augment_stamps, batches, drop_features
from spacekit.model.network import Ensemble
from spacekit.model.regimes import total_only
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

#: Highest learning rate of a branch that is trained by itself.
_ALONE_LR = 3e-3

#: What a schedule's state calls its functions, which are made anew.
_RULES = "lr_lambdas"

#: Weight of what each CNN would say alone: it learns to look even where the table knows.
_ALONE = 0.3


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
        moments = self._optimiser.state_dict()["state"]
        for number, state in moments.items():
            tensors |= {f"optimiser/{number}/{name}": value for name, value in state.items()}
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
        of = {
            group: {k.removeprefix(group): v for k, v in tensors.items() if k.startswith(group)}
            for group in ("network/", "kept/", "optimiser/")
        }
        self._network.load_state_dict(of["network/"])
        self._kept = of["kept/"]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in of["optimiser/"].items():
            number, _, field = name.partition("/")
            moments.setdefault(int(number), {})[field] = value
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
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
        """Train the table's and the stamps' branch alone first.

        They want thousands of steps, which are cheap without frames; how their words are weighed
        is then learned in few epochs.
        """
        network, settings = self._network, self._settings
        features, labels, stamps = self._data.features, self._data.labels, self._data.stamps
        network.train()

        def of_table(rows: NDArray[np.int64]) -> Tensor:
            hidden = drop_features(features.numeric[rows], features.categories[rows], self._rng)
            logits = network.table_alone(*(self._tensor(array) for array in hidden))
            return self._loss(logits, self._tensor(labels[rows]))

        def of_stamps(rows: NDArray[np.int64]) -> Tensor:
            sheets = np.stack([augment_stamps(sheet, self._rng) for sheet in stamps[rows]])
            told, there = network.stamps(self._tensor(sheets))
            logits = network.stamps_alone(told).squeeze(1)
            return self._loss(logits, self._tensor(labels[rows]), there.squeeze(1))

        table = [*network.table.parameters(), *network.head.parameters()]
        table += [network.no_frames, network.no_stamps]
        close = [*network.stamps.parameters(), *network.stamps_alone.parameters()]
        self._learn(table, settings.table_epochs, of_table)
        self._learn(close, settings.stamp_epochs, of_stamps)

    def _learn(
        self, wanted: list[nn.Parameter], epochs: int, cost: Callable[[NDArray[np.int64]], Tensor]
    ) -> None:
        """Train some of the weights by themselves, from a high rate down to nothing."""
        rows, size = self._split.train, self._settings.batch_size
        optimiser = torch.optim.AdamW(wanted, lr=_ALONE_LR, weight_decay=_WEIGHT_DECAY)
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
            The same rows with something hidden (`Dataset.hidden`); all there is by default.
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
        """One pass over the training rows: mean loss and accuracy, as augmented."""
        self._network.train()
        loss_sum = right = 0.0
        rows = self._split.train
        for batch in batches(self._data, rows, self._settings.batch_size, self._rng):
            labels = self._tensor(batch.labels)
            logits, *alone = self._network.all_logits(*self._inputs(batch))
            loss = self._loss(logits, labels)
            loss_sum += float(loss.detach()) * len(batch.rows)
            for said, there in alone:
                loss = loss + _ALONE * self._loss(said, labels, there)
            self._step(loss, self._optimiser)
            self._schedule.step()
            right += float(((logits > 0) == (labels > 0.5)).sum())
        return loss_sum / len(rows), right / len(rows)

    def _loss(self, logits: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Mean cross-entropy, both classes alike; of the rows that are there alone."""
        good, bad = self._weights
        weights = labels * bad + (1 - labels) * good
        weights = weights if there is None else weights * there
        return nn.functional.binary_cross_entropy_with_logits(logits, labels, weights)

    def _step(self, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """Move the weights down a loss."""
        if not torch.isfinite(loss):
            raise TrainingError("the loss is no longer finite; lower lr")
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), _LONGEST_GRADIENT)
        optimiser.step()

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._settings.device)

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy on the tune part, as it is and with the total alone."""
        rows = self._split.tune
        logits = np.stack([self.logits(rows), self.logits(rows, self._data.hidden(total_only))])
        labels = self._data.labels[rows]
        loss = np.mean(np.logaddexp(0, logits) - labels * logits)
        return float(loss), float(np.mean((logits > 0) == (labels > 0)))

    def _inputs(self, batch: Batch) -> list[Tensor]:
        """Give a batch in the order of the network's inputs."""
        arrays = (batch.numeric, batch.categories, batch.frames, batch.has_frames, batch.stamps)
        return [self._tensor(array) for array in arrays]


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
