"""Compare: the results of several trainings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spacekit.evaluate.compare import common_rows, read_runs, scores_table
from spacekit.evaluate.plots import draw_comparison
from spacekit.evaluate.results import Result
from spacekit.files import ensure_folder, write_csv

__all__ = ["Comparison", "compare_runs"]


@dataclass(frozen=True)
class Comparison:
    """What was compared.

    Parameters
    ----------
    results : dict of str to Result
        By the shortest name that tells the runs apart.
    scores : DataFrame
        Scores in rows, runs in columns; NaN where there is none.
    problems : tuple of str
        Runs that could not be read, a sentence each.
    """

    results: dict[str, Result]
    scores: pd.DataFrame
    problems: tuple[str, ...]

    @property
    def on_same_mosaics(self) -> bool:
        """Whether all runs were scored on the same mosaics."""
        return len({frozenset(result.index) for result in self.results.values()}) == 1


def compare_runs(
    runs: Sequence[Path | str],
    output_path: Path | str = "comparison",
    *,
    part: str = "test",
    common: bool = False,
    plots: bool = True,
) -> Comparison:
    """Compare the results of several trainings.

    Writes ``scores.csv`` and, over one another, the curves as PNG and SVG.

    Parameters
    ----------
    runs : sequence of Path or str
        Output folders of training, their ``results``, or the folder of one result.
    output_path : Path or str
        Where table and plots go.
    part : {"test", "val"}
        Which set.
    common : bool
        Whether to keep only the mosaics that all runs hold.
    plots : bool
        Whether to draw.

    Raises
    ------
    TableError
        If none of the runs can be read, there are too many for one plot, or they have no mosaic
        in common where only such are asked for.
    OutputError
        If the folder can't be written.
    MissingExtraError
        If plots are asked for without what draws them.
    """
    found = read_runs([Path(run) for run in runs], part)
    results = common_rows(found.results) if common else found.results
    scores = scores_table(results)
    folder = ensure_folder(Path(output_path))
    write_csv(folder / "scores.csv", scores.reset_index())
    if plots:
        draw_comparison(results, folder)
    return Comparison(results, scores, found.problems)


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.compare import compare

    launch(compare)
