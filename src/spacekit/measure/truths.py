"""Join what is true of simulated visits to a table of measurements.

No model may see truth, and prep reads only that of corrupted copies, whose labels it writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spacekit.errors import NameFormatError, ProductError, TableError
from spacekit.measure.schema import (
    INDEX,
    LABEL,
    TRUE_MODE,
    TRUE_OFFSET,
    TRUE_TOTAL,
    TRUTH_PREFIX,
    column_order,
)
from spacekit.visit.names import parse_corrupted_folder
from spacekit.visit.truth import MosaicTruth, of_mosaic, read_truth

__all__ = ["Truths", "label_table", "read_truths"]

_OFFSET_MAS = f"{TRUTH_PREFIX}offset_mas"


@dataclass(frozen=True)
class Truths:
    """Truth by mosaic.

    Parameters
    ----------
    rows : dict of str to dict
        A mosaic's index to its label (1, 0, or None where ambiguous) and `true_` columns.
    skipped : tuple of str
        Files that look like truth but can't be read, with the reason.
    """

    rows: dict[str, dict[str, Any]]
    skipped: tuple[str, ...]


def read_truths(visits: Path) -> Truths:
    """Read every truth below a folder.

    That is `truth.json` beside a visit, or a file for each visit, `<ipppss>.json`
    (`spacekit.visit.truth.read_truth`).

    Raises
    ------
    TableError
        If one mosaic has two truths that differ, or there is none at all.
    """
    rows: dict[str, dict[str, Any]] = {}
    skipped = []
    for path in sorted(visits.rglob("*.json")):
        # the pipeline's QA, and what a set of simulated visits says of itself
        if "_svm_" in path.name or path.name == "simulation.json" or not path.is_file():
            continue
        try:
            told = read_truth(path)
        except ProductError as error:
            skipped.append(str(error))
            continue
        found = told.mosaics
        skipped += told.faults.values()
        if not found and not told.faults:
            skipped.append(f"{path}: tells the label or offset of no mosaic")
        suffix = _suffix(path.parent)
        for name, truth in found.items():
            index, row = f"{name}{suffix}", _row(truth)
            if rows.setdefault(index, row) != row:
                raise TableError(
                    f"{path}: {index} has another truth elsewhere below {visits}; "
                    "label the two trees one at a time"
                )
    if not rows:
        raise TableError(f"{visits}: no truth.json below it; only simulated visits have one")
    return Truths(rows, tuple(skipped))


def _suffix(folder: Path) -> str:
    """Name what a corrupted copy's folder adds to its mosaics' names; empty for other folders."""
    try:
        return f"_{parse_corrupted_folder(folder.name)[1]}"
    except NameFormatError:
        return ""


def _row(truth: MosaicTruth) -> dict[str, Any]:
    return {
        LABEL: truth.label,
        TRUE_OFFSET: truth.offset_px,
        _OFFSET_MAS: truth.offset_mas,
        TRUE_TOTAL: truth.total_offset_px,
        TRUE_MODE: truth.mode,
    }


def label_table(table: pd.DataFrame, truths: Truths) -> pd.DataFrame:
    """Add `label` and the `true_` columns to a table, by index.

    Rows without truth get empty cells; so does the label of ambiguous mosaics.

    Raises
    ------
    TableError
        If the table has no index column, or no row has a truth.
    """
    if INDEX not in table:
        raise TableError(f"the table has no column '{INDEX}'; is it svm_data.csv of prep?")
    found = [of_mosaic(str(index), truths.rows) for index in table[INDEX]]
    if not any(found):
        raise TableError("none of the table's mosaics has a truth; are these its visits?")
    labelled = table.copy()
    for name in (LABEL, TRUE_OFFSET, _OFFSET_MAS, TRUE_TOTAL, TRUE_MODE):
        labelled[name] = [row.get(name) if row else None for row in found]
    labelled[LABEL] = labelled[LABEL].astype("Int64")
    return labelled[column_order(labelled.columns)]
