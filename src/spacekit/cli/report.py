"""``spacekit svm report``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import progress

__all__ = ["report"]


@click.command(cls=EqualsCommand)
@click.argument("predictions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("img_path", metavar="IMG", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("report"),
    show_default=True,
    help="The folder of the page.",
)
@click.option("-g", "--group", help="What the mosaics are called; the table's name by default.")
def report(*, predictions: Path, img_path: Path, output: Path, group: str | None) -> int:
    """Write the page again for PREDICTIONS (predictions.csv) with the frames in IMG.

    `run` and `predict` write it already; this is for tables of earlier runs.
    """
    from spacekit.skopes.hst.svm.report import report_predictions

    with progress("drawing") as advance:
        page = report_predictions(predictions, img_path, output, group=group, progress=advance)
    click.echo(page)
    return 0
