"""The ensemble: an MLP on the table, a 3D CNN on the three frames, one small head.

Sizes. A filter that is 2 px off at 512 px shows as stars doubled at 2 px, so frames go in at
512 px and the first convolution looks at every pixel (kernel 7, stride 4: a patch is wider than
its stride and 16 channels hold what a doubled, an elongated and a round star look like). All
later layers see 128 px and less, which keeps a forward pass near 30 ms on one core. The depth
of the 3D convolutions is the stack plain, source, gaia: whether a star's circle sits on it, and
whether one star got two circles, is seen across the frames.

What is missing. Values that are NaN and frames that are not there are replaced by zeros beside
a mask, inside the graph, so that the model file takes a table as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["Calibrated", "Ensemble", "FrameCNN", "NetworkSettings", "TableMLP", "TableScaling"]

#: Pixels of a frame that one cell of the last feature map covers; frames are a multiple of it.
CELL_PX = 32

#: Scaled values beyond are clipped: a table from elsewhere must not push the answer anywhere.
CLIP = 6.0


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes of the ensemble.

    Parameters
    ----------
    classes : tuple of int
        How many classes each category has.
    hidden, table_out : int
        Widths of the MLP.
    channels : tuple of int
        Channels after each convolution of the CNN.
    head : int
        Width of the head.
    dropout : float
        Share of units dropped in training.
    """

    classes: tuple[int, ...] = (5, 4, 8)
    hidden: int = 64
    table_out: int = 32
    channels: tuple[int, int, int, int] = (16, 24, 32, 48)
    head: int = 32
    dropout: float = 0.2


@dataclass(frozen=True)
class TableScaling:
    """How numbers become comparable: a transform, then zero mean and unit width.

    The transform is Yeo & Johnson's (2000, Biometrika 87, 954) power transform of the value over
    `scale`; with power 0 it is ``log1p`` (and near it mirrored for negative values).

    Parameters
    ----------
    scale : ndarray, shape (K,), float32
        The amount below which a column is linear, in the column's unit.
    power : ndarray, shape (K,), float32
        Exponents.
    mean, width : ndarray, shape (K,), float32
        Of the transformed training rows.
    """

    scale: NDArray[np.float32]
    power: NDArray[np.float32]
    mean: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    width: NDArray[np.float32] = field(default_factory=lambda: np.ones(0, np.float32))


def yeo_johnson(x: Tensor, power: Tensor) -> Tensor:
    """Yeo-Johnson transform of `x` (N, K) with exponents `power` (K,); both signs, no NaN."""
    tiny = 1e-3
    up, down = power, 2 - power
    size = torch.log1p(x.abs())
    # (e^{p s} - 1) / p tends to s for p -> 0, where the quotient loses its digits.
    exponent = torch.where(x >= 0, up, down)
    safe = torch.where(exponent.abs() < tiny, torch.ones_like(exponent), exponent)
    curved = (torch.exp((exponent * size).clamp(max=60.0)) - 1) / safe
    bent = torch.where(exponent.abs() < tiny, size, curved)
    return torch.where(x >= 0, bent, -bent)


class TableMLP(nn.Module):  # type: ignore[misc]
    """Features to an embedding: transform, standardise, mask, one-hot, two layers."""

    scale: Tensor
    power: Tensor
    mean: Tensor
    width: Tensor

    def __init__(self, scaling: TableScaling, settings: NetworkSettings) -> None:
        super().__init__()
        for name in ("scale", "power", "mean", "width"):
            self.register_buffer(name, torch.tensor(getattr(scaling, name), dtype=torch.float32))
        self.classes = settings.classes
        width = 2 * len(scaling.scale) + sum(settings.classes)
        self.layers = nn.Sequential(
            nn.Linear(width, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, settings.table_out),
            nn.ReLU(),
        )

    def forward(self, numeric: Tensor, categories: Tensor) -> Tensor:
        """Embed a table.

        Parameters
        ----------
        numeric : Tensor, shape (N, K), float32
            NaN where missing.
        categories : Tensor, shape (N, C), int64
            -1 where unknown.

        Returns
        -------
        Tensor, shape (N, table_out), float32
        """
        missing = torch.isnan(numeric)
        known = 1 - missing.float()  # (N, K)
        x = torch.where(missing, torch.zeros_like(numeric), numeric) / self.scale
        x = (yeo_johnson(x, self.power) - self.mean) / self.width
        x = x.clamp(-CLIP, CLIP) * known
        hot = [
            (categories[:, i : i + 1] == torch.arange(n, device=categories.device)).float()
            for i, n in enumerate(self.classes)
        ]
        embedding: Tensor = self.layers(torch.cat([x, known, *hot], dim=1))
        return embedding


def _block(channels_in: int, channels_out: int, *, depth_padding: int) -> nn.Sequential:
    """Halve height and width, look across the frames."""
    return nn.Sequential(
        nn.Conv3d(
            channels_in,
            channels_out,
            kernel_size=3,
            stride=(1, 2, 2),
            padding=(depth_padding, 1, 1),
            bias=False,
        ),
        nn.BatchNorm3d(channels_out),
        nn.ReLU(),
    )


class FrameCNN(nn.Module):  # type: ignore[misc]
    """Frames to an embedding: four strided 3D convolutions, pooled over the footprint."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        c0, c1, c2, c3 = settings.channels
        self.stem = nn.Sequential(
            nn.Conv3d(3, c0, (1, 7, 7), stride=(1, 4, 4), padding=(0, 3, 3), bias=False),
            nn.BatchNorm3d(c0),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(
            _block(c0, c1, depth_padding=1),
            _block(c1, c2, depth_padding=1),
            _block(c2, c3, depth_padding=0),  # the three frames become one
        )
        self.out = 2 * c3

    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames.

        Parameters
        ----------
        frames : Tensor, shape (N, 3, H, W, 3), uint8
            Plain, source, gaia in RGB; 0 outside the footprint; H and W multiples of 32.

        Returns
        -------
        Tensor, shape (N, out), float32
            Mean and maximum of each channel over the footprint.
        """
        x = frames.float() / 255
        inside = (x[:, 0].sum(dim=3) > 0).float()  # (N, H, W)
        inside = nn.functional.avg_pool2d(inside[:, None], CELL_PX)  # (N, 1, H/32, W/32)
        x = self.blocks(self.stem(x.permute(0, 4, 1, 2, 3)))  # (N, c3, 1, H/32, W/32)
        x = x.squeeze(2) * inside
        mean = x.sum(dim=(2, 3)) / inside.sum(dim=(2, 3)).clamp(min=1e-3)
        return torch.cat([mean, x.amax(dim=(2, 3))], dim=1)


class Ensemble(nn.Module):  # type: ignore[misc]
    """The whole: a table row and its frames to one logit (positive: misaligned)."""

    def __init__(self, scaling: TableScaling, settings: NetworkSettings) -> None:
        super().__init__()
        self.table = TableMLP(scaling, settings)
        self.frames = FrameCNN(settings)
        self.absent = nn.Parameter(torch.zeros(self.frames.out))
        self.head = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(settings.table_out + self.frames.out + 1, settings.head),
            nn.ReLU(),
            nn.Linear(settings.head, 1),
        )

    def forward(
        self, numeric: Tensor, categories: Tensor, frames: Tensor, has_frames: Tensor
    ) -> Tensor:
        """Logits, shape (N,), float32.

        Parameters
        ----------
        numeric, categories : Tensor
            See `TableMLP.forward`.
        frames : Tensor
            See `FrameCNN.forward`.
        has_frames : Tensor, shape (N, 1), float32
            1 where `frames` holds frames, 0 where they are missing.
        """
        seen = has_frames * self.frames(frames) + (1 - has_frames) * self.absent
        return self._join(numeric, categories, seen, has_frames)

    def without_frames(self, numeric: Tensor, categories: Tensor) -> Tensor:
        """Logits where no row has frames, as `forward` would give them, without the CNN."""
        seen = self.absent.expand(len(numeric), -1)
        return self._join(numeric, categories, seen, torch.zeros_like(seen[:, :1]))

    def _join(
        self, numeric: Tensor, categories: Tensor, seen: Tensor, has_frames: Tensor
    ) -> Tensor:
        x = torch.cat([self.table(numeric, categories), seen, has_frames], dim=1)
        logits: Tensor = self.head(x).squeeze(1)
        return logits


class Calibrated(nn.Module):  # type: ignore[misc]
    """A trained ensemble with its temperature: what goes into the model file."""

    temperature: Tensor

    def __init__(self, ensemble: Ensemble, temperature: float) -> None:
        super().__init__()
        self.ensemble = ensemble
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float32))

    def forward(
        self, numeric: Tensor, categories: Tensor, frames: Tensor, has_frames: Tensor
    ) -> Tensor:
        """Probabilities of misalignment, shape (N,), float32; inputs as of `Ensemble`."""
        logits = self.ensemble(numeric, categories, frames, has_frames)
        return torch.sigmoid(logits / self.temperature)
