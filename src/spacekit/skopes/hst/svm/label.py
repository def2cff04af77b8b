"""Label: what is true of simulated visits, beside what was measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spacekit.files import write_csv
from spacekit.measure.schema import LABEL, TRUE_MODE
from spacekit.measure.truths import label_table, read_truths
from spacekit.visit.tables import read_csv

__all__ = ["Labelled", "label_simulated"]


@dataclass(frozen=True)
class Labelled:
    """A labelled table, and where it lies.

    Parameters
    ----------
    table : DataFrame
        With `label` (1, 0, empty where ambiguous or unknown) and the `true_` columns.
    path : Path
        Its file.
    skipped : tuple of str
        Files that look like truth but can't be read, with the reason.
    """

    table: pd.DataFrame
    path: Path
    skipped: tuple[str, ...]

    @property
    def misaligned(self) -> int:
        """How many mosaics are misaligned."""
        return int((self.table[LABEL] == 1).sum())

    @property
    def aligned(self) -> int:
        """How many are aligned."""
        return int((self.table[LABEL] == 0).sum())

    @property
    def ambiguous(self) -> int:
        """How many are neither clearly misaligned nor clearly aligned."""
        return int((self.table[TRUE_MODE].notna() & self.table[LABEL].isna()).sum())

    @property
    def unknown(self) -> int:
        """How many have no truth."""
        return int(self.table[TRUE_MODE].isna().sum())


def label_simulated(
    data_file: Path | str, visits: Path | str, output: Path | str | None = None
) -> Labelled:
    """Join label and true offsets of simulated visits to a table of measurements.

    Parameters
    ----------
    data_file : Path or str
        ``svm_data.csv``.
    visits : Path or str
        Folder of the simulated visits, at any depth.
    output : Path or str, optional
        Where to write; by default beside the table, as ``<name>_labelled.csv``.

    Raises
    ------
    TableError
        If the table can't be read, there is no truth, or it is of other mosaics.
    OutputError
        If it can't be written.
    """
    table = Path(data_file)
    truths = read_truths(Path(visits))
    labelled = label_table(read_csv(table, "give the svm_data.csv of prep"), truths)
    path = Path(output) if output is not None else table.with_name(f"{table.stem}_labelled.csv")
    write_csv(path, labelled)
    return Labelled(labelled, path, truths.skipped)


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.label import label

    launch(label)
