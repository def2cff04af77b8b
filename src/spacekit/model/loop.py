"""The training loop: epochs over augmented batches, early stopping, history."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spacekit.errors import TrainingError
from spacekit.model.dataset import Batch, Dataset, batches, drop_features
from spacekit.model.network import Ensemble, NetworkSettings
from spacekit.model.scaling import fit_scaling
from spacekit.model.settings import TrainingSettings
from spacekit.model.split import Split

__all__ = ["Progress", "TrainingLoop"]

Progress = Callable[[int, dict[str, float]], None]

#: Rows a forward pass takes at once outside training.
_EVALUATE = 16

#: AdamW's weight decay, and the norm beyond which gradients are cut.
_WEIGHT_DECAY, _LONGEST_GRADIENT = 0.01, 5.0


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

    Attributes
    ----------
    history : dict of str to list of float
        See `spacekit.model.train.Trained`.
    """

    def __init__(self, data: Dataset, split: Split, settings: TrainingSettings) -> None:
        self.history: dict[str, list[float]] = {}
        self._data, self._split, self._settings = data, split, settings
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

    def run(self, progress: Progress | None = None) -> Ensemble:
        """Train to the end or until nothing improves; give the network with the best weights."""
        self._warm_up()
        best, kept, waited = np.inf, None, 0
        for epoch in range(self._settings.epochs):
            values = self._turn()
            if progress is not None:
                progress(epoch + 1, values)
            if self._settings.early_stopping is None:
                continue
            cost = self._cost(values)
            waited += 1
            if cost < best:
                best, waited = cost, 0
                kept = {k: v.clone() for k, v in self._network.state_dict().items()}
            if waited >= self._settings.patience:
                break
        if kept is not None:
            self._network.load_state_dict(kept)
        network: Ensemble = self._network
        return network

    def _warm_up(self) -> None:
        """Train the table's branch alone first.

        It wants thousands of steps, which are cheap without frames; what the frames add is then
        learned on top of it in few epochs.
        """
        network, settings, rows = self._network, self._settings, self._split.train
        network.train()
        wanted = [*network.table.parameters(), *network.head.parameters(), network.absent]
        optimiser = torch.optim.AdamW(wanted, lr=settings.lr, weight_decay=_WEIGHT_DECAY)
        features, labels = self._data.features, self._data.labels
        for _ in range(settings.table_epochs):
            order = self._rng.permutation(rows)
            for chosen in np.array_split(order, max(1, len(rows) // settings.batch_size)):
                hidden = drop_features(
                    features.numeric[chosen], features.categories[chosen], self._rng
                )
                logits = network.without_frames(*(self._tensor(array) for array in hidden))
                self._step(logits, self._tensor(labels[chosen]), optimiser)

    def logits(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Logits of rows, shape (len(rows),), nothing hidden or changed."""
        self._network.eval()
        with torch.inference_mode():
            parts = [self._forward(b).cpu() for b in batches(self._data, rows, _EVALUATE)]
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
            logits = self._forward(batch)
            loss_sum += self._step(logits, labels, self._optimiser) * len(batch.rows)
            self._schedule.step()
            right += float(((logits > 0) == (labels > 0.5)).sum())
        return loss_sum / len(rows), right / len(rows)

    def _step(self, logits: Tensor, labels: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """Move the weights down the loss of a batch; give that loss."""
        good, bad = self._weights
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, labels, labels * bad + (1 - labels) * good
        )
        if not torch.isfinite(loss):
            raise TrainingError("the loss is no longer finite; lower lr")
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), _LONGEST_GRADIENT)
        optimiser.step()
        return float(loss.detach())

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._settings.device)

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy on the tune part."""
        logits, labels = self.logits(self._split.tune), self._data.labels[self._split.tune]
        loss = np.mean(np.logaddexp(0, logits) - labels * logits)
        return float(loss), float(np.mean((logits > 0) == (labels > 0)))

    def _forward(self, batch: Batch) -> Tensor:
        """Logits of a batch."""
        arrays = (batch.numeric, batch.categories, batch.frames, batch.has_frames)
        return self._network(*(self._tensor(array) for array in arrays))


def _schedule(settings: TrainingSettings, steps: int) -> Callable[[int], float]:
    """Make the factor on the learning rate, by step."""
    if settings.decay is not None:
        every, rate = settings.decay
        return lambda step: float(rate ** (step / every))
    rise = max(1, steps // 10)

    def cosine(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        done = min(1.0, (step - rise) / max(1, steps - rise))
        return float(0.5 * (1 + np.cos(np.pi * done)) + 1e-3)

    return cosine
