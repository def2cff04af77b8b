"""Read strangers' tables of comma-separated values."""

from __future__ import annotations

import math
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import infer_dtype

from spacekit.errors import TableError
from spacekit.visit.values import MALFORMED, is_ours

__all__ = [
    "PART_ROWS",
    "PartedTable",
    "csv_parts",
    "numbers_in",
    "numbers_of",
    "read_csv",
    "survey_csv",
]

#: Rows of a part: some MB.
PART_ROWS: Final = 2000

#: A million mosaics have some 300 MB.
_LARGEST_BYTES: Final = 500_000_000


def read_csv(
    path: Path, wanted: str, *, largest_bytes: int = _LARGEST_BYTES, **options: Any
) -> pd.DataFrame:
    """Read a CSV table, UTF-8, never unpacking: a small archive may hold any amount.

    Parameters
    ----------
    path : Path
        The file.
    wanted : str
        What to give instead, for the message ("give the svm_data.csv of prep").
    largest_bytes : int
        A larger file is refused.
    **options
        For `pandas.read_csv`.

    Raises
    ------
    TableError
        If it can't be read as a table.
    """
    with _refusing(path, wanted):
        _check_size(path, wanted, largest_bytes)
        table: pd.DataFrame = pd.read_csv(path, **_OPTIONS, **options)
    return table


def csv_parts(
    path: Path,
    wanted: str,
    rows: int = PART_ROWS,
    *,
    largest_bytes: int = _LARGEST_BYTES,
    **options: Any,
) -> Iterator[pd.DataFrame]:
    """Read a CSV table as `read_csv` does, `rows` at a time.

    Columns whose types aren't given have those of the part: see `survey_csv`.

    Yields
    ------
    DataFrame
        With the number of the row in the file as row index, from 0; a table that has a header
        alone is one part without rows.

    Raises
    ------
    TableError
        If it can't be read as a table, where that shows.
    """
    with _refusing(path, wanted):
        _check_size(path, wanted, largest_bytes)
        with pd.read_csv(path, chunksize=rows, **_OPTIONS, **options) as parts:
            first = 0
            for part in parts:
                part.index = pd.RangeIndex(first, first + len(part))
                first += len(part)
                yield part


@dataclass(frozen=True)
class PartedTable:
    """A CSV table that is read in parts, whose columns have the types of the whole.

    Parameters
    ----------
    path : Path
        The file.
    wanted : str
        What to give instead, for messages.
    rows : int
        How many it has.
    types : mapping of str to str or None
        Types of columns, for pandas; None: each part by itself.
    verbatim : tuple of str
        Other columns: text as it stands in the file.
    part_rows : int
        Rows of a part.
    """

    path: Path
    wanted: str
    rows: int
    types: Mapping[str, str | None]
    verbatim: tuple[str, ...]
    part_rows: int

    def parts(self) -> Iterator[pd.DataFrame]:
        """Read it, part by part: see `csv_parts`."""
        given = {name: kind for name, kind in self.types.items() if kind is not None}
        return csv_parts(
            self.path,
            self.wanted,
            self.part_rows,
            dtype=given | dict.fromkeys(self.verbatim, "str"),
            keep_default_na=False,
            na_values=dict.fromkeys(self.types, _NO_VALUE),
        )


def survey_csv(
    path: Path,
    wanted: str,
    rows: int,
    *,
    columns: Mapping[str, str | None],
    check: Callable[[pd.DataFrame], object],
) -> PartedTable:
    """Go through a CSV table once, to count its rows, find its columns' types and check it.

    Parameters
    ----------
    path : Path
        The file, which will be read again.
    wanted : str
        What to give instead, for messages.
    rows : int
        Rows of a part.
    columns : mapping of str to str or None
        Types of the columns whose values are wanted, None where they are to be found; others
        stay text as it stands ("01", "NA").
    check : callable (part)
        Raises what is wrong with a part.

    Raises
    ------
    TableError
        If it can't be read as a table, or not twice.
    """
    with _refusing(path, wanted):
        if stat.S_ISFIFO(path.stat().st_mode):
            raise TableError(f"{path}: is a pipe, and is read twice; write it to a file first")
    names = next(csv_parts(path, wanted, 1, dtype=str)).columns
    verbatim = tuple(name for name in names if name not in columns)
    sought = [name for name in names if name in columns and columns[name] is None]
    table = PartedTable(path, wanted, 0, columns, verbatim, rows)
    kinds: dict[str, set[str]] = defaultdict(set)
    count = 0
    for part in table.parts():
        check(part)
        count += len(part)
        for name in sought:
            kinds[name].add(_kind(part[name]))
    found = {name: kind for name, some in kinds.items() if (kind := _common(some))}
    return replace(table, rows=count, types={**columns, **found})


def numbers_in(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Give a table's column as `numbers_of`, NaN where the table has none of that name."""
    if name not in table.columns:
        return np.full(len(table), np.nan)
    return numbers_of(table[name])


def numbers_of(column: pd.Series) -> NDArray[np.float64]:
    """Give a column as numbers: NaN where it holds none, infinite where one is too large."""
    try:
        numbers = pd.to_numeric(column, errors="coerce")
    except OverflowError:  # a whole number of hundreds of digits
        numbers = column.map(_as_float)
    return np.array(numbers.to_numpy(dtype=np.float64, na_value=np.nan))


def _as_float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        return math.nan


#: What stands for no value in a column of numbers: pandas' own list.
_NO_VALUE: Final = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)

_OPTIONS: Final[Mapping[str, Any]] = {
    "encoding": "utf-8-sig",
    "compression": None,
    "low_memory": False,
}


@contextmanager
def _refusing(path: Path, wanted: str) -> Iterator[None]:
    """Say in one way what can't be read."""
    try:
        yield
    except MALFORMED as error:
        if is_ours(error):
            raise
        raise TableError(
            f"{path}: can't be read as a CSV table ({str(error)[:160].strip()}); {wanted}"
        ) from error


def _check_size(path: Path, wanted: str, largest_bytes: int) -> None:
    size = path.stat().st_size
    if size > largest_bytes:
        raise TableError(f"{path}: {size / 1e6:.0f} MB are too large for this table; {wanted}")


def _kind(column: pd.Series) -> str:
    """Say what pandas took a part of a column for."""
    if bool(column.isna().all()):
        return "empty"
    if column.dtype.kind in "if":
        return "int64" if column.dtype.kind == "i" else "float64"
    return "flag" if infer_dtype(column, skipna=True) == "boolean" else "str"


def _common(kinds: set[str]) -> str | None:
    """Give the type that pandas gives a column whose parts are of these kinds.

    None where each part may be read by itself: no value, or nothing but true and false.
    """
    if kinds <= {"empty", "flag"}:
        return None
    if kinds == {"int64"}:
        return "int64"
    return "float64" if kinds <= {"int64", "float64", "empty"} else "str"
