"""The branches of the ensemble: an MLP on the table, 3D CNNs on the frames and on the stamps.

Frames. 128 px show what is grossly wrong: a double footprint, circles beside their sources.
The first convolution looks at every pixel (kernel 7, stride 4); the depth of the later ones is
the stack plain, source, gaia: whether a star's circle sits on it, and whether one star got two,
is seen across the frames.

Stamps. Native pixels show what frames can't: stars that all are stretched or doubled alike, and
holes that cosmic-ray rejection left in the weight at one place beside every star. They may come
in any order and number.

What is missing. Values that are NaN are replaced by zeros beside a mask, inside the graph, so
that the model file takes a table as it stands; black stamps count as none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spacekit.model.signs import with_surest

__all__ = ["FrameCNN", "NetworkSettings", "StampCNN", "TableMLP", "TableScaling", "yeo_johnson"]

#: Pixels of a frame that one cell of the last feature map covers; frames are a multiple of it.
CELL_PX = 32

#: Scaled values beyond are clipped: a table from elsewhere must not push the answer anywhere.
CLIP = 6.0

#: Bins that share their ends (many rows have one value) are as good as steps.
NARROWEST = 1e-3


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes of the ensemble.

    Parameters
    ----------
    classes : tuple of int
        How many classes each category has.
    hidden, table_out : int
        Widths of the MLP.
    frame_channels : tuple of int
        Channels after each convolution on the frames.
    stamp_channels, stack_channels : tuple of int
        Channels after each convolution on single stamps, and on their stack.
    picture_out : int
        Width of what each of the two CNNs tells.
    head : int
        Width of the head.
    dropout : float
        Share of units dropped in training.
    """

    classes: tuple[int, ...] = (5, 4, 8)
    hidden: int = 64
    table_out: int = 32
    frame_channels: tuple[int, int, int, int] = (12, 20, 28, 40)
    stamp_channels: tuple[int, int, int] = (8, 12, 16)
    stack_channels: tuple[int, int, int] = (16, 24, 32)
    picture_out: int = 12
    head: int = 32
    dropout: float = 0.2


@dataclass(frozen=True)
class TableScaling:
    """How numbers become comparable: a transform, then zero mean and unit width.

    K columns: the table's, and the surest sign.

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
    edges : ndarray, shape (K, B + 1), float32
        Quantiles of the standardised training rows, ascending: the ends of B bins a column.
    """

    scale: NDArray[np.float32]
    power: NDArray[np.float32]
    mean: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    width: NDArray[np.float32] = field(default_factory=lambda: np.ones(0, np.float32))
    edges: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))


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
    """Features to an embedding: transform, standardise, bin, mask, one-hot, two layers.

    The surest sign of an error is one column more (`spacekit.model.signs`).

    Beside itself each value is given as how far it fills each bin of its column, 0 to 1: the
    piecewise-linear encoding of Gorishniy et al. (2022, NeurIPS 35, "On Embeddings for Numerical
    Features"), with which a small MLP finds thresholds as trees do.
    """

    edges: Tensor
    scale: Tensor
    power: Tensor
    mean: Tensor
    width: Tensor

    def __init__(self, scaling: TableScaling, settings: NetworkSettings) -> None:
        super().__init__()
        for name in ("scale", "power", "mean", "width", "edges"):
            self.register_buffer(name, torch.tensor(getattr(scaling, name), dtype=torch.float32))
        self.classes = settings.classes
        columns, bins = len(scaling.scale), scaling.edges.shape[1] - 1
        width = (2 + bins) * columns + sum(settings.classes)
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
        numeric : Tensor, shape (N, columns of the table), float32
            NaN where missing.
        categories : Tensor, shape (N, C), int64
            -1 where unknown.

        Returns
        -------
        Tensor, shape (N, table_out), float32
        """
        numeric = with_surest(numeric)
        missing = torch.isnan(numeric)
        known = 1 - missing.float()  # (N, K)
        x = torch.where(missing, torch.zeros_like(numeric), numeric) / self.scale
        x = (yeo_johnson(x, self.power) - self.mean) / self.width
        x = x.clamp(-CLIP, CLIP) * known
        hot = [
            (categories[:, i : i + 1] == torch.arange(n, device=categories.device)).float()
            for i, n in enumerate(self.classes)
        ]
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        filled = ((x[:, :, None] - low) / (high - low).clamp(min=NARROWEST)).clamp(0, 1)
        filled = (filled * known[:, :, None]).reshape(-1, low.numel())  # (N, K B)
        embedding: Tensor = self.layers(torch.cat([x, filled, known, *hot], dim=1))
        return embedding


_Triple = tuple[int, int, int]


def _solid(
    channels: tuple[int, int], kernel: _Triple, stride: _Triple, padding: _Triple
) -> nn.Sequential:
    """Convolve a stack of pictures (depth, height, width); normalise."""
    convolution = nn.Conv3d(*channels, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(channels[1]), nn.ReLU())


def _block(channels: tuple[int, int], *, depth_padding: int) -> nn.Sequential:
    """Halve height and width, look across the frames."""
    return _solid(channels, (3, 3, 3), (1, 2, 2), (depth_padding, 1, 1))


def _each(channels: tuple[int, int], kernel: int) -> nn.Sequential:
    """Halve height and width of each stamp by itself."""
    return _solid(channels, (1, kernel, kernel), (1, 2, 2), (0, kernel // 2, kernel // 2))


def _flat(channels: tuple[int, int], kernel: int, stride: int) -> nn.Sequential:
    """Convolve a stack's maps; normalise."""
    convolution = nn.Conv2d(*channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels[1]), nn.ReLU())


class FrameCNN(nn.Module):  # type: ignore[misc]
    """Frames to an embedding: four strided 3D convolutions, pooled over the footprint."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        c0, c1, c2, c3 = settings.frame_channels
        self.stem = _solid((3, c0), (1, 7, 7), (1, 4, 4), (0, 3, 3))
        self.blocks = nn.Sequential(
            _block((c0, c1), depth_padding=1),
            _block((c1, c2), depth_padding=1),
            _block((c2, c3), depth_padding=0),  # the three frames become one
        )
        self.out = nn.Sequential(nn.Linear(2 * c3, settings.picture_out), nn.ReLU())

    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames.

        Parameters
        ----------
        frames : Tensor, shape (N, 3, H, W, 3), uint8
            Plain, source, gaia in RGB; 0 outside the footprint; H and W multiples of 32.

        Returns
        -------
        Tensor, shape (N, out), float32
            From mean and maximum of each channel over the footprint.
        """
        x = frames.float() / 255
        inside = (x[:, 0].sum(dim=3) > 0).float()  # (N, H, W)
        inside = nn.functional.avg_pool2d(inside[:, None], CELL_PX)  # (N, 1, H/32, W/32)
        x = self.blocks(self.stem(x.permute(0, 4, 1, 2, 3)))  # (N, c3, 1, H/32, W/32)
        x = x.squeeze(2) * inside
        mean = x.sum(dim=(2, 3)) / inside.sum(dim=(2, 3)).clamp(min=1e-3)
        told: Tensor = self.out(torch.cat([mean, x.amax(dim=(2, 3))], dim=1))
        return told


class StampCNN(nn.Module):  # type: ignore[misc]
    """Stamps to an embedding, by two ways.

    The stamps' mean and deviation, pixel by pixel, go through 2D convolutions: what all stars
    have alike (a second image, a hole in the weight beside them) stands out of the noise there.
    Each stamp by itself goes through 3D convolutions that don't mix stamps: what differs over
    the field (a turned exposure) is seen in how its features differ.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        c0, c1, c2 = settings.stamp_channels
        self.blocks = nn.Sequential(_each((2, c0), 5), _each((c0, c1), 3), _each((c1, c2), 3))
        b0, b1, b2 = settings.stack_channels
        self.stack = nn.Sequential(
            nn.BatchNorm2d(4),
            _flat((4, b0), 5, 1),
            _flat((b0, b1), 3, 2),
            _flat((b1, b2), 3, 2),
            _flat((b2, b2), 3, 1),
        )
        self.out = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(3 * 2 * c2 + 2 * b2, settings.picture_out),
            nn.ReLU(),
        )

    def forward(self, stamps: Tensor) -> tuple[Tensor, Tensor]:
        """Embed stamps.

        Parameters
        ----------
        stamps : Tensor, shape (N, M, 2, 32, 32), uint8
            Image and weight of each, as on the contact sheet; one without weight is none.

        Returns
        -------
        told : Tensor, shape (N, picture_out), float32
        some : Tensor, shape (N, 1), float32
            1 where there is a stamp.
        """
        x = stamps.float() / 255  # (N, M, 2, 32, 32)
        there = (x[:, :, 1].sum(dim=(2, 3)) > 0).float()  # (N, M)
        weight = (there / there.sum(dim=1, keepdim=True).clamp(min=1))[:, :, None, None, None]
        mean = (x * weight).sum(dim=1)  # (N, 2, 32, 32)
        apart = ((x - mean[:, None]).square() * weight).sum(dim=1)
        stack = self.stack(torch.cat([mean, (apart + 1e-6).sqrt()], dim=1))
        seen = [stack.mean(dim=(2, 3)), stack.amax(dim=(2, 3)), *self._pooled(x, there)]
        return self.out(torch.cat(seen, dim=1)), there.amax(dim=1, keepdim=True)

    def _pooled(self, x: Tensor, there: Tensor) -> list[Tensor]:
        """Pool features of single stamps: mean, largest and deviation, (N, 2 c2) each."""
        x = self.blocks(x.permute(0, 2, 1, 3, 4))  # (N, c2, M, 4, 4)
        x = torch.cat([x.mean(dim=(3, 4)), x.amax(dim=(3, 4))], dim=1) * there[:, None]
        count = there.sum(dim=1, keepdim=True).clamp(min=1)
        mean = x.sum(dim=2) / count
        apart = ((x - mean[:, :, None]) * there[:, None]).square().sum(dim=2) / count
        return [mean, x.amax(dim=2), (apart + 1e-6).sqrt()]
