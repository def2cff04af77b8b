"""The network that the original tool documents, to be measured on the same visits.

Dense 18-32-64-32-18 with leaky ReLU on ten raw features; a 3D CNN on three frames of 128 px
(convolutions 32, pooled by 2 along all three axes, then 32, 64, 128, 256, batch-normed, averaged,
dense 512 with dropout 0.3); a dense layer of 9 joins them, a sigmoid answers. Adam at 1e-4,
batches of 32. Initial weights, where they aren't documented, are torch's. It is trained in bfloat16
with float32 weights where the processor knows that: three times faster there, ten times slower
where it must be imitated.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spacekit.model.checkpoint import (
    part_of,
    put_moments,
    read_checkpoint,
    take_moments,
    write_checkpoint,
)
from spacekit.model.dataset import Dataset
from spacekit.model.features import NUMERIC

__all__ = ["FRAME_PX", "train_original"]

FRAME_PX: Final = 128
_RATE, _BATCH, _EVALUATE = 1e-4, 32, 64
_PUBLISHED: Final = 7  # numbers; with the three categories, ten features


class Original(nn.Module):  # type: ignore[misc]
    """Features (N, 10) and frames (N, 9, 128, 128), both float32, to logits (N,)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (10, 18, 32, 64, 32, 18)
        dense: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            dense += [nn.Linear(a, b), nn.LeakyReLU()]
        self.mlp = nn.Sequential(*dense)
        layers: list[nn.Module] = [_convolution(3, 32), nn.MaxPool3d(2), nn.BatchNorm3d(32)]
        for a, b in ((32, 32), (32, 64), (64, 128), (128, 256)):
            layers += [_convolution(a, b), nn.BatchNorm3d(b)]
        self.cnn = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.dense = nn.Sequential(nn.Linear(256, 512), nn.LeakyReLU(), nn.Dropout(0.3))
        self.join = nn.Sequential(nn.Linear(18 + 512, 9), nn.LeakyReLU(), nn.Linear(9, 1))

    def forward(self, features: Tensor, frames: Tensor) -> Tensor:
        """Logits."""
        seen = self.dense(self.cnn(frames))
        logits: Tensor = self.join(torch.cat([self.mlp(features), seen], dim=1)).squeeze(1)
        return logits


class Convolution(nn.Conv3d):  # type: ignore[misc]
    """A 3D convolution (kernel 3, padding 1) that leaves out what only meets padding.

    The first pooling leaves one plane of the three frames: from there on two of the kernel's three
    planes are multiplied by zeros, in both directions. The middle one is a 2D convolution, with the
    same results and gradients for a third of the work.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, planes, rows, columns), float32."""
        if x.shape[2] > 1:
            several: Tensor = super().forward(x)
            return several
        middle = self.weight[:, :, 1]
        return nn.functional.conv2d(x.squeeze(2), middle, self.bias, padding=1).unsqueeze(2)


def _convolution(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(Convolution(channels_in, channels_out), nn.LeakyReLU())


def _inputs(data: Dataset, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Raw features as the published tables write them, and frames as floats."""
    numbers = np.nan_to_num(data.features.numeric[rows][:, :_PUBLISHED], nan=0.0)
    features = np.concatenate([numbers, data.features.categories[rows]], axis=1)
    frames = data.frames[rows].astype(np.float32) / 255  # (n, 3, 128, 128, 3)
    return (
        torch.from_numpy(features.astype(np.float32)),
        torch.from_numpy(frames).permute(0, 4, 1, 2, 3).contiguous(),
    )


def train_original(
    train: Dataset, test: Dataset, epochs: int, seed: int, checkpoint: Path | None = None
) -> NDArray[np.float64]:
    """Train it, and give its logits on the test set.

    Parameters
    ----------
    train, test : Dataset
        Frames of 128 px.
    epochs, seed : int
        Passes over all training rows; decides weights and order.
    checkpoint : Path, optional
        Where an interrupted training leaves its last epoch, and goes on from there.
    """
    if NUMERIC[:_PUBLISHED][0] != "numexp":
        raise ValueError("the published numbers are no longer the first columns")
    torch.manual_seed(seed)
    network = Original()
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    key = f"{seed} {len(train)}"
    start = _resume(checkpoint, key, network, optimiser) if checkpoint else 0
    for epoch in range(start, epochs):
        torch.manual_seed(seed + epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(train))
        loss = _learn(network, optimiser, train, order)
        print(f"original, epoch {epoch + 1}: loss {loss:.3f}", flush=True)
        if checkpoint:
            tensors = {f"network/{k}": v for k, v in network.state_dict().items()}
            tensors |= {f"optimiser/{k}": v for k, v in take_moments(optimiser).items()}
            write_checkpoint(checkpoint, key, tensors, epoch + 1)
    network.eval()
    with torch.inference_mode():
        parts = np.array_split(np.arange(len(test)), max(1, len(test) // _EVALUATE))
        logits = torch.cat([network(*_inputs(test, rows)) for rows in parts])
        answers: NDArray[np.float64] = logits.double().numpy()
    return answers


def _resume(checkpoint: Path, key: str, network: Original, optimiser: torch.optim.Optimizer) -> int:
    """Take up an interrupted training; gives the number of its epochs, 0 for none."""
    found = read_checkpoint(checkpoint, key)
    if found is None:
        return 0
    tensors, epochs = found
    network.load_state_dict(part_of(tensors, "network/"))
    put_moments(optimiser, part_of(tensors, "optimiser/"))
    return int(epochs)


def _learn(
    network: Original,
    optimiser: torch.optim.Optimizer,
    train: Dataset,
    order: NDArray[np.int64],
) -> float:
    """Pass once over all rows; gives the mean loss."""
    known = torch.cpu.get_capabilities()
    short = any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))
    network.train()
    total = 0.0
    for rows in np.array_split(order, max(1, len(order) // _BATCH)):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=short):
            logits = network(*_inputs(train, rows)).float()
        labels = torch.from_numpy(train.labels[rows])
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += float(loss.detach()) * len(rows)
    return total / len(order)
