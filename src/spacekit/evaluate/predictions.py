"""The verdicts on a table of mosaics in the documented files: written, and read back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import numpy as np
import pandas as pd

from spacekit.errors import TableError
from spacekit.evaluate.tally import Tally
from spacekit.files import ensure_folder, replacing
from spacekit.measure.schema import INDEX
from spacekit.visit.nouns import Problem
from spacekit.visit.problems import problems_table
from spacekit.visit.tables import read_csv

__all__ = ["OWN", "joined", "read_predictions", "report_text", "write_predictions"]

#: Our own columns of predictions.csv, after the published ones.
OWN = (
    *("rests_on", "unfamiliar"),
    *("culprit", "culprit_dx_px", "culprit_dy_px", "culprit_mas", "reason"),
)

#: Those of them that hold words, empty where there are none.
_OWN_TEXT: Final = ("rests_on", "unfamiliar", "culprit", "reason")

_ANSWERS = ("y_pred", "y_proba")

#: predictions.csv is wider than what it was made from.
_LARGEST_BYTES: Final = 2_000_000_000


def joined(table: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Input columns, y_pred, y_proba, index, then what there is of our own columns.

    Answers of old are replaced.
    """
    own = [name for name in OWN if name in answers.columns]
    replaced = [*_ANSWERS, *OWN, INDEX]
    kept = table.drop(columns=[name for name in replaced if name in table.columns])
    return pd.concat([kept, answers[list(_ANSWERS)], table[[INDEX]], answers[own]], axis="columns")


def report_text(tally: Tally, group: str, now: datetime) -> str:
    """Text of clf_report.txt.

    Parameters
    ----------
    tally : Tally
        Of the predictions.
    group : str
        What the mosaics are called as a whole.
    now : datetime
        When.
    """
    zeros = tally.aligned + tally.untold  # published as y_pred 0, blind or not
    total = tally.suspicious + zeros
    lines = [
        f"date: {now:%Y-%m-%d}",
        f"time: {now:%H:%M:%S}",
        f"group: {group}",
        "",
        f"Mean Probability Score: {_number(tally.mean)}",
        f"Standard Deviation: {_number(tally.deviation)}",
        "",
        "verdict          count   percent",
    ]
    for name, count in (("0.0=aligned", zeros), ("1.0=suspicious", tally.suspicious)):
        percent = f"{100 * count / total:.1f}" if total else "-"
        lines.append(name.ljust(16) + f"{count:6d}" + f"{percent:>10}")
    if tally.unanswered:
        lines.append(f"no answer: {tally.unanswered}")
    lines += ["", "misalignment counts by detector"]
    for row in tally.by_detector.itertuples():
        lines.append(f"{row.detector:8s}{row.suspicious:6d} of {row.mosaics}")
    if tally.untold:
        lines += ["", f"can't tell (0.0, but nothing measured on the pixels): {tally.untold}"]
    if tally.lost:
        lines += ["", f"not done (problems.csv): {tally.lost}"]
    return "\n".join(lines) + "\n"


def write_predictions(
    folder: Path,
    parts: Iterable[tuple[pd.DataFrame, Sequence[Problem]]],
    group: str,
    tally: Tally,
) -> None:
    """Write predictions.csv, compromised.txt, clf_report.txt and problems.csv into `folder`.

    They are moved into place one after the other, once all that they hold is on the disk. Where
    a part fails, or the disk is full, all files stay as they were. Where the run is killed, or
    the system fails, between two moves, some are new and some are old.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    parts : iterable of (DataFrame, sequence of Problem)
        The table part by part, as `joined` makes it, and what was wrong with the part.
        problems.csv is written where there is any problem; an old one goes where there is none.
    group : str
        For the report.
    tally : Tally
        Counts what is written.
    """
    ensure_folder(folder)
    problems_csv = folder / "problems.csv"
    with ExitStack() as files:
        names = _opened(files, folder / "compromised.txt")
        rows = _opened(files, folder / "predictions.csv")
        report = _opened(files, folder / "clf_report.txt")
        problem_rows: TextIO | None = None
        for number, (predictions, problems) in enumerate(parts):
            predictions.to_csv(rows, index=False, header=number == 0)
            names.writelines(_suspicious(predictions))
            if problems:
                header = problem_rows is None
                problem_rows = problem_rows or _opened(files, problems_csv)
                problems_table(problems).to_csv(problem_rows, index=False, header=header)
            tally.add(predictions)
            tally.add_problems(problems)
        report.write(report_text(tally, group, datetime.now().astimezone()))
        for file in filter(None, (names, rows, report, problem_rows)):
            file.flush()  # before the first is moved
    if problem_rows is None:
        problems_csv.unlink(missing_ok=True)


def read_predictions(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read predictions.csv, of this version or an older one.

    Returns
    -------
    table : DataFrame
        With index, y_pred and y_proba, NaN where the file has none; it may have no row.
    notes : tuple of str
        What the file lacks.

    Raises
    ------
    TableError
        If it is no table of mosaics.
    """
    table = read_csv(
        path,
        "give the predictions.csv of predict",
        largest_bytes=_LARGEST_BYTES,
        dtype={INDEX: "str", **dict.fromkeys(_OWN_TEXT, "str")},
    )
    if INDEX not in table.columns:
        raise TableError(f"{path}: has no column 'index' with the mosaics' names")
    words = {name: table[name].fillna("") for name in _OWN_TEXT if name in table.columns}
    lacking = [name for name in ("y_pred", "y_proba") if name not in table.columns]
    notes = [f"{path.name} has no column {name}: not shown" for name in lacking]
    return table.assign(**words, **dict.fromkeys(lacking, np.nan)), tuple(notes)


def _opened(files: ExitStack, path: Path) -> TextIO:
    """Open a file that appears at `path` when `files` are closed well."""
    part = files.enter_context(replacing(path))
    return files.enter_context(part.open("w", encoding="utf-8", newline=""))


def _suspicious(predictions: pd.DataFrame) -> list[str]:
    """Name suspicious mosaics, a printable line each."""
    names = predictions.loc[predictions["y_pred"] == 1, INDEX].fillna("").astype(str)
    return ["".join(c if c.isprintable() else "?" for c in name) + "\n" for name in names]


def _number(value: float) -> str:
    """Four digits, or a dash for nothing."""
    return "-" if math.isnan(value) else f"{value:.4f}"
