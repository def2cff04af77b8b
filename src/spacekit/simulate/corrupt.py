"""Copy a visit's exposures and corrupt the pointing of some of them.

The published job: CRVAL of chosen exposures is shifted on the sky, in every science extension,
by an offset given in the detector's own pixels. The input is never touched.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from spacekit.errors import ProductError, VisitError
from spacekit.files import write_text

__all__ = [
    "PALETTES",
    "THRESHOLDS_PX",
    "Corruption",
    "CorruptionSettings",
    "PollerLine",
    "Shift",
    "find_exposure_folders",
    "make_copy",
    "plan_copies",
    "read_poller",
]

PALETTES: Final = ("rex", "rfi", "mfi", "multi")

#: Offsets in pixels of the detector, as published.
THRESHOLDS_PX: Final[dict[str, tuple[float, float]]] = {
    "major": (10.0, 20.0),
    "standard": (0.5, 10.0),
    "minor": (0.0, 1.0),
    "any": (0.0, 20.0),
}

_POLLER_COLUMNS = 8
_EXPOSURE_SUFFIXES = ("_flt.fits", "_flc.fits")
_MAS_PER_DEG = 3.6e6


@dataclass(frozen=True)
class CorruptionSettings:
    """What to corrupt, and how far.

    Parameters
    ----------
    palette : {"rex", "rfi", "mfi", "multi"}
        A random subset of exposures of any filter; all of one random filter; one copy a filter;
        for each filter every combination of all and sub, static and stochastic.
    expos : {"all", "sub"}
        All exposures of the filter or a random proper subset (rfi and mfi).
    mode : {"stat", "stoc"}
        One offset for all, or one for each exposure (all palettes but multi).
    threshold : str
        Key of `THRESHOLDS_PX`.
    """

    palette: str = "multi"
    expos: str = "all"
    mode: str = "stoc"
    threshold: str = "any"


@dataclass(frozen=True)
class PollerLine:
    """What the poller file says of one exposure: file name, filter (lower case), detector."""

    filename: str
    filter: str
    detector: str


@dataclass(frozen=True)
class Corruption:
    """A copy to make: its folder's name, and the exposures to corrupt."""

    name: str
    filter: str
    expos: str
    mode: str
    filenames: tuple[str, ...]


@dataclass(frozen=True)
class Shift:
    """What was done to one exposure: an offset on the sky, and its size in detector pixels."""

    filename: str
    east_mas: float
    north_mas: float
    offset_px: float


def find_exposure_folders(source: Path, pattern: str = "*") -> list[Path]:
    """Folders below `source` (or itself) that match and hold exposures and a poller file.

    Raises
    ------
    VisitError
        If there is none.
    """
    found = [f for f in sorted({source, *source.glob(pattern)}) if f.is_dir() and _has_inputs(f)]
    if not found:
        raise VisitError(
            f"{source}: no folder matching '{pattern}' holds exposures (flt or flc) and the "
            "poller file (*_input.out) that names them"
        )
    return found


def _has_inputs(folder: Path) -> bool:
    has_exposures = any(any(folder.glob(f"*{s}")) for s in _EXPOSURE_SUFFIXES)
    return has_exposures and any(folder.glob("*.out"))


def read_poller(folder: Path) -> list[PollerLine]:
    """Read the poller files of a folder; exposures they name that aren't there are an error.

    Raises
    ------
    ProductError
        If a line has not eight columns or names a file that is missing or lies elsewhere.
    """
    lines: list[PollerLine] = []
    for path in sorted(folder.glob("*.out")):
        with path.open(newline="", encoding="utf-8", errors="replace") as handle:
            lines += [_poller_line(path, row) for row in csv.reader(handle) if row]
    return lines


def _poller_line(path: Path, row: Sequence[str]) -> PollerLine:
    if len(row) != _POLLER_COLUMNS:
        raise ProductError(f"{path}: a line has {len(row)} columns; a poller file has 8")
    name, filters, detector = row[0].strip(), row[5].strip(), row[6].strip()
    if Path(name).name != name or not (path.parent / name).is_file():
        raise ProductError(f"{path}: names the exposure {name!r}, which isn't in its folder")
    return PollerLine(name, filters.lower().replace(";", "_"), detector.lower())


def plan_copies(
    visit: str,
    exposures: Sequence[PollerLine],
    settings: CorruptionSettings,
    rng: np.random.Generator,
) -> list[Corruption]:
    """Choose which copies of a visit to make and which exposures each corrupts.

    A subset is a proper one: a filter with a single exposure gets no `sub` copy.

    Parameters
    ----------
    visit : str
        Name of its folder, which begins the copies' names.
    exposures : sequence of PollerLine
        All of its exposures.
    settings : CorruptionSettings
        The palette and its options.
    rng : numpy.random.Generator
        Where the choices come from.

    Raises
    ------
    VisitError
        If nothing can be corrupted: a subset of one exposure was asked for.
    """
    by_filter: dict[str, list[str]] = {}
    for line in exposures:
        by_filter.setdefault(line.filter, []).append(line.filename)
    everything = [line.filename for line in exposures]
    if settings.palette == "rex":
        wanted = [("rex", everything, "sub", settings.mode)]
    elif settings.palette == "rfi":
        chosen = str(rng.choice(sorted(by_filter)))
        wanted = [(chosen, by_filter[chosen], settings.expos, settings.mode)]
    elif settings.palette == "mfi":
        wanted = [(f, names, settings.expos, settings.mode) for f, names in by_filter.items()]
    else:
        wanted = [
            (f, names, expos, mode)
            for f, names in by_filter.items()
            for expos in ("all", "sub")
            for mode in ("stat", "stoc")
        ]
    copies = [
        Corruption(f"{visit}_{f}_{expos}_{mode}", f, expos, mode, _choose(names, expos, rng))
        for f, names, expos, mode in wanted
        if expos == "all" or len(names) > 1
    ]
    if not copies:
        raise VisitError(f"{visit}: a subset of exposures was asked for, but there is only one")
    return copies


def _choose(names: Sequence[str], expos: str, rng: np.random.Generator) -> tuple[str, ...]:
    if expos == "all":
        return tuple(names)
    chosen = rng.choice(len(names), size=int(rng.integers(1, len(names))), replace=False)
    return tuple(names[i] for i in sorted(chosen))


def make_copy(
    source: Path,
    copy: Corruption,
    outputs: Path,
    settings: CorruptionSettings,
    rng: np.random.Generator,
) -> Path:
    """Copy the inputs of a visit, corrupt the chosen exposures, and say what was done.

    Only what the pipeline takes in is copied (exposures, poller, reference catalog): products in
    the source belong to the uncorrupted visit. The copy appears whole or not at all.

    Returns
    -------
    Path
        The copy's folder, with `corruption.txt`.

    Raises
    ------
    ProductError
        If an exposure has no science extension with a celestial WCS.
    """
    target = outputs / copy.name
    with tempfile.TemporaryDirectory(dir=outputs, prefix=".part-") as name:
        part = Path(name) / "copy"
        part.mkdir()
        for path in _inputs(source):
            shutil.copyfile(path, part / path.name)
        shifts = _corrupt_files(part, copy, settings.threshold, rng)
        write_text(part / "corruption.txt", _describe(source, copy, settings, shifts))
        part.replace(target)
    return target


def _inputs(source: Path) -> list[Path]:
    patterns = (*(f"*{s}" for s in _EXPOSURE_SUFFIXES), "*.out", "*ref_cat*.ecsv", "*.csv")
    return sorted({path for pattern in patterns for path in source.glob(pattern)})


def _corrupt_files(
    folder: Path, copy: Corruption, threshold: str, rng: np.random.Generator
) -> list[Shift]:
    low_px, high_px = THRESHOLDS_PX[threshold]
    common = (rng.uniform(low_px, high_px), rng.uniform(0, 2 * np.pi))
    shifts = []
    for filename in copy.filenames:
        own = (rng.uniform(low_px, high_px), rng.uniform(0, 2 * np.pi))
        offset_px, angle = common if copy.mode == "stat" else own
        shifts.append(_shift_exposure(folder / filename, float(offset_px), float(angle)))
    return shifts


def _shift_exposure(path: Path, offset_px: float, angle_rad: float) -> Shift:
    with fits.open(path, mode="update") as hdus:
        chips = [hdu for hdu in hdus if hdu.name == "SCI"]
        if not chips:
            raise ProductError(f"{path.name}: no SCI extension; is it a calibrated exposure?")
        scale_deg = float(np.mean(proj_plane_pixel_scales(_celestial(hdus, chips[0], path))))
        east_deg = offset_px * scale_deg * np.cos(angle_rad)
        north_deg = offset_px * scale_deg * np.sin(angle_rad)
        for chip in chips:
            header = chip.header
            dec_deg = header["CRVAL2"]
            header["CRVAL1"] = (header["CRVAL1"] + east_deg / np.cos(np.deg2rad(dec_deg))) % 360
            header["CRVAL2"] = dec_deg + north_deg
    return Shift(path.name, east_deg * _MAS_PER_DEG, north_deg * _MAS_PER_DEG, offset_px)


def _celestial(hdus: fits.HDUList, chip: fits.ImageHDU, path: Path) -> WCS:
    wcs = WCS(chip.header, hdus)
    if not wcs.has_celestial or "CRVAL1" not in chip.header:
        raise ProductError(f"{path.name}: its SCI extension has no celestial WCS to corrupt")
    return wcs.celestial


def _describe(
    source: Path, copy: Corruption, settings: CorruptionSettings, shifts: Sequence[Shift]
) -> str:
    lines = [
        f"visit: {source.name}",
        f"copy: {copy.name}",
        f"palette: {settings.palette}",
        f"filter: {copy.filter}",
        f"expos: {copy.expos}",
        f"mode: {copy.mode}",
        f"threshold: {settings.threshold}",
        f"injected_offset_px: {max(s.offset_px for s in shifts):.4f}",
    ]
    lines += [
        f"exposure: {s.filename} east_mas={s.east_mas:.3f} north_mas={s.north_mas:.3f} "
        f"offset_px={s.offset_px:.4f}"
        for s in shifts
    ]
    return "\n".join(lines) + "\n"
