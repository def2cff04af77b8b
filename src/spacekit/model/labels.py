"""Labels that people gave, as the report page saves them: ``labels.csv``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from spacekit.errors import TableError
from spacekit.measure.schema import INDEX, LABEL
from spacekit.visit.nouns import Problem
from spacekit.visit.tables import read_csv

__all__ = ["LABELS", "read_label_file", "with_labels"]

#: What may be written, and the label it stands for; NaN leaves a mosaic out.
LABELS: Final[dict[str, float]] = {
    "aligned": 0.0,
    "misaligned": 1.0,
    "unsure": math.nan,
    "0": 0.0,
    "1": 1.0,
}

_LARGEST_BYTES: Final = 50_000_000


def read_label_file(path: Path) -> dict[str, float]:
    """Read ``labels.csv``.

    Parameters
    ----------
    path : Path
        CSV with the columns index (name of a mosaic) and label (aligned, misaligned, unsure; 0
        and 1 are taken too); others are passed over.

    Returns
    -------
    dict of str to float
        0 aligned, 1 misaligned, NaN unsure.

    Raises
    ------
    TableError
        If it is no such file, holds another label, or labels a mosaic in two ways.
    """
    rows = _rows(path)
    found: dict[str, float] = {}
    for number, (name, text) in enumerate(rows, start=2):
        label = LABELS.get(text.strip().lower())
        if label is None:
            known = ", ".join(LABELS)
            raise TableError(f"{path}: line {number} has the label {text[:40]!r}; known: {known}")
        if name in found and not np.array_equal(found[name], label, equal_nan=True):
            raise TableError(f"{path}: line {number} labels {name[:120]!r} anew; keep one line")
        found[name] = label
    return found


def _rows(path: Path) -> list[tuple[str, str]]:
    """Names and labels as text."""
    wanted = "give the labels.csv that the report page saves"
    table = read_csv(path, wanted, largest_bytes=_LARGEST_BYTES, dtype=str, keep_default_na=False)
    if not {INDEX, LABEL} <= set(table.columns):
        raise TableError(f"{path}: lacks the columns index and label; {wanted}")
    if table.empty:
        raise TableError(f"{path}: has no labels; {wanted}")
    return list(zip(table[INDEX].astype(str), table[LABEL].astype(str), strict=True))


def with_labels(
    table: pd.DataFrame, labels: Mapping[str, float]
) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """Put labels that people gave into a table, over those it has.

    Parameters
    ----------
    table : DataFrame
        Of mosaics; without a label column, rows that nobody labelled are left empty.
    labels : mapping of str to float
        As `read_label_file` gives them.

    Returns
    -------
    table : DataFrame
        A copy.
    problems : tuple of Problem
        Labelled mosaics that the table doesn't have.

    Raises
    ------
    TableError
        If it has none of them.
    """
    names = table[INDEX].astype(str)
    absent = sorted(set(labels) - set(names))
    if len(absent) == len(labels):
        raise TableError("the labels name no mosaic of the table: are they of another run?")
    given = names.isin(list(labels))
    old = table[LABEL] if LABEL in table.columns else pd.Series(math.nan, index=table.index)
    labelled = table.assign(**{LABEL: old.where(~given, names.map(dict(labels)))})
    reason = "labelled, but not in the table: its label is not used"
    return labelled, tuple(Problem(name, "labels", reason, fatal=False) for name in absent)
