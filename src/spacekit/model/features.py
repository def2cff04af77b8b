"""From the table of mosaics to the arrays a model takes.

What counts as a missing value is decided in `spacekit.measure.missing`. Here

* what is missing is masked, and what can't be is noted for its row too;
* text in a column of numbers, and a published column that the table lacks, is an error: the
  table is another one than was meant;
* a category that is unknown, out of range or not a whole number belongs to no class (-1), and
  so does a target of class U, which says that the class is not known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spacekit.errors import TableError
from spacekit.measure.missing import measured_values
from spacekit.measure.schema import (
    CATEGORIES,
    COLUMNS,
    EVIDENCE,
    INDEX,
    LABEL,
    PUBLISHED,
    REPORTED,
    Kind,
    truth_columns,
)
from spacekit.visit.tables import PART_ROWS, PartedTable, numbers_of, read_csv, survey_csv

__all__ = [
    "CATEGORICAL",
    "NUMERIC",
    "Features",
    "check_features",
    "feature_arrays",
    "fingerprint",
    "names_of",
    "open_table",
    "read_labels",
    "read_table",
    "row_number",
]

#: Numeric features in the order of the array's columns.
NUMERIC: tuple[str, ...] = tuple(
    c.name for c in (*PUBLISHED, *EVIDENCE) if c.kind is not Kind.CATEGORY
)

#: Categories in the order of the array's columns.
CATEGORICAL: tuple[str, ...] = tuple(c.name for c in PUBLISHED if c.kind is Kind.CATEGORY)

_WANTED = "give the svm_data.csv of prep"
_TYPES = {INDEX: "str"}

#: The class that says nothing.
NO_CLASS = {"cat": CATEGORIES["cat"]["U"]}


@dataclass(frozen=True)
class Features:
    """The arrays of a table.

    Parameters
    ----------
    numeric : ndarray, shape (N, K), float32
        Values as in the table, NaN where missing.
    categories : ndarray, shape (N, 3), int64
        Class numbers, -1 where unknown.
    notes : dict of int to str
        What was masked because it can't be, by row number.
    """

    numeric: NDArray[np.float32]
    categories: NDArray[np.int64]
    notes: dict[int, str]

    def __len__(self) -> int:
        return len(self.numeric)

    def of(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Features:
        """Pick some rows; their notes stay behind."""
        return Features(self.numeric[rows], self.categories[rows], {})


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of mosaics (``svm_data.csv``), its names as text.

    Raises
    ------
    TableError
        If it is no such table.
    """
    path = Path(path)
    table = read_csv(path, _WANTED, dtype=_TYPES)
    _check_table(path, table)
    return table


def open_table(path: Path, part_rows: int = PART_ROWS) -> PartedTable:
    """Check a table of mosaics from end to end, to read it in parts.

    Parameters
    ----------
    path : Path
        ``svm_data.csv``.
    part_rows : int
        Rows of a part.

    Raises
    ------
    TableError
        If it is no such table, or features can't be taken from it (see `feature_arrays`).
    """

    def check(part: pd.DataFrame) -> None:
        _check_table(path, part)
        feature_arrays(part)

    ours = dict.fromkeys((LABEL, *COLUMNS, *(column.name for column in REPORTED)))
    return survey_csv(path, _WANTED, part_rows, columns=ours | _TYPES, check=check)


def names_of(table: pd.DataFrame) -> list[str]:
    """Give the mosaics' names, empty where a row has none."""
    names: list[str] = table[INDEX].fillna("").astype(str).tolist()
    return names


def row_number(table: pd.DataFrame, position: int) -> int:
    """Give the number of a row for people, from 1: in the file, for a part of a table."""
    numbered = isinstance(table.index, pd.RangeIndex)
    return (int(table.index[position]) if numbered else position) + 1


def _check_table(path: Path, table: pd.DataFrame) -> None:
    if INDEX not in table.columns:
        raise TableError(f"{path}: has no column 'index' with the mosaics' names")
    if table.empty:
        raise TableError(f"{path}: has no rows")
    # pandas calls the second of two so
    again = sorted(n for n in {INDEX, LABEL, *COLUMNS} if f"{n}.1" in table.columns)
    if again:
        raise TableError(f"{path}: has two columns called {', '.join(again)}; take one out")


def read_labels(table: pd.DataFrame) -> NDArray[np.float32]:
    """Labels of a table: 0 aligned, 1 misaligned, NaN where the cell is empty (ambiguous).

    Raises
    ------
    TableError
        If there is no such column, or it holds something else.
    """
    if LABEL not in table.columns:
        raise TableError(
            "the table has no column 'label' (0 aligned, 1 misaligned): use a labelled table"
        )
    labels = _numbers(table, LABEL)
    wrong = np.isfinite(labels) & (labels != 0) & (labels != 1) | np.isinf(labels)
    if wrong.any():
        raise TableError(f"label holds {labels[wrong][0]:g}; 0, 1 and empty cells are labels")
    return labels.astype(np.float32)


def check_features(names: Sequence[str]) -> None:
    """Refuse features that would give the answer away, and unknown ones.

    Raises
    ------
    TableError
        If a name is the label, a truth column, or not in the schema.
    """
    forbidden = [*truth_columns(names), *(n for n in names if n in (LABEL, INDEX))]
    if forbidden:
        raise TableError(f"{', '.join(forbidden)}: holds the answer and can't be a feature")
    unknown = [n for n in names if n not in COLUMNS]
    if unknown:
        raise TableError(f"{', '.join(unknown)}: unknown to this version as a feature")


def feature_arrays(table: pd.DataFrame) -> Features:
    """Take a table's features, masking what is missing (see the module's text).

    Parameters
    ----------
    table : DataFrame
        The published columns are needed; those of our own may be missing.

    Raises
    ------
    TableError
        If a published column is missing, or a column holds text.
    """
    missing = [c.name for c in PUBLISHED if c.name not in table.columns]
    if missing:
        raise TableError(
            f"the table lacks the columns {', '.join(missing)}; give the svm_data.csv of prep"
        )
    numbers = {name: _numbers(table, name) for name in NUMERIC if name in table.columns}
    values, impossible = measured_values(table, NUMERIC)
    notes: dict[int, str] = {}
    for column, row in np.argwhere(impossible.to_numpy().T).tolist():
        name = NUMERIC[column]
        said = f"{name} is {numbers[name][row]:g}, taken as missing"
        notes[row] = "; ".join(filter(None, (notes.get(row), said)))
    return Features(
        np.ascontiguousarray(values.to_numpy(np.float32)),
        np.column_stack([_classes(table, name) for name in CATEGORICAL]),
        notes,
    )


def fingerprint(table: pd.DataFrame) -> str:
    """SHA-256 of a table's names, labels and features, for the model's provenance."""
    names = [n for n in (INDEX, LABEL, *COLUMNS) if n in table.columns]
    return hashlib.sha256(table[names].to_csv(index=False).encode()).hexdigest()


def _numbers(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Column `name` as numbers, NaN where empty; text is refused."""
    column = table[name]
    numbers = numbers_of(column)
    text = np.isnan(numbers) & column.notna().to_numpy()
    if text.any():
        row = int(np.argmax(text))
        raise TableError(
            f"{name} holds {str(column.iloc[row])[:40]!r} in row {row_number(table, row)}, "
            "not a number; use the table prep made ready (svm_data.csv), not the raw one"
        )
    return numbers


def _classes(table: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Class numbers of column `name`, -1 for what is no class."""
    numbers = _numbers(table, name)
    known = np.isin(numbers, list(CATEGORIES[name].values()))
    if name in NO_CLASS:
        known &= numbers != NO_CLASS[name]
    return np.where(known, numbers, -1).astype(np.int64)
