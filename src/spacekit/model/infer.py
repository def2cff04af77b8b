"""Answers of a trained model, row by row of a table, on onnxruntime alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

from spacekit.errors import ModelFileError
from spacekit.measure.schema import INDEX
from spacekit.model.artifact import INPUTS, Manifest, load_artifact
from spacekit.model.features import Features, feature_arrays
from spacekit.model.images import Frames, FrameSource, load_many
from spacekit.visit.nouns import Problem

__all__ = ["Model", "Predictions", "load_model"]

#: Rows that go through the graph at once; memory stays below 200 MB at 512 px.
BATCH = 16

#: Frames of rows that have none: the graph masks them, so they may be small.
BLANK_PX = 32

#: Columns that were measured on the mosaic's pixels; tables of other tools have none of them.
_PIXELS = ("offset_px", "ellipticity", "weight_deficit", "exposure_offset_px")


@dataclass(frozen=True)
class Predictions:
    """Answers to a table.

    Parameters
    ----------
    table : DataFrame
        Rows as those of the table (same row index): ``y_proba`` (float, probability of
        misalignment, NaN where the answer would rest on nothing), ``y_pred`` (1.0 suspicious,
        0.0 aligned, NaN) and ``rests_on``: which of table, pixels (columns measured on them)
        and frames there were, with a plus between.
    problems : tuple of Problem
        Rows answered with something missing, or not at all.
    """

    table: pd.DataFrame
    problems: tuple[Problem, ...]


class Model:
    """A trained model, ready to answer.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The graph.
    manifest : Manifest
        What the file says about itself.
    """

    def __init__(self, session: onnxruntime.InferenceSession, manifest: Manifest) -> None:
        self._session = session
        self.manifest = manifest

    def probabilities(
        self, features: Features, frames: NDArray[np.uint8] | None
    ) -> NDArray[np.float64]:
        """Probabilities of a batch.

        Parameters
        ----------
        features : Features
            N rows.
        frames : ndarray, shape (N, 3, H, W, 3), uint8, or None
            Normalised frames (see `spacekit.model.images`) of all rows, or of none.

        Returns
        -------
        ndarray, shape (N,), float64
        """
        present = frames is not None
        if frames is None:
            frames = np.zeros((len(features), 3, BLANK_PX, BLANK_PX, 3), np.uint8)
        has_frames = np.full((len(features), 1), float(present), np.float32)
        values = (features.numeric, features.categories, frames, has_frames)
        answer = self._session.run(None, dict(zip(INPUTS, values, strict=True)))[0]
        return np.asarray(answer, dtype=np.float64)

    def predict_table(
        self,
        table: pd.DataFrame,
        frames: FrameSource | None,
        *,
        batch_size: int = BATCH,
        progress: Callable[[int, int], None] | None = None,
    ) -> Predictions:
        """Answer every row of a table; frames are read a batch at a time.

        Parameters
        ----------
        table : DataFrame
            As `spacekit.model.features.read_table` gives it.
        frames : FrameSource or None
            Where frames are; None answers from the table alone.
        batch_size : int
            Rows at once.
        progress : callable (done, total), optional
            Called after each batch.

        Raises
        ------
        TableError
            If the table can't be used at all.
        """
        features = feature_arrays(
            table, numeric=self.manifest.numeric, categorical=self.manifest.categorical
        )
        names = ["" if pd.isna(name) else str(name) for name in table[INDEX]]
        proba = np.full(len(table), np.nan)
        seen = np.zeros(len(table), dtype=bool)
        problems: list[Problem] = []
        for rows in _batches(len(table), batch_size):
            loaded = self._frames(frames, [names[row] for row in rows])
            present = np.array([f.pixels is not None for f in loaded])
            for chosen in (present, ~present):
                if chosen.any():
                    stacks = [f.pixels for f in loaded if f.pixels is not None]
                    stack = np.stack(stacks) if chosen is present else None
                    proba[rows[chosen]] = self.probabilities(_take(features, rows[chosen]), stack)
            seen[rows] = present
            problems += _problems(rows, names, loaded, features.notes)
            if progress is not None:
                progress(int(rows[-1]) + 1, len(table))
        pixels = np.isin(self.manifest.numeric, _PIXELS)
        measured: NDArray[np.bool_] = np.any(np.isfinite(features.numeric[:, pixels]), axis=1)
        answers = _answers(features, proba, measured, seen, self.manifest.threshold)
        answers.index = table.index
        for row in np.flatnonzero(np.isnan(answers["y_proba"])):
            reason = f"row {row + 1} has neither values nor frames: no answer"
            problems.append(Problem(names[row], "table", reason, fatal=True))
        return Predictions(answers, tuple(problems))

    def _frames(self, source: FrameSource | None, names: list[str]) -> list[Frames]:
        """Frames of mosaics at the model's size."""
        if source is None:
            return [Frames(None)] * len(names)
        return list(load_many(source, names, self.manifest.frame_size))


def load_model(path: Path | str | None = None, *, threads: int = 1) -> Model:
    """Open a model file, or the model that ships with the package.

    Parameters
    ----------
    path : Path, str or None
        A file that training wrote; None: the bundled one.
    threads : int
        Cores an answer may use.

    Raises
    ------
    ModelFileError
        If it is no model of ours, or can't be trusted.
    """
    if path is not None:
        return Model(*load_artifact(Path(path), threads=threads))
    bundled = resources.files("spacekit.model") / "bundled" / "svm.onnx"
    with resources.as_file(bundled) as file:
        if not file.is_file():
            raise ModelFileError(
                f"{file}: this installation has no bundled model; give one (--model_path)"
            )
        return Model(*load_artifact(file, threads=threads))


def _batches(rows: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers, `size` at a time."""
    for start in range(0, rows, size):
        yield np.arange(start, min(start + size, rows))


def _answers(
    features: Features,
    proba: NDArray[np.float64],
    measured: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    threshold: float,
) -> pd.DataFrame:
    """Verdicts and what they rest on; a row with nothing to rest on gets NaN."""
    values = np.isfinite(features.numeric).any(axis=1)
    known = np.logical_or(values, (features.categories >= 0).any(axis=1))
    nothing = ~known & ~seen
    pred = np.where(nothing, np.nan, proba >= threshold)
    legs = ("table", "pixels", "frames")
    rests_on = [
        " + ".join(leg for leg, there in zip(legs, row, strict=True) if there) or "nothing"
        for row in np.column_stack([known, measured, seen])
    ]
    return pd.DataFrame(
        {"y_pred": pred, "y_proba": np.where(nothing, np.nan, proba), "rests_on": rests_on}
    )


def _take(features: Features, rows: NDArray[np.int64]) -> Features:
    """Pick some rows of the features."""
    return Features(features.numeric[rows], features.categories[rows], {})


def _problems(
    rows: NDArray[np.int64], names: list[str], loaded: list[Frames], notes: dict[int, str]
) -> Iterator[Problem]:
    """Say what was wrong with a batch's rows."""
    for row, frames in zip(rows.tolist(), loaded, strict=True):
        for note in frames.notes:
            reason = f"{note}; answered without" if frames.pixels is None else note
            yield Problem(names[row], "frames", reason, fatal=False)
        if row in notes:
            yield Problem(names[row], "table", notes[row], fatal=False)
