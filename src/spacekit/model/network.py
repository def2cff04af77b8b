"""The ensemble: three branches, each with a word of its own, and a head that weighs them.

The head's answer is a logit, positive for misaligned. It is no probability yet: how it becomes
one depends on what it rests on (`spacekit.model.calibrate`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spacekit.model.branches import FrameCNN, NetworkSettings, StampCNN, TableMLP, TableScaling

__all__ = ["Ensemble"]


class Ensemble(nn.Module):  # type: ignore[misc]
    """A table row, its frames and its stamps to one logit."""

    def __init__(self, scaling: TableScaling, settings: NetworkSettings) -> None:
        super().__init__()
        self.table = TableMLP(scaling, settings)
        self.frames = FrameCNN(settings)
        self.stamps = StampCNN(settings)
        self.no_frames = nn.Parameter(torch.zeros(settings.picture_out))
        self.no_stamps = nn.Parameter(torch.zeros(settings.picture_out))
        #: What each CNN would say alone; used in training only.
        self.frames_alone = nn.Linear(settings.picture_out, 1)
        self.stamps_alone = nn.Linear(settings.picture_out, 1)
        self.head = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(settings.table_out + 2 * (settings.picture_out + 1), settings.head),
            nn.ReLU(),
            nn.Linear(settings.head, 1),
        )

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits, shape (N,), float32; inputs as of `all_logits`, in that order."""
        return self.all_logits(*inputs)[0]

    def all_logits(
        self,
        numeric: Tensor,
        categories: Tensor,
        frames: Tensor,
        has_frames: Tensor,
        stamps: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Give the logits, and those of frames and stamps alone, each with where there are any.

        Parameters
        ----------
        numeric, categories : Tensor
            See `TableMLP.forward`.
        frames : Tensor
            See `FrameCNN.forward`.
        has_frames : Tensor, shape (N, 1), float32
            1 where `frames` holds frames, 0 where they are missing.
        stamps : Tensor
            See `StampCNN.forward`.
        """
        seen, (close, has_stamps) = self.frames(frames), self.stamps(stamps)
        seen = has_frames * seen + (1 - has_frames) * self.no_frames
        close = has_stamps * close + (1 - has_stamps) * self.no_stamps
        logits = self._join(self.table(numeric, categories), seen, has_frames, close, has_stamps)
        alone = self.frames_alone(seen).squeeze(1), self.stamps_alone(close).squeeze(1)
        return logits, (alone[0], has_frames.squeeze(1)), (alone[1], has_stamps.squeeze(1))

    def table_alone(self, numeric: Tensor, categories: Tensor) -> Tensor:
        """Logits where no row has frames or stamps, as `forward` gives them, without the CNNs."""
        rows, none = len(numeric), torch.zeros_like(numeric[:, :1])
        seen, close = self.no_frames.expand(rows, -1), self.no_stamps.expand(rows, -1)
        return self._join(self.table(numeric, categories), seen, none, close, none)

    def _join(
        self, table: Tensor, seen: Tensor, has_frames: Tensor, close: Tensor, has_stamps: Tensor
    ) -> Tensor:
        x = torch.cat([table, seen, has_frames, close, has_stamps], dim=1)
        logits: Tensor = self.head(x).squeeze(1)
        return logits
