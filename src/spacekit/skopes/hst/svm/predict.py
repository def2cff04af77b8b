"""Classify mosaics from a table and frames: ``python -m spacekit.skopes.hst.svm.predict``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spacekit.errors import FrameError
from spacekit.evaluate.predictions import joined, write_predictions
from spacekit.files import exclusive
from spacekit.measure.schema import INDEX
from spacekit.measure.verdict import reasons_of
from spacekit.model.features import read_table
from spacekit.model.images import open_frames
from spacekit.model.infer import load_model
from spacekit.report.entries import read_scraped
from spacekit.report.pictures import MEDIA
from spacekit.report.write import ReportSource, write_report
from spacekit.visit.nouns import Problem

__all__ = ["Verdicts", "classify", "predict_alignment"]


@dataclass(frozen=True)
class Verdicts:
    """What `classify` found.

    Parameters
    ----------
    predictions : DataFrame
        As in predictions.csv: the input rows, y_pred, y_proba, index, rests_on, unfamiliar,
        culprit, culprit_dx_px, culprit_dy_px, culprit_mas, reason.
    folder : Path
        Where the files were written.
    problems : tuple of Problem
        Mosaics answered with something missing, or not at all; also in problems.csv.
    threshold : float
        Probability from which on a mosaic was called suspicious, at the prevalence asked for.
    report : Path or None
        The page to look at, where it was asked for.
    """

    predictions: pd.DataFrame
    folder: Path
    problems: tuple[Problem, ...]
    threshold: float
    report: Path | None = None


def predict_alignment(
    data_file: Path | str,
    img_path: Path | str,
    model_path: Path | str | None = None,
    output_path: Path | str | None = None,
    size: int | None = None,
    *,
    group: str | None = None,
) -> pd.DataFrame:
    """Tell which mosaics of a table are misaligned: the published call.

    Takes and writes the same as `classify`, which also tells of problems.

    Returns
    -------
    DataFrame
        As in predictions.csv: the input rows, y_pred, y_proba, index, and ours after them.
    """
    return classify(data_file, img_path, model_path, output_path, size, group=group).predictions


def classify(
    data_file: Path | str,
    img_path: Path | str,
    model_path: Path | str | None = None,
    output_path: Path | str | None = None,
    size: int | None = None,
    *,
    group: str | None = None,
    prevalence: float | None = None,
    threads: int = 1,
    report: bool = True,
    earlier: Sequence[Problem] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Verdicts:
    """Tell which mosaics of a table are misaligned.

    Writes ``predictions/predictions.csv``, ``compromised.txt``, ``clf_report.txt`` and, where
    there were any, ``problems.csv`` below `output_path`, and the page ``report/index.html``.

    Parameters
    ----------
    data_file : Path or str
        ``svm_data.csv``.
    img_path : Path or str
        Folder of frames, or an ``.npz`` of arrays.
    model_path : Path or str, optional
        Model file; the one that ships with the package by default.
    output_path : Path or str, optional
        The working directory by default.
    size : int, optional
        Reduce frames to this many px first (128: what an array of 128 px would show). By
        default they go to the model at the size it was trained on.
    group : str, optional
        What the mosaics are called as a whole, for the report; the table's name by default.
    prevalence : float, optional
        Share of misaligned mosaics that probabilities are given for; the model's (2%) by
        default. Verdicts don't depend on it.
    threads : int
        Cores to use.
    report : bool
        Whether to write the page.
    earlier : sequence of Problem
        What went wrong before, for the page.
    progress : callable (done, total), optional
        Called as rows are done.

    Raises
    ------
    TableError, FrameError, ModelFileError, OutputError
        If table, frames or model can't be used at all, or nothing can be written.
    """
    if size is not None and not 16 <= size <= 4096:
        raise FrameError(f"size is {size}; frames can be reduced to 16 to 4096 px")
    output = Path(output_path or ".")
    model = load_model(model_path, threads=threads)
    threshold = model.manifest.calibration.probability_threshold(prevalence)
    table = read_table(Path(data_file))
    with (
        open_frames(Path(img_path), reduce_to=size) as frames,
        exclusive(output, "predictions", "report", f"report/{MEDIA}/*"),
    ):
        answers = model.predict_table(table, frames, prevalence=prevalence, progress=progress)
        names = table[INDEX].fillna("").astype(str).tolist()
        reasons, unread = reasons_of(names, Path(img_path))
        reasons.index = table.index
        predictions = joined(table, pd.concat([answers.table, reasons], axis="columns"))
        problems = (*answers.problems, *unread)
        folder = output / "predictions"
        group = group or Path(data_file).stem
        write_predictions(folder, predictions, group, problems)
        page = None
        if report:
            source = ReportSource(
                predictions,
                Path(img_path),
                group,
                threshold=threshold,
                scraped=read_scraped(Path(data_file).with_name(f"raw_{Path(data_file).name}")),
                problems=(*earlier, *problems),
            )
            page = write_report(source, output / "report")
    return Verdicts(predictions, folder, problems, threshold, page)


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.predict import predict

    launch(predict)
