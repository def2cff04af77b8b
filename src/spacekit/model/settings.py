"""How to train, checked on the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import index
from typing import Any, ClassVar

from spacekit.errors import OptionError
from spacekit.model.calibrate import PREVALENCE

__all__ = ["TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Parameters
    ----------
    batch_size, epochs : int
        Rows a step; passes over the training rows, at most.
    table_epochs, stamp_epochs : int
        Passes of the table's and the stamps' branch alone before that; they take no frames and
        little time.
    lr : float
        Highest learning rate of the passes with frames; the branches have learned before, and
        a high one would undo that.
    decay : tuple of (float, float) or None
        (steps, rate): the learning rate is multiplied by rate every so many steps, smoothly.
        None: it rises for a tenth of the epochs and falls to zero like a cosine.
    early_stopping : {"val_loss", "val_accuracy"} or None
        What must improve on the tune part within `patience` epochs; the best epoch's weights
        are kept. None trains to the end.
    patience : int
        In epochs.
    verbose : int
        0 logs nothing, else every epoch is logged (level INFO).
    image_size : int
        Side of the frames, px, a multiple of 32 from 32 to 1024.
    power_transform : bool
        Fit a Yeo-Johnson exponent for each feature instead of taking logarithms.
    prevalence : float
        Share of misaligned mosaics that the model's probabilities will be given for.
    seed : int
        Decides the split, the weights' start, the order and the augmentation.
    threads : int or None
        Cores to use, 1 or more; None leaves it to torch.
    device : str
        Where torch computes ("cpu", "cuda").
    """

    batch_size: int = 16
    epochs: int = 20
    table_epochs: int = 60
    stamp_epochs: int = 30
    lr: float = 5e-4
    decay: tuple[float, float] | None = None
    early_stopping: str | None = "val_loss"
    patience: int = 6
    verbose: int = 1
    image_size: int = 128
    power_transform: bool = False
    prevalence: float = PREVALENCE
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"

    #: What `params` of run_training may hold.
    PUBLISHED: ClassVar[tuple[str, ...]] = (
        "batch_size",
        "epochs",
        "lr",
        "decay",
        "early_stopping",
        "verbose",
    )

    def __post_init__(self) -> None:
        problems = {
            "batch_size must be 2 or more": self.batch_size < 2,
            "epochs must be 1 or more": self.epochs < 1,
            "table_epochs must be 0 or more": self.table_epochs < 0,
            "stamp_epochs must be 0 or more": self.stamp_epochs < 0,
            "patience must be 0 or more": self.patience < 0,
            "seed must be 0 or more": self.seed < 0,
            "threads must be 1 or more": self.threads is not None and self.threads < 1,
            "lr must lie between 0 and 1": not 0 < self.lr < 1,
            "prevalence must lie between 0 and 1": not 0 < self.prevalence < 1,
            "decay is a pair (steps, rate) with a rate between 0 and 1": self.decay is not None
            and not (len(self.decay) == 2 and self.decay[0] > 0 and 0 < self.decay[1] <= 1),
            "early_stopping is val_loss, val_accuracy or None": self.early_stopping
            not in ("val_loss", "val_accuracy", None),
            "image_size is a multiple of 32 from 32 to 1024": not 32 <= self.image_size <= 1024
            or self.image_size % 32 != 0,
        }
        wrong = [text for text, bad in problems.items() if bad]
        if wrong:
            raise OptionError("; ".join(wrong))

    def with_params(self, params: Mapping[str, Any] | None) -> TrainingSettings:
        """Copy with the values of the published dictionary.

        Raises
        ------
        OptionError
            If a key is unknown or a value can't be.

        Notes
        -----
        ``ensemble=True``, which scripts for the original hold, changes nothing: a model here is
        always the whole ensemble.
        """
        params = dict(params or {})
        if params.pop("ensemble", True) is not True:
            raise OptionError("params: a model is always the whole ensemble; leave `ensemble` out")
        unknown = [key for key in params if key not in self.PUBLISHED]
        if unknown:
            known = ", ".join(self.PUBLISHED)
            raise OptionError(f"params: unknown {', '.join(map(str, unknown))}; known: {known}")
        try:
            decay = params.get("decay")
            if decay is not None:
                # what is no pair is refused with the other values
                parts = decay if isinstance(decay, Iterable) else (decay,)
                params["decay"] = tuple(float(part) for part in parts)
            # numpy's numbers are welcome, 2.5 epochs aren't
            kinds: dict[str, Callable[[Any], float]] = {
                "batch_size": index,
                "epochs": index,
                "verbose": index,
                "lr": float,
            }
            for key, kind in kinds.items():
                if key in params:
                    params[key] = _as_kind(key, params[key], kind)
            return replace(self, **params)
        except (TypeError, ValueError) as error:
            raise OptionError(f"params: {error}") from error


def _as_kind(key: str, value: Any, kind: Callable[[Any], float]) -> float:
    """Make a number of a published value; the ValueError names its key."""
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key} is {value!a} ({error})") from error
