"""The original's network in our code: the same function, and a training that goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spacekit.model.dataset import Dataset
from spacekit.model.features import NUMERIC, Features

torch = pytest.importorskip("torch")

from benchmarks.accuracy.original import Convolution, train_original  # noqa: E402  needs torch


def tiny() -> Dataset:
    rng = np.random.default_rng(3)
    count = 6
    return Dataset(
        tuple(f"hst_{i}_01_wfc3_ir_total_i{i}" for i in range(count)),
        Features(rng.normal(size=(count, len(NUMERIC))).astype("f"), np.zeros((count, 3), int), {}),
        (np.arange(count) % 2).astype("f"),
        rng.integers(0, 256, (count, 3, 16, 16, 3), dtype=np.uint8),
        np.ones(count, "f"),
        np.zeros((count, 32, 2, 32, 32), np.uint8),
        0,
        (),
    )


@pytest.mark.parametrize("planes", [1, 3])
def test_what_only_meets_padding_changes_nothing(planes: int) -> None:
    torch.manual_seed(1)
    ours = Convolution(4, 6).double()
    frames = torch.rand(2, 4, planes, 9, 7, dtype=torch.float64)
    plain = torch.nn.functional.conv3d(frames, ours.weight, ours.bias, padding=1)
    found = ours(frames)
    slope = torch.rand_like(plain)
    torch.testing.assert_close(found, plain)
    for weight in (ours.weight, ours.bias):
        expected, got = (
            torch.autograd.grad(y, weight, slope, retain_graph=True) for y in (plain, found)
        )
        torch.testing.assert_close(got, expected)


def test_training_goes_on_after_its_last_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, checkpoint = tiny(), tmp_path / "original.npz"
    at_once = train_original(data, data, 2, 1)
    capsys.readouterr()
    train_original(data, data, 1, 1, checkpoint)
    resumed = train_original(data, data, 2, 1, checkpoint)
    assert capsys.readouterr().out.count("epoch 1:") == 1
    np.testing.assert_allclose(resumed, at_once, rtol=1e-4, atol=1e-6)
