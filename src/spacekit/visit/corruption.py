"""Read what was done to a corrupted copy: corruption.txt, or the simulator's truth.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

from spacekit.errors import ProductError
from spacekit.visit.nouns import Mosaic
from spacekit.visit.values import as_number

__all__ = ["ALIGNED_PX", "MISALIGNED_PX", "corruption_entries", "label_of_copy", "label_of_offset"]

#: Largest residual offset of an aligned visit and smallest of a misaligned one, in px of the
#: mosaic; between them it is ambiguous.
ALIGNED_PX: Final = 0.25
MISALIGNED_PX: Final = 0.5

_LARGEST_BYTES: Final = 50_000_000


def label_of_offset(offset_px: float) -> float:
    """Give the label of a final offset: 0 aligned, 1 misaligned, NaN ambiguous."""
    if offset_px <= ALIGNED_PX:
        return 0.0
    return 1.0 if offset_px >= MISALIGNED_PX else math.nan


def label_of_copy(mosaic: Mosaic) -> float:
    """Give the label of a corrupted copy: 0 aligned, 1 misaligned, NaN ambiguous.

    ``corruption.txt`` (lines ``key: value``) counts where it records ``label`` or
    ``final_offset_px``, then ``truth.json``; a copy of which neither says more is misaligned.

    Raises
    ------
    ProductError
        If one of these files is there but can't be understood.
    """
    for file_name, read in (("corruption.txt", _from_corruption), ("truth.json", _from_truth)):
        path = mosaic.folder / file_name
        if path.is_file():
            recorded = read(path, mosaic)
            if recorded is not None:
                return recorded
    return 1.0


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ProductError(f"{path}: too large to be a record of one visit")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProductError(f"{path}: not text") from error
    except OSError as error:
        raise ProductError(f"{path}: can't be read ({error.strerror})") from error


def corruption_entries(path: Path) -> dict[str, str]:
    """Read the lines ``key: value`` of a corruption.txt; of equal keys the first counts.

    Raises
    ------
    ProductError
        If it can't be read, or is no text of a sensible size.
    """
    entries: dict[str, str] = {}
    for line in _text(path).splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            entries.setdefault(key.strip().lower(), value.strip())
    return entries


def _from_corruption(path: Path, mosaic: Mosaic) -> float | None:
    del mosaic  # one record holds for all detectors of a copy
    entries = corruption_entries(path)
    if "label" in entries:
        return _label(path, entries["label"])
    if entries.get("final_offset_px"):
        try:
            return _offset(path, float(entries["final_offset_px"]))
        except ValueError as error:
            raise ProductError(f"{path}: final_offset_px is no number") from error
    return None


def _from_truth(path: Path, mosaic: Mosaic) -> float | None:
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ProductError):
            raise
        raise ProductError(f"{path}: broken or cut short, not JSON ({error})") from error
    mosaics = content.get("mosaics") if isinstance(content, dict) else None
    record = mosaics.get(str(mosaic.total.name)) if isinstance(mosaics, dict) else None
    if not isinstance(record, dict):
        return None
    if "label" in record:
        return _label(path, record["label"])
    return None if "offset_px" not in record else _offset(path, record["offset_px"])


def _label(path: Path, value: Any) -> float:
    """Check a recorded label; null or an empty one is ambiguous."""
    if value is None or value == "":
        return math.nan
    text = str(value).strip()
    if text not in {"0", "1", "0.0", "1.0"}:
        raise ProductError(f"{path}: label is {text[:40]!r}, not 0, 1 or empty")
    return float(text)


def _offset(path: Path, value: Any) -> float:
    offset_px = as_number(value)
    if offset_px is None or offset_px < 0:
        raise ProductError(f"{path}: the final offset is no number of pixels")
    return label_of_offset(offset_px)
