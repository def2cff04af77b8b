"""Read what was done to a corrupted copy: corruption.txt, or its truth.json."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from spacekit.errors import ProductError
from spacekit.visit.nouns import Mosaic
from spacekit.visit.texts import read_text
from spacekit.visit.truth import checked_label, label_of, of_mosaic, read_truth
from spacekit.visit.values import as_number

__all__ = ["corruption_entries", "label_of_copy"]

#: Of a file that tells of one copy.
_LARGEST_BYTES: Final = 1_000_000


def label_of_copy(mosaic: Mosaic) -> float:
    """Give the label of a corrupted copy: 0 aligned, 1 misaligned, NaN ambiguous.

    ``corruption.txt`` (lines ``key: value``) counts where it records ``label`` or
    ``final_offset_px``, then ``truth.json``; a copy of which neither says more is misaligned.

    Raises
    ------
    ProductError
        If one of these files is there but can't be understood.
    """
    recorded = mosaic.folder / "corruption.txt"
    entries = corruption_entries(recorded) if recorded.is_file() else {}
    if "label" in entries:
        return _number(checked_label(recorded, entries["label"]))
    if entries.get("final_offset_px"):
        return _number(label_of(_offset_px(recorded, entries["final_offset_px"])))
    path = mosaic.folder / "truth.json"
    if not path.is_file():
        return 1.0
    told, name = read_truth(path), str(mosaic.total.name)
    fault = of_mosaic(name, told.faults)
    if fault:
        raise ProductError(fault)
    truth = of_mosaic(name, told.mosaics)
    return _number(truth.label) if truth else 1.0


def _number(label: int | None) -> float:
    return math.nan if label is None else float(label)


def _offset_px(path: Path, text: str) -> float:
    try:
        offset_px = as_number(float(text))
    except ValueError as error:
        raise ProductError(f"{path}: final_offset_px is no number") from error
    if offset_px is None or offset_px < 0:
        raise ProductError(f"{path}: the final offset is no number of pixels")
    return offset_px


def corruption_entries(path: Path) -> dict[str, str]:
    """Read the lines ``key: value`` of a corruption.txt; of equal keys the first counts.

    Raises
    ------
    ProductError
        If it can't be read, or is no text of a sensible size.
    """
    entries: dict[str, str] = {}
    for line in read_text(path, _LARGEST_BYTES).splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            entries.setdefault(key.strip().lower(), value.strip())
    return entries
