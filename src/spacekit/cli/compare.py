"""``spacekit svm compare``."""

from __future__ import annotations

import math
from pathlib import Path

import click

from spacekit.cli._terminal import say, show_table

__all__ = ["compare"]


@click.command()
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
    from spacekit.evaluate.compare import COUNTS, common_rows, read_runs, scores_table
    from spacekit.evaluate.plots import draw_comparison
    from spacekit.files import ensure_folder, write_csv

    found = read_runs(runs, part)
    for problem in found.problems:
        say(f"not read: {problem}")
    results = common_rows(found.results) if common else found.results
    if len({frozenset(result.index) for result in results.values()}) > 1:
        say("the runs were scored on different mosaics: --common compares those they share")
    scores = scores_table(results)
    rows = [
        [name, *(f"{v:.0f}" if name in COUNTS else _number(v) for v in row)]
        for name, row in zip(scores.index, scores.values, strict=True)
    ]
    show_table([part, *scores.columns], rows)
    ensure_folder(output)
    write_csv(output / "scores.csv", scores.reset_index())
    if plots == "1":
        draw_comparison(results, output)
    say(f"\nscores and plots in {output}")
    return 1 if found.problems else 0


def _number(value: float) -> str:
    """Write a score with four digits, nothing as a dash."""
    return "-" if math.isnan(value) else f"{value:.4f}"
