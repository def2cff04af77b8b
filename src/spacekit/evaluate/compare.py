"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spacekit.errors import TableError
from spacekit.evaluate.results import Result, read_result

__all__ = ["COUNTS", "SCORES", "Runs", "common_rows", "read_runs", "scores_table"]

#: Scores that are compared, with what they are called.
SCORES = {
    "count": "mosaics",
    "misaligned": "misaligned",
    "accuracy": "accuracy",
    "loss": "loss",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier score",
    "ece": "calibration error",
    "recall_at_fpr": "recall at FPR 0.5%",
}

#: Those of them that count mosaics.
COUNTS = frozenset({"mosaics", "misaligned"})

#: Lines in one plot that can still be told apart.
_MOST_RUNS = 6


@dataclass(frozen=True)
class Runs:
    """Results that were found, and what was not.

    Parameters
    ----------
    results : dict of str to Result
        By the shortest name that tells the folders apart.
    problems : tuple of str
        Runs that could not be read, a sentence each.
    """

    results: dict[str, Result]
    problems: tuple[str, ...]


def read_runs(paths: Sequence[Path], part: str = "test") -> Runs:
    """Read the results of several runs.

    Parameters
    ----------
    paths : sequence of Path
        Output folders of training, their ``results``, or the folder of one result.
    part : {"test", "val"}
        Which set.

    Raises
    ------
    TableError
        If none of them can be read, or there are too many for one plot.
    """
    if len(paths) > _MOST_RUNS:
        raise TableError(f"{len(paths)} runs: compare up to {_MOST_RUNS} at once")
    results, problems = {}, []
    for name, path in zip(_names(paths), paths, strict=True):
        try:
            results[name] = read_result(_folder(path, part))
        except TableError as error:
            problems.append(str(error))
    if not results:
        raise TableError("; ".join(problems) or "no run was given")
    return Runs(results, tuple(problems))


def common_rows(results: Mapping[str, Result]) -> dict[str, Result]:
    """Keep the mosaics that all results hold with the same label, in one order.

    Raises
    ------
    TableError
        If there is none.
    """
    labels = [dict(zip(r.index, r.y_true.tolist(), strict=True)) for r in results.values()]
    names = [n for n in labels[0] if all(other.get(n) == labels[0][n] for other in labels)]
    if not names:
        raise TableError("the runs have no mosaic in common: compare them as they are")
    return {run: _rows(result, names) for run, result in results.items()}


def scores_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """Give scores in rows, named as in `SCORES`, and runs in columns; NaN where there is none."""
    columns = {
        run: [float(getattr(result.metrics, name)) for name in SCORES]
        for run, result in results.items()
    }
    return pd.DataFrame(columns, index=pd.Index(SCORES.values(), name="score"))


def _folder(path: Path, part: str) -> Path:
    """Find the folder of a result in what was given."""
    places = [path, path / part, path / "results" / part]
    return next((place for place in places if (place / "metrics.json").is_file()), places[-1])


def _names(paths: Sequence[Path]) -> list[str]:
    """Name folders by as many of their last parts as it takes to tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(p[-count:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{path} ({number})" for number, path in enumerate(paths, start=1)]


def _rows(result: Result, names: Sequence[str]) -> Result:
    place = {name: row for row, name in enumerate(result.index)}
    rows = np.array([place[name] for name in names])
    offsets = result.true_offset_px
    return replace(
        result,
        index=tuple(names),
        y_true=result.y_true[rows],
        y_proba=result.y_proba[rows],
        y_pred=result.y_pred[rows],
        true_offset_px=None if offsets is None else offsets[rows],
    )
