"""A folder of visits goes in, a verdict on each mosaic comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spacekit.skopes.hst.svm.predict import Verdicts, classify
from spacekit.skopes.hst.svm.prep import run_preprocessing
from spacekit.visit.nouns import Problem

__all__ = ["RunResult", "Watch", "run_visits"]


@dataclass(frozen=True)
class RunResult:
    """Verdicts, and where everything is.

    Parameters
    ----------
    verdicts : Verdicts
        What `classify` found, and counted.
    img_path : Path
        Where the frames are.
    earlier : tuple of Problem
        What could not be read or measured.
    """

    verdicts: Verdicts
    img_path: Path
    earlier: tuple[Problem, ...]

    @property
    def predictions(self) -> pd.DataFrame:
        """A row a mosaic, as in predictions.csv."""
        return self.verdicts.predictions

    @property
    def predictions_path(self) -> Path:
        """That file."""
        return self.verdicts.folder / "predictions.csv"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read, measured or classified."""
        return self.earlier + self.verdicts.problems

    @property
    def report(self) -> Path | None:
        """The page to look at, where it was asked for."""
        return self.verdicts.report


@dataclass(frozen=True)
class Watch:
    """Who wants to know how far it is: callables of (done, total), or None."""

    prep: Callable[[int, int], None] | None = None
    predict: Callable[[int, int], None] | None = None


def run_visits(
    visits: Path,
    output: Path,
    *,
    model_path: Path | None = None,
    crpt: int = 0,
    prevalence: float | None = None,
    workers: int | None = None,
    report: bool = True,
    watch: Watch | None = None,
) -> RunResult:
    """Measure every mosaic below a folder and classify it.

    Parameters
    ----------
    visits : Path
        The folder that holds the visits, at any depth.
    output : Path
        Where tables, frames and predictions go. What is there of an earlier run is used.
    model_path : Path or None
        Model file; the one that ships with the package by default.
    crpt : {0, 1}
        1: the visits are corrupted copies.
    prevalence : float or None
        Share of misaligned mosaics that probabilities are for; the model's by default.
    workers : int or None
        Processes; one a core by default.
    report : bool
        Whether to write the page ``report/index.html``.
    watch : Watch or None
        Who wants to know how far it is.

    Raises
    ------
    SpacekitError
        If there is nothing to classify or the output can't be written.
    """
    watch = watch or Watch()
    prepared = run_preprocessing(
        visits, output_path=output, crpt=crpt, workers=workers, progress=watch.prep
    )
    verdicts = classify(
        prepared.csv_path,
        prepared.img_path,
        model_path=model_path,
        output_path=output,
        group=visits.resolve().name,
        prevalence=prevalence,
        report=report,
        earlier=prepared.problems,
        progress=watch.predict,
    )
    return RunResult(verdicts, prepared.img_path, prepared.problems)
