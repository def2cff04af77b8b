"""From predictions.csv, the scraped table and the problems to the mosaics of the page.

Every cell may be a stranger's: numbers are checked, text is bounded and made printable.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from spacekit.errors import TableError
from spacekit.evaluate.tally import verdicts_of
from spacekit.measure.missing import measured_values
from spacekit.measure.schema import COLUMNS, INDEX
from spacekit.report.nouns import Entry, Pictures
from spacekit.visit.nouns import Problem
from spacekit.visit.tables import csv_parts
from spacekit.visit.values import as_number, as_text

__all__ = [
    "entries_of",
    "find_scraped",
    "read_scraped",
    "shown_text",
]

_LONGEST_NAME, _LONGEST_TEXT = 250, 600
#: More problems of one mosaic say nothing more.
_MOST_PROBLEMS: Final = 12
#: Largest shifts between products of either kind; that of a part of one is the culprit's alone.
_OFFSETS: Final = ("offset_px", "exposure_offset_px")
_CULPRIT: Final = ("culprit_dx_px", "culprit_dy_px")
#: What the raw table is read for.
_TARGET: Final = ("targname", "ra_targ", "dec_targ")
#: Shown by name already, or nothing that is measured.
_NOT_VALUES: Final = ("y_pred", "y_proba", "det")


def read_scraped(path: Path, names: Collection[str] | None = None) -> pd.DataFrame | None:
    """Read names and places of targets from raw_svm_data.csv.

    Parameters
    ----------
    path : Path
        The file.
    names : collection of str, optional
        Mosaics to read of; all by default.

    Returns
    -------
    DataFrame or None
        ``index`` and what there is of targname, ra_targ, dec_targ; None where the file can't be
        used.
    """
    types = {INDEX: "str", "targname": "str"}
    columns = {INDEX, *_TARGET}
    parts = csv_parts(path, "give the raw table of prep", dtype=types, usecols=columns.__contains__)
    try:
        return pd.concat([_of(part, names) for part in parts], ignore_index=True)
    except (TableError, KeyError):
        return None


def find_scraped(folder: Path, names: Collection[str]) -> pd.DataFrame | None:
    """Read names and places of targets from all raw tables of a folder, whatever prep called them.

    Parameters
    ----------
    folder : Path
        Where prep wrote.
    names : collection of str
        Mosaics to read of.

    Returns
    -------
    DataFrame or None
        As of `read_scraped`; None where no table knows any of the mosaics.
    """
    tables = [read_scraped(path, names) for path in sorted(folder.glob("raw_*.csv"))]
    known = [table for table in tables if table is not None and len(table)]
    return pd.concat(known, ignore_index=True) if known else None


def _of(part: pd.DataFrame, names: Collection[str] | None) -> pd.DataFrame:
    """Rows of the named mosaics; KeyError where rows have no names."""
    chosen = part[INDEX]
    return part if names is None else part[chosen.isin(list(names))]


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
    targets = {} if scraped is None else _by_name(scraped, _TARGET)
    measured = [n for n in COLUMNS if n in predictions.columns and n not in _NOT_VALUES]
    columns = [INDEX, "reason", "rests_on", "unfamiliar", *_CULPRIT]
    rows = _records(predictions.reindex(columns=columns))
    verdicts = _records(verdicts_of(predictions))
    values = _records(measured_values(predictions, measured)[0])
    return [
        _entry(
            row | verdict, {k: v for k, v in numbers.items() if not math.isnan(v)}, targets, told
        )
        for row, verdict, numbers in zip(rows, verdicts, values, strict=True)
    ]


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
    values: dict[str, float],
    targets: Mapping[str, Mapping[str, Any]],
    told: Mapping[str, list[str]],
) -> Entry:
    index = str(row[INDEX]) if isinstance(row[INDEX], str) else ""
    offsets = [values[name] for name in _OFFSETS if name in values]
    culprit = [n for name in _CULPRIT if (n := as_number(_plain(row[name]))) is not None]
    offsets += [math.hypot(*culprit)] if len(culprit) == len(_CULPRIT) else []
    target = targets.get(index, {})
    return Entry(
        index=shown_text(index, _LONGEST_NAME),
        detector=row["detector"],
        verdict=row["verdict"],
        probability=as_number(row["probability"]),
        offset_px=max(offsets, default=None),
        reason=_words(row["reason"]),
        rests_on=_words(row["rests_on"]),
        unfamiliar=_words(row["unfamiliar"]),
        target=_words(target.get("targname")),
        ra_deg=_angle(target.get("ra_targ"), 0, 360),
        dec_deg=_angle(target.get("dec_targ"), -90, 90),
        values=values,
        pictures=Pictures(),
        problems=tuple(dict.fromkeys(told.get(index, ())))[:_MOST_PROBLEMS],
    )


def _plain(value: Any) -> Any:
    """Turn numpy's numbers into Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _words(value: Any) -> str:
    return as_text(value, _LONGEST_TEXT) or "" if isinstance(value, str) else ""


def _angle(value: Any, least: float, most: float) -> float | None:
    number = as_number(_plain(value))
    return number if number is not None and least <= number <= most else None


def shown_text(text: str, longest: int) -> str:
    """Make a stranger's text printable and bounded, what can't be printed as ``?``."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:longest])
    return shown + ("..." if len(text) > longest else "")
