"""``spacekit svm run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._options import prevalence_option
from spacekit.cli._terminal import progress, say, show_problems, show_table

if TYPE_CHECKING:
    from spacekit.evaluate.tally import Tally

__all__ = ["run", "show_verdicts"]

#: Longer tables of verdicts are cut on the screen.
_MOST_ROWS = 30


@click.command(cls=EqualsCommand)
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
@click.option(
    "-c", "--crpt", type=click.IntRange(0, 1), default=0, help="1: copies that corrupt made."
)
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
    tally = result.verdicts.tally
    show_verdicts(tally)
    show_problems(tally.problems, tally.problems_total)
    say(f"\npredictions in {result.predictions_path}\nframes in {result.img_path}")
    if result.report:
        say(f"look at {result.report}")
    return 1 if tally.problems_total else 0


def show_verdicts(tally: Tally, truth: dict[str, str] | None = None) -> None:
    """Print mosaics with verdict and probability, the most suspicious first.

    Parameters
    ----------
    tally : Tally
        Of the predictions.
    truth : dict of str to str or None
        What is true of each mosaic, for one more column.
    """
    from spacekit.evaluate.tally import verdicts_of

    rows = []
    first = tally.foremost.sort_values("y_proba", ascending=False, kind="stable").head(_MOST_ROWS)
    columns = (first["index"], verdicts_of(first)["verdict"], first["y_proba"])
    for name, verdict, probability in zip(*columns, strict=True):
        cells = [str(name), verdict, f"{probability:.3f}"]
        rows.append([*cells, truth.get(str(name), "")] if truth else cells)
    show_table(["mosaic", "verdict", "probability"] + (["truth"] if truth else []), rows)
    if tally.mosaics > len(rows):
        say(f"... and {tally.mosaics - len(rows)} more (predictions.csv has them all)")
