"""The file of findings: ``<name>_offsets.json`` beside the frames, with each product's own.

It is read back as a stranger's file: nothing of it is believed unchecked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, Final, TypeVar

from spacekit.errors import FrameError, ProductError
from spacekit.files import write_json
from spacekit.measure.file_names import findings_path, leads_out, mosaic_folder
from spacekit.measure.findings import (
    CORRELATION,
    SOURCES,
    Absolute,
    Contrast,
    Findings,
    Group,
    Offset,
    ProductShape,
    Repeat,
)
from spacekit.visit.texts import read_json
from spacekit.visit.values import as_count, as_number, as_text

__all__ = ["find_findings", "read_findings", "write_findings"]

_FORMAT: Final = 6
_LARGEST_BYTES: Final = 1_000_000
#: A visit may have so many exposures.
_MOST_ITEMS: Final = 1000
_LARGEST: Final = 1e7
_TITLE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}( [a-z0-9]{2})?")

_T = TypeVar("_T")


def find_findings(images: Path, index: str) -> Path | None:
    """Find a mosaic's file of findings, in the folder of its frames.

    Parameters
    ----------
    images : Path
        The image folder.
    index : str
        The mosaic's name, a stranger's.

    Returns
    -------
    Path or None
        None where there is none, where the index is no name, or a link leads out of the folder.
    """
    try:
        folder = mosaic_folder(images, index)
    except FrameError:  # told of the frames
        return None
    if folder is None:
        return None
    path = findings_path(folder.parent, index)
    return path if path.is_file() and not leads_out(path, images) else None


def write_findings(findings: Findings, folder: Path, index: str) -> Path:
    """Write the findings of a mosaic beside its frames, whole or not at all.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    path = findings_path(folder, index)
    write_json(path, {"format": _FORMAT, "index": index, **_plain(asdict(findings))})
    return path


def read_findings(path: Path) -> Findings | None:
    """Read findings back; None where there is no such file.

    Raises
    ------
    ProductError
        If it isn't what `write_findings` writes.
    """
    try:
        content = read_json(path, _LARGEST_BYTES, "run prep again")
    except ProductError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    try:
        if content["format"] != _FORMAT:
            raise ProductError(f"{path}: of another version of spacekit; run prep again")
        return _findings(content)
    except ProductError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        detail = ascii(str(error)[:100])[1:-1]
        raise ProductError(f"{path}: broken ({detail}); run prep again") from error


def _plain(value: Any) -> Any:
    """Turn NaN into None, rounding numbers to what they are worth."""
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _findings(content: Any) -> Findings:
    pair = content["pair_px"]
    absolute = content["absolute"]
    return Findings(
        filters=_group(content["filters"]),
        exposures=_group(content["exposures"]),
        shapes=_many(content["shapes"], lambda item: _record(ProductShape, item)),
        pair_share=_number(content["pair_share"]),
        pair_sources=_count(content["pair_sources"]),
        pair_px=None if pair is None else (_number(pair[0]), _number(pair[1])),
        repeats=_many(content["repeats"], lambda item: _record(Repeat, item)),
        contrast=_contrast(content["contrast"]),
        absolute=None if absolute is None else _absolute(absolute),
        scale_mas=_number(content["scale_mas"]),
        reasons=_many(content["reasons"], lambda item: as_text(item, 400) or "?"),
    )


def _group(content: Any) -> Group:
    if not content["reference"] and (content["offsets"] or content["unmatched"]):
        raise ValueError("offsets against nothing")
    return Group(
        reference=_title(content["reference"]),
        reference_exptime_s=_number(content["reference_exptime_s"]),
        offsets=_many(content["offsets"], lambda item: _record(Offset, item)),
        unmatched=_many(content["unmatched"], _named),
        untold=_many(content.get("untold", []), _named),  # earlier files have none
    )


def _many(content: Any, make: Callable[[Any], _T]) -> tuple[_T, ...]:
    if not isinstance(content, list) or len(content) > _MOST_ITEMS:
        raise ValueError(f"not a list of at most {_MOST_ITEMS}")
    return tuple(make(item) for item in content)


def _record(kind: Any, content: Any) -> Any:
    """Make a dataclass of titles, counts and numbers; what is missing or strange raises."""
    made: dict[str, Any] = {}
    for name, note in kind.__annotations__.items():
        check: Callable[[Any], Any] = _FIELD.get(note, _number)
        made[name] = check(content[name])
    if made.get("method", SOURCES) not in {SOURCES, CORRELATION}:
        raise ValueError("unknown method")
    _named(made.get("filter", made.get("title", SOURCES)))
    return kind(**made)


def _contrast(content: Any) -> Contrast:
    """Make the contrast of two filters: with sources, it has filters and numbers."""
    contrast: Contrast = _record(Contrast, content)
    if contrast.sources:
        for title in (contrast.wider, contrast.narrower):
            _named(title)
        if not all(math.isfinite(value) for value in (contrast.px2, contrast.sigma_px2)):
            raise ValueError("a contrast without numbers")
    return contrast


def _absolute(content: Any) -> Absolute:
    """Make the shift against the catalog: where there is none, there is no such part at all."""
    absolute: Absolute = _record(Absolute, content)
    if not all(math.isfinite(value) for value in astuple(absolute)):
        raise ValueError("a shift against the catalog without numbers")
    return absolute


def _title(value: Any) -> str:
    if value != "" and (not isinstance(value, str) or _TITLE.fullmatch(value) is None):
        raise ValueError("no title of a product")
    return str(value)


def _named(value: Any) -> str:
    """Give the title of a product, which may not be empty."""
    if not value:
        raise ValueError("a product has no title")
    return _title(value)


def _count(value: Any) -> int:
    number = as_count(value)
    if number is None:
        raise ValueError("no count")
    return number


def _number(value: Any) -> float:
    """Give a number, NaN for None."""
    if value is None:
        return math.nan
    number = as_number(value)
    if number is None or abs(number) > _LARGEST:
        raise ValueError("no number that makes sense")
    return number


#: How a field is checked, by its annotation.
_FIELD: Final[dict[str, Callable[[Any], Any]]] = {"str": _title, "int": _count}
