"""``spacekit svm label``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._terminal import say

__all__ = ["label"]


@click.command()
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
    import pandas as pd

    from spacekit.files import write_csv
    from spacekit.simulate.labels import label_table, read_truths

    truths = read_truths(visits)
    for reason in truths.skipped:
        say(f"skipped {reason}")
    labelled = label_table(pd.read_csv(table), truths)
    output = output or table.with_name(f"{table.stem}_labelled.csv")
    write_csv(output, labelled)
    counts = labelled["label"].value_counts()
    ambiguous = int((labelled["true_offset_px"].notna() & labelled["label"].isna()).sum())
    say(
        f"{counts.get(1, 0)} misaligned, {counts.get(0, 0)} aligned, {ambiguous} ambiguous, "
        f"{int(labelled['true_offset_px'].isna().sum())} without truth"
    )
    click.echo(output)
    return 1 if truths.skipped else 0
