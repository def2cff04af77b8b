"""Labelled mosaics as arrays, and what is done to them in training.

Augmentation of frames never invents evidence: flips, quarter turns, lower resolution, margins
and brightness only. Features are dropped at random so that the answer degrades gracefully:
the target's class in half of the rows (offline it is unknown for all), the fit, the evidence,
single values and the frames as a whole in some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from spacekit.errors import TrainingError
from spacekit.measure.schema import EVIDENCE, INDEX
from spacekit.model.features import CATEGORICAL, FIT, NUMERIC, Features, feature_arrays, read_labels
from spacekit.model.images import FrameSource, load_many
from spacekit.visit.nouns import Problem

__all__ = ["Batch", "Dataset", "augment_frames", "batches", "build_dataset", "drop_features"]

#: Chances in training that something is hidden.
HIDE_CLASS = 0.5
HIDE_OTHER_CATEGORY = 0.15
HIDE_FIT = 0.2
HIDE_EVIDENCE = 0.15
HIDE_PRODUCTS = 0.2
HIDE_VALUE = 0.05
HIDE_FRAMES = 0.15

#: Columns measured between products: all are missing where only the total was kept.
BETWEEN_PRODUCTS = (
    "offset_px",
    "offset_sources",
    "offset_scatter_px",
    "unmatched",
    "exposure_offset_px",
    "offset_sigma_px",
    "filter_ellipticity",
    "exposure_offset_sigma_px",
    "exposure_offset_sources",
    "exposures_unmatched",
)

#: Chances in training that a frame is changed, beside turns and flips.
BLUR, MARGIN, BRIGHTNESS = 0.1, 0.3, 0.3

#: Frames of other tools may have no more than this.
COARSEST_PX = 128


@dataclass(frozen=True)
class Dataset:
    """Labelled mosaics.

    Parameters
    ----------
    index : tuple of str, length N
        Names.
    features : Features
        N rows.
    labels : ndarray, shape (N,), float32
        0 aligned, 1 misaligned.
    frames : ndarray, shape (N, 3, S, S, 3), uint8
        Normalised frames, zeros where missing; a memory map.
    has_frames : ndarray, shape (N,), float32
        1 where there are frames.
    ambiguous : int
        Rows left out because their label is empty.
    problems : tuple of Problem
        Rows with something missing.
    """

    index: tuple[str, ...]
    features: Features
    labels: NDArray[np.float32]
    frames: NDArray[np.uint8]
    has_frames: NDArray[np.float32]
    ambiguous: int
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Batch:
    """A few rows as arrays, in the order of the network's inputs; shapes as of `Dataset`."""

    numeric: NDArray[np.float32]
    categories: NDArray[np.int64]
    frames: NDArray[np.uint8]
    has_frames: NDArray[np.float32]
    labels: NDArray[np.float32]
    rows: NDArray[np.int64]


def build_dataset(
    table: pd.DataFrame,
    source: FrameSource,
    size: int,
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Read the frames of a labelled table.

    Parameters
    ----------
    table : DataFrame
        Labelled; rows with an empty label are left out and counted.
    source : FrameSource
        Where the frames are.
    size : int
        Side of the frames, px.
    folder : Path
        Where the array of frames may lie while the data set is in use (2.4 MB a row at 512 px).
    progress : callable (done, total), optional
        Called after each row.

    Raises
    ------
    TableError, TrainingError
        If the table is no labelled table, or no row is left.
    """
    labels = read_labels(table)
    hard = np.isfinite(labels)
    kept, labels = table[hard].reset_index(drop=True), labels[hard]
    if kept.empty:
        raise TrainingError("no row of the table has a label")
    features = feature_arrays(kept)
    frames = np.lib.format.open_memmap(
        folder / "frames.npy", mode="w+", dtype=np.uint8, shape=(len(kept), 3, size, size, 3)
    )
    has_frames = np.zeros(len(kept), np.float32)
    problems = [Problem(str(kept[INDEX][r]), "table", n, False) for r, n in features.notes.items()]
    names = kept[INDEX].fillna("").astype(str).tolist()
    for row, loaded in enumerate(load_many(source, names, size, labels.astype(int).tolist())):
        name = names[row]
        problems += [Problem(name, "frames", note, fatal=False) for note in loaded.notes]
        if loaded.pixels is not None:
            frames[row] = loaded.pixels
            has_frames[row] = 1
        if progress is not None:
            progress(row + 1, len(kept))
    return Dataset(
        tuple(names),
        features,
        labels,
        frames,
        has_frames,
        int((~hard).sum()),
        tuple(problems),
    )


def batches(
    data: Dataset, rows: NDArray[np.int64], size: int, rng: np.random.Generator | None = None
) -> Iterator[Batch]:
    """Rows of a data set, `size` at a time; with `rng` shuffled and augmented.

    A last batch of one row is joined to the one before: batch statistics need two.
    """
    order = rows if rng is None else rng.permutation(rows)
    count = max(1, len(order) // size if rng is not None else -(-len(order) // size))
    for chosen in np.array_split(order, count):
        numeric = data.features.numeric[chosen]
        categories = data.features.categories[chosen]
        frames, has_frames = data.frames[chosen], data.has_frames[chosen]
        if rng is not None:
            numeric, categories = drop_features(numeric, categories, rng)
            frames = np.stack([augment_frames(stack, rng) for stack in frames])
            has_frames = has_frames * (rng.random(len(chosen)) >= HIDE_FRAMES).astype(np.float32)
        yield Batch(numeric, categories, frames, has_frames[:, None], data.labels[chosen], chosen)


def drop_features(
    numeric: NDArray[np.float32], categories: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Hide some features; shapes as of `spacekit.model.features.Features`, copies come back."""
    rows = len(numeric)
    hidden = rng.random(numeric.shape) < HIDE_VALUE
    groups = (
        (FIT, HIDE_FIT),
        (tuple(c.name for c in EVIDENCE), HIDE_EVIDENCE),
        (BETWEEN_PRODUCTS, HIDE_PRODUCTS),
    )
    for names, chance in groups:
        columns = np.isin(NUMERIC, names)
        hidden |= (rng.random((rows, 1)) < chance) & columns
    fit = np.isin(NUMERIC, FIT)
    hidden |= (hidden & fit).any(axis=1, keepdims=True) & fit
    chances = [HIDE_CLASS if name == "cat" else HIDE_OTHER_CATEGORY for name in CATEGORICAL]
    unknown = rng.random(categories.shape) < chances
    return (
        np.where(hidden, np.float32(np.nan), numeric),
        np.where(unknown, np.int64(-1), categories),
    )


def augment_frames(stack: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn, flip and sometimes spoil a stack of frames, all three alike.

    Parameters
    ----------
    stack : ndarray, shape (3, S, S, 3), uint8
        Normalised frames.
    rng : numpy.random.Generator
        Where chance comes from.

    Returns
    -------
    ndarray, shape (3, S, S, 3), uint8
    """
    side = stack.shape[1]
    stack = np.rot90(stack, k=int(rng.integers(4)), axes=(1, 2))
    if rng.random() < 0.5:
        stack = stack[:, :, ::-1]
    if rng.random() < BLUR:
        coarse = int(rng.integers(min(COARSEST_PX, side), side + 1))
        stack = _resized(_resized(stack, coarse), side)
    if rng.random() < MARGIN:
        inner = int(side * rng.uniform(0.85, 1.0))
        square = np.zeros((3, side, side, 3), np.uint8)
        y0, x0 = rng.integers(0, side - inner + 1, size=2)
        square[:, y0 : y0 + inner, x0 : x0 + inner] = _resized(stack, inner)
        stack = square
    if rng.random() < BRIGHTNESS:
        levels = np.linspace(0, 1, 256) ** rng.uniform(0.75, 1.35) * 255
        levels[1:] = levels[1:].clip(1)  # 0 stays the mark of what is outside
        stack = np.rint(levels).astype(np.uint8)[stack]
    return np.ascontiguousarray(stack)


def _resized(stack: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale a stack: by area downwards, smoothly upwards."""
    method = Image.Resampling.BOX if side < stack.shape[1] else Image.Resampling.BILINEAR
    pictures = [
        Image.fromarray(np.ascontiguousarray(p)).resize((side, side), method) for p in stack
    ]
    return np.stack([np.asarray(picture) for picture in pictures])
