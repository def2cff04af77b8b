"""Labelled mosaics as arrays, and what is done to them in training.

Augmentation of pictures never invents evidence: flips, quarter turns, lower resolution, margins
and brightness only; some of the stamps go. What an answer may have to do without is hidden at
random, so that it degrades gracefully: the target's class in half of the rows (offline it is
unknown for all), the fit, exposure products, all but the total, all but the published columns,
single values, frames and stamps as a whole in some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from spacekit.errors import TrainingError
from spacekit.measure.missing import FIT
from spacekit.measure.schema import TRUE_TOTAL
from spacekit.model.features import (
    CATEGORICAL,
    NUMERIC,
    Features,
    feature_arrays,
    names_of,
    read_labels,
)
from spacekit.model.images import NO_STAMPS, FrameSource, load_many
from spacekit.model.limits import Limits
from spacekit.model.regimes import VIEWS, View, told_only, told_stamps
from spacekit.visit.nouns import Problem
from spacekit.visit.truth import ALIGNED_PX

__all__ = [
    "Batch",
    "Dataset",
    "augment_frames",
    "augment_stamps",
    "batches",
    "build_dataset",
    "drop_features",
]

#: Chances in training that something is hidden.
HIDE_CLASS = 0.5
HIDE_OTHER_CATEGORY = 0.15
HIDE_FIT = 0.2
HIDE_VALUE = 0.02
HIDE_FRAMES = 0.15
HIDE_STAMPS = 0.15

#: Shares of the rows that do without exposure products, without all products but the total, and
#: with the published columns alone; the others keep what they have.
WITHOUT = ((VIEWS["filters"], 0.15), (VIEWS["total"], 0.3), (VIEWS["table"], 0.1))

#: From here on the total's pixels show that its exposures disagree.
SEEN_PX = 1.0

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
    stamps : ndarray, shape (N, 32, 2, 32, 32), uint8
        Image and weight of each stamp, zeros where missing; a memory map.
    ambiguous : int
        Rows left out because their label is empty.
    problems : tuple of Problem
        Rows with something missing.
    shown : ndarray, shape (N,), float32, or None
        Whether the total's own pixels show a misalignment: 1, 0, or NaN where they may or may
        not. It isn't what `labels` say where a filter is off that the total leaves out. None: as
        the labels.
    """

    index: tuple[str, ...]
    features: Features
    labels: NDArray[np.float32]
    frames: NDArray[np.uint8]
    has_frames: NDArray[np.float32]
    stamps: NDArray[np.uint8]
    ambiguous: int
    problems: tuple[Problem, ...]
    shown: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def shown_by_total(self) -> NDArray[np.float32]:
        """Labels of those who see the total alone: `shown`, or `labels` where that isn't known."""
        return self.labels if self.shown is None else self.shown

    def seen_as(self, view: View) -> Dataset:
        """Give the same mosaics without the products that a view leaves out."""
        numeric = view.hide(self.features.numeric)
        stamps = self.stamps if view.stamps else np.broadcast_to(NO_STAMPS, self.stamps.shape)
        return replace(self, features=replace(self.features, numeric=numeric), stamps=stamps)

    def within(self, limits: Limits) -> Dataset:
        """Give the same mosaics with no value beyond the limits, as a model reads them."""
        numeric = limits.bounded(self.features.numeric)
        return replace(self, features=replace(self.features, numeric=numeric))


@dataclass(frozen=True)
class Batch:
    """A few rows as arrays, in the order of the network's inputs; shapes as of `Dataset`.

    `labels` are those of what is left of each row, `shown` those of its total; NaN: no lesson.
    """

    numeric: NDArray[np.float32]
    categories: NDArray[np.int64]
    frames: NDArray[np.uint8]
    has_frames: NDArray[np.float32]
    stamps: NDArray[np.uint8]
    labels: NDArray[np.float32]
    shown: NDArray[np.float32]
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
        Where the arrays of frames and stamps may lie while the data set is in use (0.66 MB a row
        with frames of 256 px).
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
    frames = _on_disk(folder / "frames.npy", (len(kept), 3, size, size, 3))
    stamps = _on_disk(folder / "stamps.npy", (len(kept), *NO_STAMPS.shape))
    has_frames = np.zeros(len(kept), np.float32)
    names = names_of(kept)
    problems = [Problem(names[r], "table", n, False) for r, n in features.notes.items()]
    for row, loaded in enumerate(load_many(source, names, size, labels.astype(int).tolist())):
        name = names[row]
        problems += [Problem(name, "frames", note, fatal=False) for note in loaded.notes]
        if loaded.pixels is not None:
            frames[row] = loaded.pixels
            has_frames[row] = 1
        if loaded.stamps is not None:
            stamps[row] = loaded.stamps
        if progress is not None:
            progress(row + 1, len(kept))
    return Dataset(
        tuple(names),
        features,
        labels,
        frames,
        has_frames,
        stamps,
        int((~hard).sum()),
        tuple(problems),
        _shown(kept, labels),
    )


def _shown(table: pd.DataFrame, labels: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Say what the totals show, where the truth of the simulator tells."""
    if TRUE_TOTAL not in table:
        return None
    offset = pd.to_numeric(table[TRUE_TOTAL], errors="coerce").to_numpy(np.float32)
    shown = np.select([offset >= SEEN_PX, offset <= ALIGNED_PX], [1, 0], np.nan)
    return np.where(np.isnan(offset) | (labels == 0), labels, shown).astype(np.float32)


def _on_disk(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def batches(
    data: Dataset, rows: NDArray[np.int64], size: int, rng: np.random.Generator | None = None
) -> Iterator[Batch]:
    """Rows of a data set, at most `size` at a time; with `rng` shuffled and augmented.

    To learn from, batches are alike and of `size` rows or a few more (fewer than twice as many):
    batch statistics need two.
    """
    order = rows if rng is None else rng.permutation(rows)
    count = max(1, len(order) // size if rng is not None else -(-len(order) // size))
    for chosen in np.array_split(order, count):
        numeric = told_only(data.features.numeric[chosen])
        categories = data.features.categories[chosen]
        frames, has_frames = data.frames[chosen], data.has_frames[chosen]
        stamps = told_stamps(numeric, data.stamps[chosen])
        labels, shown = data.labels[chosen], data.shown_by_total[chosen]
        if rng is not None:
            numeric, categories, alone = drop_features(numeric, categories, rng)
            labels = np.where(alone, shown, labels)
            frames = np.stack([augment_frames(stack, rng) for stack in frames])
            has_frames = has_frames * (rng.random(len(chosen)) >= HIDE_FRAMES).astype(np.float32)
            stamps = np.stack([augment_stamps(sheet, rng) for sheet in stamps])
        seen = has_frames[:, None]
        yield Batch(numeric, categories, frames, seen, stamps, labels, shown, chosen)


def drop_features(
    numeric: NDArray[np.float32], categories: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Hide some features; shapes as of `spacekit.model.features.Features`, copies come back.

    The last, shape (N,), tells the rows that have nothing left but what the total says.
    """
    rows = len(numeric)
    draw, taken = rng.random((rows, 1)), 0.0
    alone = np.zeros(rows, dtype=bool)
    for view, chance in WITHOUT:
        chosen = (taken <= draw) & (draw < taken + chance)
        numeric = np.where(chosen, view.hide(numeric), numeric)
        alone |= chosen[:, 0] & view.total_alone
        taken += chance
    hidden = rng.random(numeric.shape) < HIDE_VALUE
    hidden |= (rng.random((rows, 1)) < HIDE_FIT) & np.isin(NUMERIC, FIT)
    fit = np.isin(NUMERIC, FIT)
    hidden |= (hidden & fit).any(axis=1, keepdims=True) & fit
    chances = [HIDE_CLASS if name == "cat" else HIDE_OTHER_CATEGORY for name in CATEGORICAL]
    unknown = rng.random(categories.shape) < chances
    return (
        told_only(np.where(hidden, np.float32(np.nan), numeric)),
        np.where(unknown, np.int64(-1), categories),
        alone,
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


def augment_stamps(sheet: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn and flip all stamps alike, take some away, or all.

    Parameters
    ----------
    sheet : ndarray, shape (M, 2, S, S), uint8
        Image and weight of each stamp.
    rng : numpy.random.Generator
        Where chance comes from.

    Returns
    -------
    ndarray, shape (M, 2, S, S), uint8
    """
    if rng.random() < HIDE_STAMPS:
        return np.zeros_like(sheet)
    sheet = np.rot90(sheet, k=int(rng.integers(4)), axes=(2, 3))
    if rng.random() < 0.5:
        sheet = sheet[..., ::-1]
    kept = rng.random(len(sheet)) < rng.uniform(0.6, 1.0)
    return np.ascontiguousarray(sheet * kept[:, None, None, None].astype(np.uint8))


def _resized(stack: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale a stack: by area downwards, smoothly upwards."""
    method = Image.Resampling.BOX if side < stack.shape[1] else Image.Resampling.BILINEAR
    pictures = [
        Image.fromarray(np.ascontiguousarray(p)).resize((side, side), method) for p in stack
    ]
    return np.stack([np.asarray(picture) for picture in pictures])
