"""From predictions.csv, the scraped table and the problems to the mosaics of the page.

Every cell may be a stranger's: numbers are checked, text is bounded and made printable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from spacekit.errors import TableError
from spacekit.measure.schema import CATEGORIES, COLUMNS, INDEX
from spacekit.report.nouns import Entry, Pictures
from spacekit.visit.nouns import Problem
from spacekit.visit.tables import read_csv
from spacekit.visit.values import as_number, as_text

__all__ = ["entries_of", "read_predictions", "read_problems", "read_scraped", "shown_text"]

_DETECTORS: Final = {number: name for name, number in CATEGORIES["det"].items()}
_LONGEST_NAME, _LONGEST_TEXT = 250, 600
#: More problems of one mosaic say nothing more.
_MOST_PROBLEMS: Final = 12
#: Largest shifts between products of either kind.
_OFFSETS: Final = ("offset_px", "exposure_offset_px")
#: Shown by name already, or nothing that is measured.
_NOT_VALUES: Final = ("y_pred", "y_proba", "det")


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
    table = read_csv(path, "give the predictions.csv of predict", dtype={INDEX: "str"})
    if INDEX not in table.columns:
        raise TableError(f"{path}: has no column 'index' with the mosaics' names")
    lacking = [name for name in ("y_pred", "y_proba") if name not in table.columns]
    notes = [f"{path.name} has no column {name}: not shown" for name in lacking]
    return table.assign(**dict.fromkeys(lacking, np.nan)), tuple(notes)


def read_scraped(path: Path) -> pd.DataFrame | None:
    """Read raw_svm_data.csv for names and places of targets; None where it can't be used."""
    try:
        table = read_csv(path, "give the raw table of prep", dtype={INDEX: "str"})
    except TableError:
        return None
    return table if INDEX in table.columns else None


def read_problems(path: Path) -> list[Problem]:
    """Read problems.csv; what is missing or something else gives none."""
    try:
        table = read_csv(path, "give problems.csv", dtype={INDEX: "str"})
    except TableError:
        return []
    if not {"index", "file", "reason", "fatal"} <= set(table.columns):
        return []
    text = table[["index", "file", "reason"]].fillna("").astype(str)
    fatal = (table["fatal"] == 1).tolist()
    columns = (text[name].tolist() for name in text.columns)
    return [Problem(*row) for row in zip(*columns, fatal, strict=True)]


def entries_of(
    predictions: pd.DataFrame,
    scraped: pd.DataFrame | None = None,
    problems: Sequence[Problem] = (),
) -> list[Entry]:
    """Make the mosaics of the page, without pictures and offsets.

    Parameters
    ----------
    predictions : DataFrame
        As in predictions.csv.
    scraped : DataFrame or None
        The raw table, which knows the targets.
    problems : sequence of Problem
        Of prep and predict.

    Returns
    -------
    list of Entry
        In the order of the table.
    """
    told = defaultdict(list)
    for problem in problems:
        told[problem.index].append(shown_text(problem.reason, _LONGEST_TEXT))
    targets = {} if scraped is None else _by_name(scraped, ("targname", "ra_targ", "dec_targ"))
    measured = [n for n in COLUMNS if n in predictions.columns and n not in _NOT_VALUES]
    columns = ["det", INDEX, "y_pred", "y_proba", "reason", "rests_on", *measured]
    rows = _records(predictions.reindex(columns=list(dict.fromkeys(columns))))
    return [_entry(row, measured, targets, told) for row in rows]


def _by_name(table: pd.DataFrame, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Rows of a table by mosaic; of rows of one name the last."""
    chosen = table.reindex(columns=[INDEX, *columns])
    return {str(row[INDEX]): row for row in _records(chosen)}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.itertuples(index=False, name=None)]


def _entry(
    row: Mapping[str, Any],
    measured: Sequence[str],
    targets: Mapping[str, Mapping[str, Any]],
    told: Mapping[str, list[str]],
) -> Entry:
    index = str(row[INDEX]) if isinstance(row[INDEX], str) else ""
    values = {name: n for name in measured if (n := as_number(_plain(row[name]))) is not None}
    offsets = [values[name] for name in _OFFSETS if name in values]
    # an rms of 0 and less stands for no fit
    values = {k: v for k, v in values.items() if not (k.startswith("rms_") and v <= 0)}
    target = targets.get(index, {})
    probability = as_number(_plain(row["y_proba"]))
    known = probability is not None and 0 <= probability <= 1
    return Entry(
        index=shown_text(index, _LONGEST_NAME),
        detector=_detector(row["det"]),
        verdict=_verdict(row["y_pred"]) if known else None,
        probability=probability if known else None,
        offset_px=max(offsets, default=None),
        reason=_words(row["reason"]),
        rests_on=_words(row["rests_on"]),
        target=_words(target.get("targname")),
        ra_deg=_angle(target.get("ra_targ"), 0, 360),
        dec_deg=_angle(target.get("dec_targ"), -90, 90),
        values=values,
        pictures=Pictures(),
        problems=tuple(dict.fromkeys(told.get(index, ())))[:_MOST_PROBLEMS],
    )


def _verdict(value: Any) -> int | None:
    number = as_number(_plain(value))
    return int(number) if number in (0, 1) else None


def _plain(value: Any) -> Any:
    """Turn numpy's numbers into Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _detector(value: Any) -> str:
    """Name the detector, which is a number in tables that are ready and a word in raw ones."""
    number = as_number(_plain(value))
    if number is not None:
        return _DETECTORS.get(int(number), "unknown")
    return value if isinstance(value, str) and value in CATEGORIES["det"] else "unknown"


def _words(value: Any) -> str:
    return as_text(value, _LONGEST_TEXT) or "" if isinstance(value, str) else ""


def _angle(value: Any, least: float, most: float) -> float | None:
    number = as_number(_plain(value))
    return number if number is not None and least <= number <= most else None


def shown_text(text: str, longest: int) -> str:
    """Make a stranger's text printable and bounded, what can't be printed as ``?``."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:longest])
    return shown + ("..." if len(text) > longest else "")
