"""Explore: a look at a table before it is trained on."""

from __future__ import annotations

from pathlib import Path

from spacekit.evaluate.explore import Exploration, explore
from spacekit.evaluate.explore_plots import draw_exploration
from spacekit.files import ensure_folder, write_csv
from spacekit.model.features import read_table

__all__ = ["explore_table"]


def explore_table(
    data_file: Path | str, output_path: Path | str = "exploration", *, plots: bool = True
) -> Exploration:
    """Summarise a table of mosaics, and draw what it holds.

    Writes ``summary.csv``, ``outliers.csv``, and plots of distributions, scatter and correlation.

    Parameters
    ----------
    data_file : Path or str
        ``svm_data.csv``, labelled or not.
    output_path : Path or str
        Where tables and plots go.
    plots : bool
        Whether to draw.

    Raises
    ------
    TableError
        If the table can't be read, or no column of it is a known feature.
    OutputError
        If the folder can't be written.
    MissingExtraError
        If plots are asked for without what draws them.
    """
    found = explore(read_table(Path(data_file)))
    folder = ensure_folder(Path(output_path))
    write_csv(folder / "summary.csv", found.summary)
    write_csv(folder / "outliers.csv", found.outliers)
    if plots:
        draw_exploration(found, folder)
    return found


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.explore import explore as command

    launch(command)
