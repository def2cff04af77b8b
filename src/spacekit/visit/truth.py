"""Read truth.json, what is true of a visit's mosaics; and the one rule by which they are labelled.

The simulator writes it beside a visit, and the processing of a corrupted copy beside the copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from spacekit.errors import ProductError
from spacekit.visit.texts import read_json
from spacekit.visit.values import as_number, as_text

__all__ = [
    "ALIGNED_PX",
    "MISALIGNED_PX",
    "MosaicTruth",
    "Pointing",
    "TrueExposure",
    "VisitTruth",
    "checked_label",
    "label_of",
    "of_mosaic",
    "read_truth",
]

#: Largest residual offset of an aligned visit and smallest of a misaligned one, in px of the
#: mosaic; between them it is ambiguous.
ALIGNED_PX: Final = 0.25
MISALIGNED_PX: Final = 0.5

_LARGEST_BYTES: Final = 50_000_000

_T = TypeVar("_T")


@dataclass(frozen=True)
class Pointing:
    """Where a chip truly points: the linear part of its WCS.

    Parameters
    ----------
    crval_deg : tuple of float
        (RA, Dec) of its reference pixel.
    cd_deg : tuple of tuple of float
        Rows of its CD matrix, deg per px.
    """

    crval_deg: tuple[float, float]
    cd_deg: tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class TrueExposure:
    """What is true of one exposure.

    Parameters
    ----------
    chips : tuple of Pointing
        Where each of its chips truly points.
    trail_px : float
        Length of a drift within it.
    """

    chips: tuple[Pointing, ...]
    trail_px: float = 0.0


@dataclass(frozen=True)
class MosaicTruth:
    """What is true of one mosaic.

    Parameters
    ----------
    label : int or None
        1 misaligned, 0 aligned, None ambiguous; by the offset where none is recorded.
    offset_px, offset_mas : float or None
        How far its exposures disagree; None where it isn't recorded.
    total_offset_px : float or None
        The same of those exposures that the total is made of.
    mode : str
        What the headers got wrong.
    entry : dict of str to Any
        All that the file says of the mosaic, unchecked.
    """

    label: int | None
    offset_px: float | None = None
    offset_mas: float | None = None
    total_offset_px: float | None = None
    mode: str = ""
    entry: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exposures(self) -> dict[str, TrueExposure]:
        """What is true of each exposure, by file; few ask, so it is checked when it is asked for.

        Raises
        ------
        ProductError
            If it can't be understood.
        """
        try:
            return {
                str(row["file"]): TrueExposure(
                    _chips(row["true_wcs"]), _finite(row.get("trail_px", 0))
                )
                for row in self.entry.get("exposures", [])
            }
        except (TypeError, AttributeError, LookupError) as error:
            raise ProductError(
                "what the truth says of an exposure can't be understood; simulate the visit anew"
            ) from error


@dataclass(frozen=True)
class VisitTruth:
    """What one file says.

    Parameters
    ----------
    mosaics : dict of str to MosaicTruth
        By the total product's name (`of_mosaic` looks one up); those of which neither label nor
        offset is recorded are left out.
    faults : dict of str to str
        Mosaics of which it says what can't be true, by the same names, with the reason.
    engine : str
        What processed a corrupted copy, empty where it isn't recorded.
    spec : dict of str to Any
        What a simulated visit was drawn as, unchecked.
    """

    mosaics: Mapping[str, MosaicTruth]
    faults: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)


def label_of(offset_px: float, trail_px: float = 0.0) -> int | None:
    """Label a mosaic by its offset: 0 aligned, 1 misaligned, None ambiguous.

    A trail within its exposures makes a small offset ambiguous.
    """
    if offset_px >= MISALIGNED_PX:
        return 1
    return 0 if offset_px <= ALIGNED_PX and trail_px < MISALIGNED_PX else None


def of_mosaic(index: str, by_name: Mapping[str, _T]) -> _T | None:
    """Look a mosaic up by its name, or by the end of it where only the visit's was recorded."""
    found = by_name.get(index)
    return by_name.get(_end(index.rpartition("_total_")[2])) if found is None else found


def _end(ipppss: str) -> str:
    return f"_total_{ipppss}"


def read_truth(path: Path) -> VisitTruth:
    """Read a file of truth.

    Two shapes are known: `truth.json` beside a visit, with an entry a mosaic, and one file for a
    visit with a single mosaic, whose one entry names the visit.

    Raises
    ------
    ProductError
        If it can't be read or is no JSON.
    """
    content = read_json(path, _LARGEST_BYTES)
    if not isinstance(content, dict):
        content = {}
    found = content.get("mosaics")
    if not isinstance(found, dict):
        found = {_end(content["visit"]): content} if isinstance(content.get("visit"), str) else {}
    mosaics: dict[str, MosaicTruth] = {}
    faults: dict[str, str] = {}
    for name, entry in found.items():
        try:
            mosaic = _mosaic(path, entry)
        except ProductError as error:
            faults[name] = str(error)
        else:
            mosaics |= {name: mosaic} if mosaic else {}
    spec = content.get("spec")
    return VisitTruth(
        mosaics,
        faults,
        as_text(content.get("engine")) or "",
        spec if isinstance(spec, dict) else {},
    )


def _mosaic(path: Path, entry: Any) -> MosaicTruth | None:
    """Check what is said of one mosaic; None where that is neither label nor offset."""
    if not isinstance(entry, dict):
        raise ProductError(f"{path}: what it says of a mosaic is no JSON object")
    offset_px = as_number(entry.get("offset_px"))
    if "label" in entry:
        label = checked_label(path, entry["label"])
    elif "offset_px" not in entry:
        return None
    elif offset_px is None or offset_px < 0:
        raise ProductError(f"{path}: the final offset is no number of pixels")
    else:
        label = label_of(offset_px)
    offset_mas = as_number(entry.get("offset_mas"))
    scale_arcsec = as_number(entry.get("mosaic_scale_arcsec"))
    if offset_mas is None and offset_px is not None and scale_arcsec is not None:
        offset_mas = round(offset_px * scale_arcsec * 1000, 2)
    return MosaicTruth(
        label,
        offset_px,
        offset_mas,
        as_number(entry.get("total_offset_px")),
        as_text(entry.get("mode")) or "",
        entry,
    )


def _chips(told: Any) -> tuple[Pointing, ...]:
    """Read the chips of an exposure; one with a single chip may come without a list."""
    return tuple(
        Pointing(
            (_finite(one["CRVAL1"]), _finite(one["CRVAL2"])),
            (
                (_finite(one["CD1_1"]), _finite(one["CD1_2"])),
                (_finite(one["CD2_1"]), _finite(one["CD2_2"])),
            ),
        )
        for one in (told if isinstance(told, list) else [told])
    )


def _finite(value: Any) -> float:
    number = as_number(value)
    if number is None:
        raise TypeError("not a finite number")
    return number


def checked_label(path: Path, value: Any) -> int | None:
    """Check a recorded label; null or an empty one is ambiguous.

    Raises
    ------
    ProductError
        If it is something else than 0 or 1.
    """
    if value is None or value == "":
        return None
    text = str(value).strip()
    if text not in {"0", "1", "0.0", "1.0"}:
        raise ProductError(f"{path}: label is {text[:40]!r}, not 0, 1 or empty")
    return int(text[0])
