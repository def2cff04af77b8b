"""From the rows of many mosaics to the scraped table and the one that is ready for a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from spacekit.errors import TableError
from spacekit.measure.schema import (
    CATEGORIES,
    COLUMNS,
    EVIDENCE,
    INDEX,
    LABEL,
    PUBLISHED,
    REPORTED,
    Kind,
    Row,
    column_order,
)
from spacekit.measure.targets import UNKNOWN
from spacekit.visit.tables import numbers_of

__all__ = ["raw_table", "ready_table", "with_classes"]

_KINDS: Final = {c.name: c.kind for c in (*COLUMNS.values(), *REPORTED)} | {LABEL: Kind.FLAG}
#: Whole numbers beyond can't be told from their neighbours as float64.
_LARGEST_WHOLE: Final = 2.0**53


def raw_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Make the scraped table: everything as read, categories in words.

    Parameters
    ----------
    rows : sequence of dict
        As measured, one a mosaic.

    Returns
    -------
    pandas.DataFrame
        Columns in the order of `column_order`: features, label where there is one, index, our
        own, then the target, WCS names, and ``<feature>_from`` (where each came from).
    """
    table = pd.DataFrame(list(rows))
    origins = [f"{c.name}_from" for c in PUBLISHED]
    table = table[[n for n in table.columns if n not in origins] + origins]
    return table[column_order(table.columns)]


def ready_table(raw: pd.DataFrame) -> pd.DataFrame:
    """Make the table for a model from the scraped one: encoded, published columns first.

    Parameters
    ----------
    raw : pandas.DataFrame
        As `raw_table` gives it; categories in words, or encoded already.

    Returns
    -------
    pandas.DataFrame
        The ten features, label where there is one, index, then our own columns. Counts and
        categories are nullable integers.

    Raises
    ------
    TableError
        If columns are missing or hold what they can't.
    """
    names = [c.name for c in PUBLISHED]
    lacking = [name for name in (*names, INDEX) if name not in raw.columns]
    if lacking:
        raise TableError(f"the scraped table lacks the columns {', '.join(lacking)}")
    own = [c.name for c in (*EVIDENCE, *REPORTED) if c.name in raw.columns]
    label = [LABEL] if LABEL in raw.columns else []
    ready = {
        name: raw[INDEX].astype(str) if name == INDEX else _ready_column(raw[name], name)
        for name in (*names, *label, INDEX, *own)
    }
    return pd.DataFrame(ready).reset_index(drop=True)


def with_classes(raw: pd.DataFrame, classes: Mapping[str, str], origin: str) -> pd.DataFrame:
    """Fill in the class of the targets that are known and had none.

    Parameters
    ----------
    raw : pandas.DataFrame
        The scraped table.
    classes : mapping of str to str
        TARGNAME to class.
    origin : str
        Where they come from, for ``cat_from``.

    Returns
    -------
    pandas.DataFrame
        A copy.
    """
    # names in headers are upper case; people type them as they like
    of_target: dict[str, str] = {}
    for name, said in classes.items():
        of_target.setdefault(name.strip().upper(), said)
    targets = raw["targname"].astype(str).str.strip().str.upper()
    found = targets.map(of_target).where(raw["cat_from"] == "default")
    known = found.notna()
    table = raw.copy()
    table["cat"] = found.where(known, raw["cat"]).astype(str)
    table["cat_from"] = raw["cat_from"].where(~known, origin).astype(str)
    return table


def _ready_column(column: pd.Series, name: str) -> pd.Series:
    """Encode one column."""
    codes = CATEGORIES.get(name)
    if codes is not None:
        # pandas writes an empty cell of text as "nan"
        if name == "cat":
            column = column.mask(column.isna() | (column == "nan"), UNKNOWN)
        return _encode(column, name, codes)
    numbers = numbers_of(column)
    if not pd.api.types.is_numeric_dtype(column):
        strange = column[np.isnan(numbers) & column.notna()]
        if bool((strange.astype(str) != "").any()):
            raise TableError(f"column {name} holds what is no number")
    ready = pd.Series(numbers, index=column.index, name=column.name)
    if _KINDS[name] in {Kind.AMOUNT, Kind.VECTOR}:
        return ready
    known = numbers[~np.isnan(numbers)]
    whole = (np.abs(known) < _LARGEST_WHOLE) & (np.floor(known) == known)
    return ready.astype("Int64") if whole.all() else ready


def _encode(column: pd.Series, name: str, codes: Mapping[str, int]) -> pd.Series:
    """Turn words into their numbers; numbers that are codes already stay."""
    known: dict[str, int] = {**codes, **{str(n): n for n in codes.values()}}
    known |= {f"{n}.0": n for n in codes.values()}
    encoded = column.astype(str).map(known)
    if bool(encoded.isna().any()):
        strange = sorted(set(column[encoded.isna()].astype(str)))[:3]
        raise TableError(f"column {name} holds {strange}; known are {', '.join(codes)}")
    return encoded.astype("Int64")
