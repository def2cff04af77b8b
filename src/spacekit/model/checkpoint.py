"""What a training run needs to go on after its last finished epoch: one ``.npz``, no pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spacekit.files import replacing
from spacekit.visit.values import MALFORMED

__all__ = ["part_of", "put_moments", "read_checkpoint", "take_moments", "write_checkpoint"]

_PLAIN = "plain"
_BROKEN = (*MALFORMED, zipfile.BadZipFile)


def write_checkpoint(path: Path, key: str, tensors: Mapping[str, Tensor], plain: Any) -> None:
    """Write the state of a run, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    key : str
        Tells this run from others: what it is trained on and how.
    tensors : mapping of str to Tensor
        Weights, the optimiser's moments, random states.
    plain : JSON-like
        What else there is.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    text = np.array(json.dumps({"key": key, "plain": plain}))
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_PLAIN: text, **arrays})


def read_checkpoint(path: Path, key: str) -> tuple[dict[str, Tensor], Any] | None:
    """Read it back; None where there is none, or it is broken or of another run."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            told = json.loads(str(content[_PLAIN]))
            if told["key"] != key:
                return None
            arrays: dict[str, NDArray[Any]] = {n: content[n] for n in content if n != _PLAIN}
    except _BROKEN:
        return None
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, told["plain"]


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the tensors whose names begin so, by the rest of their names."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def take_moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Give what an optimiser remembers of each weight, as ``<weight>/<field>``."""
    remembered = optimiser.state_dict()["state"]
    return {
        f"{number}/{name}": value
        for number, fields in remembered.items()
        for name, value in fields.items()
    }


def put_moments(optimiser: torch.optim.Optimizer, moments: Mapping[str, Tensor]) -> None:
    """Give an optimiser of the same weights back what `take_moments` took."""
    remembered: dict[int, dict[str, Tensor]] = {}
    for name, value in moments.items():
        number, _, field = name.partition("/")
        remembered.setdefault(int(number), {})[field] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": remembered, "param_groups": groups})
