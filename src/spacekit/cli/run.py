"""``spacekit svm run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spacekit.cli._options import prevalence_option
from spacekit.cli._terminal import progress, say, show_problems, show_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run", "show_verdicts"]


@click.command()
@click.argument("visits", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("spacekit-out"),
    show_default=True,
    help="Where tables, frames and predictions go.",
)
@click.option("-m", "--model_path", type=click.Path(path_type=Path), help="Another model file.")
@click.option("-c", "--crpt", type=click.IntRange(0, 1), default=0, help="1: corrupted copies.")
@prevalence_option
@click.option("--report/--no-report", default=True, help="Whether to write the page.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core by default.")
def run(
    *,
    visits: Path,
    output: Path,
    model_path: Path | None,
    crpt: int,
    prevalence: float | None,
    report: bool,
    workers: int | None,
) -> int:
    """Classify every mosaic below VISITS: prep and predict in one go.

    Exit status 1 says that some of the input had problems; the rest is done. The same command
    again does only what is missing.
    """
    from spacekit.skopes.hst.svm.run import Watch, run_visits

    with progress("measuring") as measured, progress("classifying") as classified:
        result = run_visits(
            visits,
            output,
            model_path=model_path,
            crpt=crpt,
            prevalence=prevalence,
            workers=workers,
            report=report,
            watch=Watch(measured, classified),
        )
    show_verdicts(result.predictions)
    show_problems(result.problems)
    say(f"\npredictions in {result.predictions_path}\nframes in {result.img_path}")
    if result.report:
        say(f"look at {result.report}")
    return 1 if result.problems else 0


def show_verdicts(predictions: pd.DataFrame, truth: dict[str, str] | None = None) -> None:
    """Print mosaics with verdict and probability, the most suspicious first.

    Parameters
    ----------
    predictions : pandas.DataFrame
        With index, y_pred and y_proba.
    truth : dict of str to str or None
        What is true of each mosaic, for one more column.
    """
    rows = []
    for row in predictions.sort_values("y_proba", ascending=False).itertuples():
        verdict = "suspicious" if row.y_pred == 1 else "aligned"
        cells = [str(row.index), verdict, f"{row.y_proba:.3f}"]
        rows.append([*cells, truth.get(str(row.index), "")] if truth else cells)
    show_table(["mosaic", "verdict", "probability"] + (["truth"] if truth else []), rows)
