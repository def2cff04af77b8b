"""``spacekit svm label``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import say

__all__ = ["label"]


@click.command(cls=EqualsCommand)
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("visits", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write; beside the table as <name>_labelled.csv by default.",
)
def label(table: Path, visits: Path, output: Path | None) -> int:
    """Join label and true offsets to TABLE (svm_data.csv) from the simulated VISITS."""
    from spacekit.skopes.hst.svm.label import label_simulated

    made = label_simulated(table, visits, output)
    for reason in made.skipped:
        say(f"skipped {reason}")
    say(
        f"{made.misaligned} misaligned, {made.aligned} aligned, {made.ambiguous} ambiguous, "
        f"{made.unknown} without truth"
    )
    click.echo(made.path)
    return 1 if made.skipped else 0
