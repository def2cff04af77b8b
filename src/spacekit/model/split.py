"""Four parts of a labelled table that know nothing of one another.

A part is chosen by hash of the seed and the row's *group*, so a mosaic's part does not depend
on which others are in the table. A group is a proposal: corrupted copies bear their visit's
name, matched pairs and overlapping scenes share a proposal (simulated scenes have proposal
numbers of their own), so all of them stay on one side.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacekit.errors import TrainingError

__all__ = ["PARTS", "Split", "group_of", "split_groups"]

#: The parts and the share of the groups each gets: weights, early stopping, temperature and
#: threshold, and the score that is reported.
PARTS = {"train": 0.64, "tune": 0.1, "calibrate": 0.13, "test": 0.13}

#: Fewest rows of each class in a part that was drawn by hash.
FEWEST = 2

_HAP = re.compile(r"hst_([0-9a-z]+)_[0-9a-z]+_")
#: A copy's suffix; of the filters' names only those with a clear element hold an underscore.
_COPY = re.compile(
    r"_(?:clear[0-9a-z]*_[0-9a-z-]+|[0-9a-z-]+_clear[0-9a-z]*|[0-9a-z-]+)_(?:all|sub)_(?:stat|stoc)$"
)


@dataclass(frozen=True)
class Split:
    """Rows of each part.

    Parameters
    ----------
    train, tune, calibrate, test : ndarray of int
        Row numbers, ascending.
    notes : tuple of str
        What a reader of the scores must know about how the parts were made.
    """

    train: NDArray[np.int64]
    tune: NDArray[np.int64]
    calibrate: NDArray[np.int64]
    test: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def group_of(index: str) -> str:
    """Name the group of a mosaic: its proposal, or for other names the name without copy suffix."""
    match = _HAP.match(index)
    return match.group(1) if match else _COPY.sub("", index)


def split_groups(index: Sequence[str], labels: NDArray[np.float32], seed: int) -> Split:
    """Split labelled rows by group.

    Tables too small for it are split otherwise, and a note says so: where a part would lack
    `FEWEST` rows of a class, groups are dealt one by one, class by class, in the order of their
    hashes; where a class has fewer than four groups, all parts are the whole table (its scores
    then only say that the code ran).

    Parameters
    ----------
    index : sequence of str, length N
        Names.
    labels : ndarray, shape (N,), float32
        0 or 1.
    seed : int
        Another seed, another split.

    Raises
    ------
    TrainingError
        If there is only one class.
    """
    if len(np.unique(labels)) < 2:
        raise TrainingError("the labelled rows are all of one class; training needs both")
    groups = [group_of(name) for name in index]
    share = {group: _share(group, seed) for group in groups}
    edges = np.cumsum(list(PARTS.values()))[:-1]
    parts = np.array([np.searchsorted(edges, share[g], side="right") for g in groups])
    notes: tuple[str, ...] = ()
    if not _both_classes(parts, labels, FEWEST):
        parts = _deal(groups, labels, share)
        notes = ("few rows of a class: groups dealt to the parts one by one instead of by hash",)
    if not _both_classes(parts, labels, 1):
        rows = np.arange(len(labels))
        warning = (
            "too few groups for parts of their own: training, calibration and test are the same "
            "rows, and the scores say nothing about other mosaics"
        )
        return Split(rows, rows, rows, rows, (warning,))
    train, tune, calibrate, test = (np.flatnonzero(parts == p) for p in range(len(PARTS)))
    return Split(train, tune, calibrate, test, notes)


def _share(group: str, seed: int) -> float:
    """Draw a number in [0, 1) from group and seed."""
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _both_classes(parts: NDArray[np.int64], labels: NDArray[np.float32], fewest: int) -> bool:
    """Whether each part has `fewest` rows of each class."""
    counts = [np.sum(labels[parts == p] == c) for p in range(len(PARTS)) for c in (0, 1)]
    return bool(min(counts) >= fewest)


def _deal(
    groups: Sequence[str], labels: NDArray[np.float32], share: dict[str, float]
) -> NDArray[np.int64]:
    """Parts of the rows: groups by class, each to the part that is furthest behind its share."""
    classes: dict[str, set[float]] = {group: set() for group in share}
    for group, label in zip(groups, labels.tolist(), strict=True):
        classes[group].add(label)
    part_of: dict[str, int] = {}
    for kind in ({0.0, 1.0}, {1.0}, {0.0}):
        dealt = np.zeros(len(PARTS))
        for group in sorted((g for g in share if classes[g] == kind), key=share.__getitem__):
            # The small parts come first: each must get one before training gets its second.
            behind = np.where(dealt == 0, 2.0, 0.0) + np.array(list(PARTS.values()))
            behind -= dealt / max(dealt.sum(), 1)
            part = int(np.argmax(behind))
            part_of[group] = part
            dealt[part] += 1
    return np.array([part_of[g] for g in groups])
