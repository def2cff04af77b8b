"""Answers of a trained model, row by row of a table, on onnxruntime alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

from spacekit.errors import ModelFileError
from spacekit.model.artifact import INPUTS, RUNTIME_ERRORS, Manifest, load_artifact, said_of
from spacekit.model.calibrate import probability
from spacekit.model.features import (
    CATEGORICAL,
    NUMERIC,
    Features,
    feature_arrays,
    names_of,
    row_number,
)
from spacekit.model.images import NO_STAMPS, Frames, FrameSource, load_many
from spacekit.model.limits import evidence_share
from spacekit.model.regimes import REGIMES, measured, regimes_of, told_only, told_stamps
from spacekit.visit.nouns import Problem

__all__ = ["Model", "Predictions", "load_model"]

#: Rows that go through the graph at once; memory stays below 200 MB at 512 px.
BATCH = 16

#: Frames of rows that have none: the graph masks them, so they may be small.
BLANK_PX = 32

#: What an answer may rest on, in the order it is told.
_LEGS = ("table", "products", "pixels", "stamps", "frames")
#: What it rests on where nothing is there that the mosaic's one exposure could disagree with.
_ONE = "one exposure"


@dataclass(frozen=True)
class Predictions:
    """Answers to a table.

    Parameters
    ----------
    table : DataFrame
        Rows as those of the table (same row index): ``y_proba`` (float, probability of
        misalignment, NaN where the answer would rest on nothing), ``y_pred`` (1.0 suspicious,
        0.0 aligned, NaN), ``rests_on``: which of table, products (shifts measured between
        them), pixels (measured on the total), stamps and frames (where they count in this
        model) there were, with a plus between, or "one exposure"; and ``unfamiliar``: what lies
        far outside of training, empty where nothing does. The evidence on such a mosaic counts
        half.
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

    def logits(
        self,
        features: Features,
        frames: NDArray[np.uint8] | None,
        stamps: NDArray[np.uint8] | None,
    ) -> NDArray[np.float64]:
        """Answers of the graph to a batch.

        Parameters
        ----------
        features : Features
            N rows, columns `NUMERIC`.
        frames : ndarray, shape (N, 3, H, W, 3), uint8, or None
            Normalised frames (see `spacekit.model.images`) of all rows, or of none.
        stamps : ndarray, shape (N, M, 2, 32, 32), uint8, or None
            Stamps of the rows, 0 where there is none.

        Returns
        -------
        ndarray, shape (N,), float64

        Raises
        ------
        ModelFileError
            If the graph doesn't run on these, or asks for too much memory.
        """
        rows = len(features)
        present = np.full((rows, 1), float(frames is not None), np.float32)
        if frames is None:
            frames = np.zeros((rows, 3, BLANK_PX, BLANK_PX, 3), np.uint8)
        if stamps is None:
            stamps = np.zeros((rows, 1, *NO_STAMPS.shape[1:]), np.uint8)
        stamps = told_stamps(features.numeric, stamps)
        numeric = self.manifest.limits.bounded(told_only(features.numeric))
        numeric = numeric[:, [NUMERIC.index(n) for n in self.manifest.numeric]]
        classes = features.categories[:, [CATEGORICAL.index(n) for n in self.manifest.categorical]]
        values = (numeric, classes, frames, present, stamps)
        try:
            answer = self._session.run(None, dict(zip(INPUTS, values, strict=True)))[0]
        except RUNTIME_ERRORS as error:
            raise ModelFileError(
                f"the model can't answer {rows} mosaics at once ({said_of(error)}); "
                "ask about fewer, or train it anew"
            ) from error
        return np.asarray(answer, dtype=np.float64)

    def predict_table(
        self,
        table: pd.DataFrame,
        frames: FrameSource | None,
        *,
        prevalence: float | None = None,
        batch_size: int = BATCH,
        progress: Callable[[int, int], None] | None = None,
    ) -> Predictions:
        """Answer every row of a table; pictures are read a batch at a time.

        Parameters
        ----------
        table : DataFrame
            As `spacekit.model.features.read_table` gives it.
        frames : FrameSource or None
            Where frames and stamps are; None answers from the table alone.
        prevalence : float, optional
            Share of misaligned mosaics that probabilities are given for; the model's by
            default. Verdicts don't depend on it.
        batch_size : int
            Rows at once.
        progress : callable (done, total), optional
            Called after each batch.

        Raises
        ------
        OptionError
            If the prevalence is none.
        TableError
            If the table can't be used at all.
        """
        prevalence = self.manifest.calibration.asked_prevalence(prevalence)
        features = feature_arrays(table)
        names = names_of(table)
        logits = np.full(len(table), np.nan)
        seen = np.zeros((len(table), 2), dtype=bool)  # stamps, frames
        problems: list[Problem] = []
        for rows in _batches(len(table), batch_size):
            loaded = self._frames(frames, [names[row] for row in rows])
            logits[rows] = self._batch(features.of(rows), loaded)
            seen[rows] = [(f.stamps is not None, f.pixels is not None) for f in loaded]
            problems += _problems(rows, names, loaded, features.notes)
            if progress is not None:
                progress(int(rows[-1]) + 1, len(table))
        answers = self.answers(features, logits, seen, prevalence)
        answers.index = table.index
        for row in np.flatnonzero(np.isnan(answers["y_proba"])):
            reason = f"row {row_number(table, int(row))} has neither values nor frames: no answer"
            problems.append(Problem(names[row], "table", reason, fatal=True))
        return Predictions(answers, tuple(problems))

    def _batch(self, features: Features, loaded: list[Frames]) -> NDArray[np.float64]:
        """Give the logits of a few rows: those with frames together, then the others."""
        logits = np.full(len(features), np.nan)
        present = np.array([f.pixels is not None for f in loaded])
        for chosen in (present, ~present):
            if not chosen.any():
                continue
            some = [f for f, there in zip(loaded, chosen, strict=True) if there]
            frames = [f.pixels for f in some if f.pixels is not None]
            sheets = [NO_STAMPS if f.stamps is None else f.stamps for f in some]
            stamps = None if all(f.stamps is None for f in some) else np.stack(sheets)
            logits[chosen] = self.logits(
                features.of(chosen), np.stack(frames) if frames else None, stamps
            )
        return logits

    def answers(
        self,
        features: Features,
        logits: NDArray[np.float64],
        seen: NDArray[np.bool_],
        prevalence: float,
    ) -> pd.DataFrame:
        """Turn logits into verdicts, and say what they rest on.

        Parameters
        ----------
        features : Features
            N rows, columns `NUMERIC`.
        logits : ndarray, shape (N,), float64
            Of the same rows.
        seen : ndarray, shape (N, 2), bool
            Whether there were stamps, and frames.
        prevalence : float
            For the probabilities.

        Returns
        -------
        DataFrame
            Columns as of `Predictions.table`; a row with nothing to rest on has NaN.
        """
        calibration = self.manifest.calibration
        regimes = regimes_of(features.numeric)
        unfamiliar = self.manifest.limits.unfamiliar(features)
        ratio = evidence_share(unfamiliar) * calibration.log_ratio(logits, regimes)
        values = np.isfinite(features.numeric).any(axis=1)
        known = values | (features.categories >= 0).any(axis=1)
        told = measured(features.numeric)
        some = told.any(axis=1)
        frames = seen[:, 1] & self.manifest.frames_count
        legs = np.column_stack([known, told[:, :2].any(axis=1), some, some & seen[:, 0], frames])
        nothing = ~legs.any(axis=1)
        rests_on = [
            _ONE if single else " + ".join(itertools.compress(_LEGS, row)) or "nothing"
            for row, single in zip(legs, regimes == REGIMES.index("single"), strict=True)
        ]
        return pd.DataFrame(
            {
                "y_pred": np.where(nothing, np.nan, calibration.suspicious(ratio, regimes)),
                "y_proba": np.where(nothing, np.nan, probability(ratio, prevalence)),
                "rests_on": rests_on,
                "unfamiliar": unfamiliar,
            }
        )

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
