"""What was measured between and in a mosaic's products, product by product, and its file.

The table has one number for all products of a kind; ``<name>_offsets.json`` beside the frames
has each of them. It is read back as a stranger's file: nothing of it is believed unchecked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from spacekit.errors import ProductError
from spacekit.files import write_json
from spacekit.visit.names import is_plain_name
from spacekit.visit.values import as_count, as_number, as_text

__all__ = [
    "CORRELATION",
    "NO_FILTER",
    "SOURCES",
    "Absolute",
    "Findings",
    "Group",
    "Offset",
    "ProductShape",
    "Repeat",
    "find_beside_frames",
    "findings_path",
    "read_findings",
    "write_findings",
]

#: Ways an offset was measured.
SOURCES: Final = "sources"
CORRELATION: Final = "correlation"

#: Stands for the filter of an exposure whose filter isn't known.
NO_FILTER: Final = "exposure"

_FORMAT: Final = 3
_LARGEST_BYTES: Final = 1_000_000
_MOST_ITEMS: Final = 200
_LARGEST: Final = 1e7
_TITLE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}( [a-z0-9]{2})?")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Offset:
    """How one filter's (or exposure's) product lies against the reference: its minus reference.

    Parameters
    ----------
    filter, exposure : str
        Whose product ("f814w"); the exposure's two letters, empty for a filter product.
    reference : str
        The reference's filter, with its exposure's letters after a blank where it is one.
    exptime_s : float
        Exposure time of the product.
    dx_px, dy_px : float
        Shift at the centre of the mosaic, along its axes.
    dx_mas, dy_mas : float
        The same in mas, NaN where the scale is unknown.
    sigma_px : float
        Standard error of each.
    sources : int
        Sources matched; 0 where images were correlated.
    largest_px : float
        Length of the shift where it is largest over the product's footprint; longer than
        (dx, dy) where the product is rotated, scaled or skewed.
    roll_deg : float
        Rotation from +x to +y, 0 where none is significant.
    scatter_px : float
        Robust standard deviation of single sources, per axis; NaN where images were correlated.
    method : str
        "sources" or "correlation".
    part_dx_px, part_dy_px : float
        A second shift that part of the sources have (a chip that is off, a second image of every
        star), NaN where there is none.
    part_sources : int
        Sources that have it.
    """

    filter: str
    exposure: str
    reference: str
    exptime_s: float
    dx_px: float
    dy_px: float
    dx_mas: float
    dy_mas: float
    sigma_px: float
    sources: int
    largest_px: float
    roll_deg: float
    scatter_px: float
    method: str
    part_dx_px: float = math.nan
    part_dy_px: float = math.nan
    part_sources: int = 0

    @property
    def title(self) -> str:
        """Filter, and the exposure's letters where it is one."""
        return f"{self.filter} {self.exposure}".strip()

    @property
    def length_px(self) -> float:
        """The length that counts: the largest over the footprint, or of a part of an exposure."""
        length = max(self.largest_px, math.hypot(self.dx_px, self.dy_px))
        if self.part_sources and self.exposure:
            length = max(length, math.hypot(self.part_dx_px, self.part_dy_px))
        return length

    @property
    def sure_px(self) -> float:
        """The length less two standard errors, 0 at least."""
        return max(self.length_px - 2 * self.sigma_px, 0.0)


@dataclass(frozen=True)
class Group:
    """Products of one kind against the one in their middle.

    Parameters
    ----------
    reference : str
        Title of the medoid; empty where nothing was compared.
    reference_exptime_s : float
        Its exposure time.
    offsets : tuple of Offset
        One for each other product that could be matched.
    unmatched : tuple of str
        Titles of those with sources enough that match the reference at no shift.
    """

    reference: str = ""
    reference_exptime_s: float = math.nan
    offsets: tuple[Offset, ...] = ()
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductShape:
    """What the stars of one product tell by themselves; NaN: not measured.

    Parameters
    ----------
    title : str
        "total" or a filter.
    ellipticity, angle_deg : float
        Coherent ellipticity of the stars, and its direction from +x to +y.
    ellipticity_sigma : float
        Standard error of the first.
    stars : int
        They were measured on.
    weight_deficit : float
        1 - weight in the stars' cores over weight around.
    spread_px : float
        Largest distance of the filter's exposure products from their mean, px.
    twin_turned, twin_crossed, twin_near : float
        How significant it is that every source has a second image (`spacekit.measure.twins`).
    twin_dx_px, twin_dy_px : float
        Where that lies.
    twin_sources : int
        Sources that were stacked for it.
    """

    title: str
    ellipticity: float
    angle_deg: float
    ellipticity_sigma: float
    stars: int
    weight_deficit: float
    spread_px: float
    twin_turned: float = math.nan
    twin_crossed: float = math.nan
    twin_near: float = math.nan
    twin_dx_px: float = math.nan
    twin_dy_px: float = math.nan
    twin_sources: int = 0

    @property
    def twin_px(self) -> float:
        """How far the second image lies, px."""
        return math.hypot(self.twin_dx_px, self.twin_dy_px)


@dataclass(frozen=True)
class Repeat:
    """How what cosmic-ray rejection took from an exposure repeats stars, or other exposures.

    Parameters
    ----------
    title : str
        The exposure ("f814w ab").
    surprise : float
        Minus the log of the probability that chance does as much, at any shift; 0: it may.
    dx_px, dy_px : float
        Rejected minus what it repeats, along the mosaic's axes; 0 where chance may do as much.
    sources : int
        Rejected patches that lie at that shift.
    """

    title: str
    surprise: float
    dx_px: float
    dy_px: float
    sources: int

    @property
    def length_px(self) -> float:
        """Length of the shift, px."""
        return math.hypot(self.dx_px, self.dy_px)


@dataclass(frozen=True)
class Absolute:
    """How the total lies against the reference catalog: total minus catalog, mosaic's axes.

    An error of the visit as a whole: reported, no sign of misalignment.

    Parameters
    ----------
    dx_mas, dy_mas : float
        Shift at the centre of the mosaic.
    sigma_mas : float
        Standard error of each.
    sources : int
        Catalog sources matched.
    """

    dx_mas: float
    dy_mas: float
    sigma_mas: float
    sources: int


@dataclass(frozen=True)
class Findings:
    """All that the pixels of one mosaic say, product by product.

    Parameters
    ----------
    filters, exposures : Group
        Filter products, and exposure products where there are any.
    shapes : tuple of ProductShape
        The total's first, then the filters'.
    pair_share : float
        Share of the total's sources that have a partner at one common separation.
    pair_sources : int
        How many these are.
    pair_px : tuple of float or None
        That separation (dx, dy), its sign unknown.
    repeats : tuple of Repeat
        One for each exposure of the total, the surest first; empty where they can't be told.
    absolute : Absolute or None
        None where there is no reference catalog, or it matches nowhere.
    scale_mas : float
        Side of the mosaic's pixels, mas.
    reasons : tuple of str
        Why something could not be measured, a sentence each.
    """

    filters: Group = Group()
    exposures: Group = Group()
    shapes: tuple[ProductShape, ...] = ()
    pair_share: float = math.nan
    pair_sources: int = 0
    pair_px: tuple[float, float] | None = None
    repeats: tuple[Repeat, ...] = ()
    absolute: Absolute | None = None
    scale_mas: float = math.nan
    reasons: tuple[str, ...] = ()


def findings_path(folder: Path, index: str) -> Path:
    """Name the file of a mosaic below the image folder: ``<index>/<index>_offsets.json``."""
    return folder / index / f"{index}_offsets.json"


def find_beside_frames(images: Path, index: str, suffix: str) -> Path | None:
    """Find a mosaic's file in ``<images>/<index>/``, or below ``0/`` or ``1/`` there.

    Parameters
    ----------
    images : Path
        The image folder.
    index : str
        The mosaic's name, a stranger's.
    suffix : str
        The end of the file's name ("_offsets.json").

    Returns
    -------
    Path or None
        None where there is none, where the index is no name, or a link leads out of the folder.
    """
    if not is_plain_name(index):
        return None
    for folder in (images, images / "0", images / "1"):
        path = folder / index / f"{index}{suffix}"
        if path.is_file() and path.resolve().is_relative_to(images.resolve()):
            return path
    return None


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
        if path.stat().st_size > _LARGEST_BYTES:
            raise ProductError(f"{path}: too large to be the offsets of one mosaic")
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ProductError(f"{path}: of another version of spacekit; run prep again")
        return _findings(content)
    except FileNotFoundError:
        return None
    except ProductError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
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
        absolute=None if absolute is None else _record(Absolute, absolute),
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
