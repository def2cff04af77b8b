"""Classify mosaics from a table and frames: ``python -m spacekit.skopes.hst.svm.predict``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import pandas as pd

from spacekit.evaluate.predictions import joined, read_predictions, write_predictions
from spacekit.evaluate.tally import MOST_SHOWN, Tally
from spacekit.files import exclusive
from spacekit.measure.schema import INDEX
from spacekit.measure.verdict import reasons_of
from spacekit.model.features import names_of, open_table
from spacekit.model.images import open_frames
from spacekit.model.infer import BATCH, Predictions, load_model
from spacekit.options import whole_number
from spacekit.report.entries import read_scraped
from spacekit.report.write import ReportFolder, ReportSource
from spacekit.visit.nouns import Problem
from spacekit.visit.pictures import LARGEST_SIDE_PX
from spacekit.visit.problems import read_problems
from spacekit.visit.tables import PartedTable

__all__ = ["Verdicts", "classify", "predict_alignment"]

#: Rows that are read, answered and written at a time, in whole batches of the model: a table of
#: any length takes the same memory.
PART_ROWS: Final = 125 * BATCH


@dataclass(frozen=True)
class Verdicts:
    """What `classify` found.

    Parameters
    ----------
    folder : Path
        Where the files were written.
    tally : Tally
        Counts of verdicts and problems (the earlier ones too), and the most suspicious mosaics.
    thresholds : dict of str to float
        Probability from which on a mosaic was called suspicious, at the prevalence asked for, by
        what there is to go by (`spacekit.model.regimes`).
    report : Path or None
        The page to look at, where it was asked for.
    """

    folder: Path
    tally: Tally
    thresholds: dict[str, float]
    report: Path | None = None

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """As in predictions.csv, from where it is read: the input rows, y_pred, y_proba, index.

        Then ours: rests_on, unfamiliar, culprit, culprit_dx_px, culprit_dy_px, culprit_mas,
        reason.
        """
        return read_predictions(self.folder / "predictions.csv")[0]

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Mosaics answered with something missing, or not at all: read from problems.csv."""
        return tuple(read_problems(self.folder / "problems.csv"))


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

    Parameters
    ----------
    data_file, img_path, model_path, output_path, size, group
        As of `classify`.

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
    OptionError
        If frames can't have that size, or the prevalence is none.
    TableError, FrameError, ModelFileError, OutputError
        If table, frames or model can't be used at all, or nothing can be written.
    """
    if size is not None:
        size = whole_number("size", size, 16, LARGEST_SIDE_PX)
    output, images = Path(output_path or "."), Path(img_path)
    model = load_model(model_path, threads=threads)
    thresholds = model.manifest.calibration.probability_thresholds(prevalence)
    table = open_table(Path(data_file), PART_ROWS)
    group = group or table.path.stem
    tally = Tally()
    tally.add_problems(earlier)
    folder, page, pages = output / "predictions", None, ReportFolder(output / "report")
    shown = report and table.rows <= MOST_SHOWN  # else it shows at the end who is
    taker = partial(pages.take, images) if shown else None
    with (
        open_frames(images, reduce_to=size, on_decoded=taker) as frames,
        exclusive(output, "predictions"),
        pages.locked() if report else nullcontext(),
    ):
        answer = partial(model.predict_table, frames=frames, prevalence=prevalence)
        write_predictions(folder, _answered(table, answer, images, progress), group, tally)
        if report:
            names = set(tally.foremost[INDEX].dropna())
            source = ReportSource(
                tally.foremost,
                images,
                group,
                thresholds=thresholds,
                scraped=read_scraped(table.path.with_name(f"raw_{table.path.name}"), names),
                problems=(*earlier, *read_problems(folder / "problems.csv", names)),
                tally=tally,
            )
            page = pages.write(source)
    return Verdicts(folder, tally, thresholds, page)


def _answered(
    table: PartedTable,
    answer: Callable[..., Predictions],
    images: Path,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[pd.DataFrame, list[Problem]]]:
    """Give predictions.csv part by part, and the problems of the part's mosaics in their order."""
    for part in table.parts():
        answers = answer(part, progress=_going_on(progress, int(part.index[0]), table.rows))
        names = names_of(part)
        reasons, unread = reasons_of(names, images)
        reasons.index = part.index
        place = {name: row for row, name in enumerate(names)}
        problems = sorted((*answers.problems, *unread), key=lambda p: place[p.index])
        yield joined(part, pd.concat([answers.table, reasons], axis="columns")), problems


def _going_on(
    progress: Callable[[int, int], None] | None, before: int, total: int
) -> Callable[[int, int], None] | None:
    """Tell of a part's rows as of the table's."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.predict import predict

    launch(predict)
