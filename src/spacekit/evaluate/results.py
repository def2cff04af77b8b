"""What an evaluation found, to look at and to keep."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spacekit.errors import TableError
from spacekit.evaluate.calibration import Calibration, calibrate_bins, recall_by_offset
from spacekit.evaluate.metrics import Metrics, classification_report, measure
from spacekit.files import write_csv, write_json, write_text
from spacekit.visit.tables import read_csv
from spacekit.visit.values import MALFORMED, as_number, as_text, is_ours

__all__ = ["Result", "read_result", "remove_result", "write_result"]

#: Of metrics.json; files without one are older and lack some of what is read here.
_FORMAT = 2
#: A result's files.
_FILES = (
    "metrics.json",
    "predictions.csv",
    "history.csv",
    "calibration.csv",
    "classification_report.txt",
)
#: No result says more.
_LARGEST_BYTES = 500_000_000
#: What to give instead of what can't be read.
_WANTED = "give a folder that train wrote, results/test"
#: No prevalence is smaller, or as near to 1: rows weigh by it, and weights must not vanish.
_RAREST = 1e-9


@dataclass(frozen=True)
class Result:
    """A model's answers to labelled mosaics it did not learn from.

    Parameters
    ----------
    name : str
        Which set: "test" or "val".
    index : tuple of str, length N
        Names of the mosaics.
    y_true, y_proba : ndarray, shape (N,), float64
        Labels and probabilities of misalignment.
    y_pred : ndarray, shape (N,), float64
        Verdicts, 1.0 misaligned, 0.0 aligned, NaN where there is no probability.
    history : dict of str to list of float
        Values by epoch of the training that led here.
    notes : tuple of str
        What a reader of the scores must know.
    folder : Path or None
        Where it was written.
    true_offset_px : ndarray, shape (N,), float64, or None
        True offsets, NaN where unknown; None where none is known.
    prevalence : float or None
        Share of misaligned mosaics that the probabilities are meant for: scores and
        reliability are given for it. None: that of the rows.
    """

    name: str
    index: tuple[str, ...]
    y_true: NDArray[np.float64]
    y_proba: NDArray[np.float64]
    y_pred: NDArray[np.float64]
    history: dict[str, list[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    folder: Path | None = None
    true_offset_px: NDArray[np.float64] | None = None
    prevalence: float | None = None

    @cached_property
    def metrics(self) -> Metrics:
        """All scores."""
        return measure(self.y_true, self.y_proba, self.y_pred, prevalence=self.prevalence)

    @property
    def accuracy(self) -> float:
        """Share of right verdicts."""
        return self.metrics.accuracy

    @property
    def loss(self) -> float:
        """Mean binary cross-entropy."""
        return self.metrics.loss

    @property
    def roc_auc(self) -> float:
        """Area under the ROC curve of the probabilities."""
        return self.metrics.roc_auc

    @property
    def pr_auc(self) -> float:
        """Average precision."""
        return self.metrics.pr_auc

    @cached_property
    def calibration(self) -> Calibration:
        """Probability against what came true, in 15 bins of equal count."""
        return calibrate_bins(self.y_true, self.y_proba, prevalence=self.prevalence)

    @property
    def recall_by_offset(self) -> pd.DataFrame:
        """Share found by true offset; no row where offsets are unknown."""
        unknown = np.full(len(self.index), np.nan)
        offsets = unknown if self.true_offset_px is None else self.true_offset_px
        return recall_by_offset(self.y_true, self.y_pred, offsets)

    @property
    def confusion_matrix(self) -> NDArray[np.int64]:
        """Counts, shape (2, 2): rows true aligned, misaligned; columns predicted."""
        return np.array(self.metrics.confusion, dtype=np.int64)

    @property
    def confusion_matrix_normalised(self) -> NDArray[np.float64]:
        """The same over each row's sum."""
        return np.array(self.metrics.confusion_share)

    @property
    def report(self) -> str:
        """Precision, recall and F1 of each class, as text."""
        return classification_report(self.y_true, self.y_pred)

    @property
    def false_negatives(self) -> list[str]:
        """Names of misaligned mosaics called aligned."""
        return self._names((self.y_true == 1) & (self.y_pred == 0))

    @property
    def false_positives(self) -> list[str]:
        """Names of aligned mosaics called misaligned."""
        return self._names((self.y_true == 0) & (self.y_pred == 1))

    def draw_plots(self, folder: Path | str | None = None) -> list[Path]:
        """Draw accuracy, loss, ROC, precision-recall, confusion, reliability, recall by offset.

        Parameters
        ----------
        folder : Path, optional
            Where the PNG and SVG files go; by default where the result was written. They are
            shown as well where there is a display.

        Returns
        -------
        list of Path
            The files.
        """
        from spacekit.evaluate.plots import draw_plots

        return draw_plots(self, Path(folder or self.folder or f"results/{self.name}"))

    def _names(self, chosen: NDArray[np.bool_]) -> list[str]:
        """Names of the chosen rows."""
        return [self.index[row] for row in np.flatnonzero(chosen)]


def remove_result(folder: Path) -> None:
    """Delete what `write_result` and `draw_plots` made of a result, and nothing else."""
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    _remove_plots(folder)


def _remove_plots(folder: Path) -> None:
    from spacekit.evaluate.plots import PLOTS

    for plot in PLOTS:
        for kind in ("png", "svg"):
            (folder / f"{plot}.{kind}").unlink(missing_ok=True)


def write_result(result: Result, folder: Path) -> Result:
    """Write a result as JSON, CSV and text.

    ``metrics.json`` (scores, names of false negatives and positives, notes),
    ``predictions.csv`` (index, y_true, y_pred, y_proba, true_offset_px where known),
    ``history.csv`` (a row an epoch), ``calibration.csv`` (a row a bin) and
    ``classification_report.txt``. Plots of an earlier result go.

    Returns
    -------
    Result
        The same, knowing where it lies.
    """
    _remove_plots(folder)
    content = {
        "format": _FORMAT,
        "name": result.name,
        "prevalence": result.prevalence,
        "notes": list(result.notes),
        **asdict(result.metrics),
        "false_negatives": result.false_negatives,
        "false_positives": result.false_positives,
    }
    write_json(folder / "metrics.json", _without_nan(content))
    columns = {"y_true": result.y_true, "y_pred": result.y_pred, "y_proba": result.y_proba}
    if result.true_offset_px is not None:
        columns["true_offset_px"] = result.true_offset_px
    write_csv(folder / "predictions.csv", pd.DataFrame({"index": result.index, **columns}))
    history = pd.DataFrame({"epoch": range(1, _epochs(result.history) + 1), **result.history})
    write_csv(folder / "history.csv", history)
    write_csv(folder / "calibration.csv", result.calibration.table())
    write_text(folder / "classification_report.txt", result.report)
    return replace(result, folder=folder)


def read_result(folder: Path) -> Result:
    """Read what `write_result` wrote, in this version or an older one.

    Probabilities and labels are what counts: scores are computed anew. What an older version
    left out (history, notes, true offsets) is told in the notes and done without.

    Raises
    ------
    TableError
        If there are no labels, probabilities and verdicts.
    """
    folder = Path(folder)
    try:
        content = _object(folder / "metrics.json")
        rows = read_csv(folder / "predictions.csv", _WANTED, dtype={"index": "str"})
        offsets = rows.get("true_offset_px")
        history, missing = _history(folder / "history.csv")
        notes = _texts(content.get("notes", []))
        return Result(
            name=as_text(content.get("name")) or folder.name,
            index=tuple(rows["index"].fillna("").astype(str)),
            y_true=rows["y_true"].to_numpy(float),
            y_proba=rows["y_proba"].to_numpy(float),
            y_pred=rows["y_pred"].to_numpy(float),
            history=history,
            notes=(*notes, *(note for note in missing if note not in notes)),
            folder=folder,
            true_offset_px=None if offsets is None else offsets.to_numpy(float),
            prevalence=_share(content.get("prevalence")),
        )
    except MALFORMED as error:
        if is_ours(error):
            raise
        raise TableError(
            f"{folder}: holds no result that can be read ({error}); {_WANTED}"
        ) from error


def _share(value: Any) -> float | None:
    if value is None:
        return None
    share = as_number(value)
    if share is None or not _RAREST <= share <= 1 - _RAREST:
        raise TableError(f"metrics.json: prevalence is {share}, no share that could be met with")
    return share


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TableError(f"notes are {type(value).__name__}, no list; {_WANTED}")
    return tuple(note for note in value if isinstance(note, str))


def _object(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _LARGEST_BYTES:
        raise TableError(f"{path}: too large for a result; {_WANTED}")
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise TableError(f"{path}: describes no result; {_WANTED}")
    return content


def _history(path: Path) -> tuple[dict[str, list[float]], list[str]]:
    """Read values by epoch; without the file there are none, and a note."""
    if not path.is_file():
        return {}, ["the history of the training was not kept"]
    table = read_csv(path, _WANTED).drop(columns="epoch", errors="ignore")
    return {str(name): table[name].astype(float).tolist() for name in table}, []


def _epochs(history: dict[str, list[float]]) -> int:
    """How many epochs a history holds."""
    return max(map(len, history.values()), default=0)


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: None stands for it."""
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
