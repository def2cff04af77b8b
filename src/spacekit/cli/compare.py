"""``spacekit svm compare``."""

from __future__ import annotations

import math
from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import say, show_table

__all__ = ["compare"]


@click.command(cls=EqualsCommand)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="Where table and plots go.",
)
@click.option("--part", type=click.Choice(["test", "val"]), default="test", show_default=True)
@click.option("--common", is_flag=True, help="Only mosaics that all runs hold.")
@click.option("-p", "--plots", type=click.Choice(["0", "1"]), default="1", help="0: no plots.")
def compare(*, runs: tuple[Path, ...], output: Path, part: str, common: bool, plots: str) -> int:
    """Compare the results of several RUNs: the output folders of `train`.

    Prints the scores side by side; writes scores.csv and the curves over one another, PNG and
    SVG. Exit status 1 says that some run could not be read; the others are compared.
    """
    from spacekit.evaluate.compare import COUNTS
    from spacekit.skopes.hst.svm.compare import compare_runs

    found = compare_runs(runs, output, part=part, common=common, plots=plots == "1")
    for problem in found.problems:
        say(f"not read: {problem}")
    if not found.on_same_mosaics:
        say("the runs were scored on different mosaics: --common compares those they share")
    rows = [
        [name, *(f"{v:.0f}" if name in COUNTS else _number(v) for v in row)]
        for name, row in zip(found.scores.index, found.scores.values, strict=True)
    ]
    show_table([part, *found.scores.columns], rows)
    say(f"\nscores and plots in {output}")
    return 1 if found.problems else 0


def _number(value: float) -> str:
    """Write a score with four digits, nothing as a dash."""
    return "-" if math.isnan(value) else f"{value:.4f}"
