"""Write the verdicts on a table of mosaics, in the documented files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from spacekit.files import ensure_folder, write_csv, write_problems, write_text
from spacekit.measure.schema import CATEGORIES, INDEX
from spacekit.visit.nouns import Problem

__all__ = ["OWN", "joined", "report_text", "write_predictions"]

#: Our own columns of predictions.csv, after the published ones.
OWN = (
    *("rests_on", "unfamiliar"),
    *("culprit", "culprit_dx_px", "culprit_dy_px", "culprit_mas", "reason"),
)

_ANSWERS = ("y_pred", "y_proba")

_DETECTORS = {number: name for name, number in CATEGORIES["det"].items()}


def joined(table: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Input columns, y_pred, y_proba, index, then what there is of our own columns.

    Answers of old are replaced.
    """
    own = [name for name in OWN if name in answers.columns]
    replaced = [*_ANSWERS, *OWN, INDEX]
    kept = table.drop(columns=[name for name in replaced if name in table.columns])
    return pd.concat([kept, answers[list(_ANSWERS)], table[[INDEX]], answers[own]], axis="columns")


def report_text(predictions: pd.DataFrame, group: str, now: datetime) -> str:
    """Text of clf_report.txt.

    Parameters
    ----------
    predictions : DataFrame
        As `joined` makes it.
    group : str
        What the mosaics are called as a whole.
    now : datetime
        When.
    """
    proba, pred = predictions["y_proba"].dropna(), predictions["y_pred"].dropna()
    total = len(pred)
    lines = [
        f"date: {now:%Y-%m-%d}",
        f"time: {now:%H:%M:%S}",
        f"group: {group}",
        "",
        f"Mean Probability Score: {_number(proba.mean())}",
        f"Standard Deviation: {_number(proba.std(ddof=0))}",
        "",
        "verdict          count   percent",
    ]
    for value, name in ((0.0, "aligned"), (1.0, "suspicious")):
        count = int((pred == value).sum())
        percent = f"{100 * count / total:.1f}" if total else "-"
        lines.append(f"{value}={name}".ljust(16) + f"{count:6d}" + f"{percent:>10}")
    if total < len(predictions):
        lines.append(f"no answer: {len(predictions) - total}")
    lines += ["", "misalignment counts by detector", *_by_detector(predictions)]
    return "\n".join(lines) + "\n"


def write_predictions(
    folder: Path, predictions: pd.DataFrame, group: str, problems: Sequence[Problem]
) -> None:
    """Write predictions.csv, compromised.txt, clf_report.txt and problems.csv into `folder`.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    predictions : DataFrame
        As `joined` makes it.
    group : str
        For the report.
    problems : sequence of Problem
        Written where there are any; an old file goes where there are none.
    """
    ensure_folder(folder)
    write_csv(folder / "predictions.csv", predictions)
    names = predictions.loc[predictions["y_pred"] == 1, INDEX].fillna("").astype(str)
    lines = ["".join(c if c.isprintable() else "?" for c in name) + "\n" for name in names]
    write_text(folder / "compromised.txt", "".join(lines))
    text = report_text(predictions, group, datetime.now().astimezone())
    write_text(folder / "clf_report.txt", text)
    write_problems(folder / "problems.csv", problems)


def _by_detector(predictions: pd.DataFrame) -> list[str]:
    """Write a line for each detector in the table: suspicious of all."""
    numbers = pd.to_numeric(predictions["det"], errors="coerce").fillna(-1)
    names = numbers.map(lambda n: _DETECTORS.get(n, "unknown"))
    lines = []
    for name in sorted(set(names)):
        pred = predictions.loc[names == name, "y_pred"]
        lines.append(f"{name:8s}{int((pred == 1).sum()):6d} of {len(pred)}")
    return lines


def _number(value: float) -> str:
    """Four digits, or a dash for nothing."""
    return "-" if math.isnan(value) else f"{value:.4f}"
