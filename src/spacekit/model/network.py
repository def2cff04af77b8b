"""The ensemble: three branches, each with a word of its own, which are added up.

Each word is a logit, positive for misaligned: how much more often what the branch sees is seen in
bad mosaics than in good ones. Evidence of several kinds adds up, so the answer is their sum, the
pictures' words by weights that are fitted on rows that none learned from. It is no probability
yet: how it becomes one depends on what it rests on (`spacekit.model.calibrate`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spacekit.model.branches import FrameCNN, NetworkSettings, StampCNN, TableMLP, TableScaling

__all__ = ["Ensemble"]


class Ensemble(nn.Module):  # type: ignore[misc]
    """A table row, its frames and its stamps to one logit."""

    weights: Tensor

    def __init__(self, scaling: TableScaling, settings: NetworkSettings) -> None:
        super().__init__()
        self.table = TableMLP(scaling, settings)
        self.frames = FrameCNN(settings)
        self.stamps = StampCNN(settings)
        self.table_word = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(settings.table_out, settings.head),
            nn.ReLU(),
            nn.Linear(settings.head, 1),
        )
        self.frames_word = nn.Linear(settings.picture_out, 1)
        self.stamps_word = nn.Linear(settings.picture_out, 1)
        #: How much the words of frames and stamps count.
        self.register_buffer("weights", torch.ones(2))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits, shape (N,), float32; inputs as of `words`, in that order."""
        return self.joined(*self.words(*inputs))

    def words(
        self,
        numeric: Tensor,
        categories: Tensor,
        frames: Tensor,
        has_frames: Tensor,
        stamps: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Give each branch's logits, those of frames and stamps with where there are any.

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
        seen = self.frames_word(self.frames(frames)).squeeze(1)
        return (
            self.of_table(numeric, categories),
            (seen, has_frames.squeeze(1)),
            self.of_stamps(stamps),
        )

    def of_table(self, numeric: Tensor, categories: Tensor) -> Tensor:
        """Give the table's word, shape (N,)."""
        logits: Tensor = self.table_word(self.table(numeric, categories)).squeeze(1)
        return logits

    def of_stamps(self, stamps: Tensor) -> tuple[Tensor, Tensor]:
        """Give the stamps' word, and 1 where there are any, each of shape (N,)."""
        told, there = self.stamps(stamps)
        return self.stamps_word(told).squeeze(1), there.squeeze(1)

    def joined(
        self, table: Tensor, frames: tuple[Tensor, Tensor], stamps: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Add words up."""
        (seen, has_frames), (close, has_stamps) = frames, stamps
        return table + self.weights[0] * has_frames * seen + self.weights[1] * has_stamps * close
