"""``spacekit svm explore``."""

from __future__ import annotations

import math
from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import say, show_table

__all__ = ["explore"]

#: More outliers are in outliers.csv.
_MOST_OUTLIERS = 10


@click.command(cls=EqualsCommand)
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("exploration"),
    show_default=True,
    help="Where tables and plots go.",
)
@click.option("-p", "--plots", type=click.Choice(["0", "1"]), default="1", help="0: no plots.")
def explore(*, table: Path, output: Path, plots: str) -> int:
    """Look at TABLE (svm_data.csv) before training on it.

    Prints each feature's medians by class and how well it tells the classes apart alone; writes
    summary.csv, outliers.csv, and plots of distributions, scatter and correlation.
    """
    from spacekit.skopes.hst.svm.explore import explore_table

    found = explore_table(table, output, plots=plots == "1")
    for note in found.notes:
        say(f"note: {note}")
    counts = found.classes.value_counts()
    say(", ".join(f"{counts[kind]} {kind}" for kind in counts.index))
    columns = [str(name) for name in found.summary]
    show_table(columns, [[_cell(v) for v in row] for row in found.summary.to_numpy()])
    say(f"\n{len(found.outliers)} outliers" + (", the farthest:" if len(found.outliers) else ""))
    for row in found.outliers.head(_MOST_OUTLIERS).itertuples(index=False):
        say(f"  {row[0]}: {row[1]} is {row[2]:g} ({row[3]:+.0f} sigma)")
    say(f"\ntables and plots in {output}")
    return 0


def _cell(value: object) -> str:
    """Write a number short, nothing as a dash."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.3g}"
    return str(value)
