"""The page of predictions that were made before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spacekit.evaluate.predictions import read_predictions
from spacekit.evaluate.tally import foremost
from spacekit.measure.schema import INDEX
from spacekit.report.entries import find_scraped
from spacekit.report.write import ReportSource, write_report
from spacekit.visit.problems import read_problems

__all__ = ["report_predictions"]


def report_predictions(
    predictions: Path | str,
    img_path: Path | str,
    output_path: Path | str,
    *,
    group: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``index.html`` and its pictures for a ``predictions.csv``, of an older version too.

    Raw tables and problems are taken from where ``prep`` and ``run`` put them: the folder above
    the table's, and beside it.

    Parameters
    ----------
    predictions : Path or str
        ``predictions.csv``.
    img_path : Path or str
        Folder of frames.
    output_path : Path or str
        The page's folder.
    group : str, optional
        What the mosaics are called as a whole; the table's name by default.
    progress : callable (done, total), optional
        Called as pictures are done.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    TableError, OutputError
        If the table is none, or the page can't be written.
    """
    path = Path(predictions)
    table, notes = read_predictions(path)
    above = path.resolve().parent.parent
    problems = [p for place in (above, path.parent) for p in read_problems(place / "problems.csv")]
    source = ReportSource(
        table,
        Path(img_path),
        group or path.stem,
        scraped=find_scraped(above, set(foremost(table)[INDEX].dropna())),
        problems=tuple(problems),
        notes=notes,
    )
    return write_report(source, Path(output_path), progress)


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.report import report

    launch(report)
