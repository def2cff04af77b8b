"""Join what is true of simulated visits to a table of measurements.

No model may see truth, and prep reads only that of corrupted copies, whose labels it writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spacekit.errors import NameFormatError, TableError
from spacekit.measure.schema import INDEX, LABEL, TRUE_TOTAL, TRUTH_PREFIX, column_order
from spacekit.visit.names import parse_corrupted_folder
from spacekit.visit.values import as_number

__all__ = ["TRUE_OFFSET_PX", "Truths", "label_table", "read_truths"]

#: The largest true offset between exposures, px.
TRUE_OFFSET_PX = f"{TRUTH_PREFIX}offset_px"
_OFFSET_MAS = f"{TRUTH_PREFIX}offset_mas"
_MODE = f"{TRUTH_PREFIX}mode"
_LABELS = (0, 1, None)
_LARGEST_BYTES = 50_000_000


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

    Two shapes are known: `truth.json` beside a simulated visit, with an entry a mosaic, and one
    file for a visit, `<ipppss>.json`, for a visit with a single mosaic.

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
            if path.stat().st_size > _LARGEST_BYTES:
                raise ValueError("too large to be a record of one visit")
            found = _parse(json.loads(path.read_text(encoding="utf-8")), _suffix(path.parent))
        except (OSError, ValueError, RecursionError) as error:
            skipped.append(f"{path}: {error}")
            continue
        for index, row in found.items():
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


def _parse(content: Any, suffix: str) -> dict[str, dict[str, Any]]:
    if not isinstance(content, dict):
        raise ValueError("not an object")
    if isinstance(content.get("mosaics"), dict):
        return {f"{name}{suffix}": _row(entry) for name, entry in content["mosaics"].items()}
    if isinstance(content.get("visit"), str) and LABEL in content:
        # Keyed by the end of the mosaic's name; `label_table` knows.
        return {f"_total_{content['visit']}": _row(content)}
    raise ValueError("holds no mosaics")


def _row(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or entry.get(LABEL, "") not in _LABELS:
        raise ValueError("a mosaic's label is none of 0, 1, null")
    offset_px = as_number(entry.get("offset_px"))
    offset_mas = as_number(entry.get("offset_mas"))
    if offset_mas is None and offset_px is not None:
        scale_arcsec = as_number(entry.get("mosaic_scale_arcsec"))
        offset_mas = None if scale_arcsec is None else round(offset_px * scale_arcsec * 1000, 2)
    return {
        LABEL: entry[LABEL],
        TRUE_OFFSET_PX: offset_px,
        _OFFSET_MAS: offset_mas,
        TRUE_TOTAL: as_number(entry.get("total_offset_px")),
        _MODE: str(entry.get("mode", "")),
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
    found = [_lookup(str(index), truths.rows) for index in table[INDEX]]
    if not any(found):
        raise TableError("none of the table's mosaics has a truth; are these its visits?")
    labelled = table.copy()
    for name in (LABEL, TRUE_OFFSET_PX, _OFFSET_MAS, TRUE_TOTAL, _MODE):
        labelled[name] = [row.get(name) if row else None for row in found]
    labelled[LABEL] = labelled[LABEL].astype("Int64")
    return labelled[column_order(labelled.columns)]


def _lookup(index: str, rows: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    if index in rows:
        return rows[index]
    return rows.get("_total_" + index.rpartition("_total_")[2])
