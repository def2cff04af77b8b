"""Copy a visit's exposures and corrupt the pointing of some of them.

The published job: CRVAL of chosen exposures is shifted on the sky, in every science extension,
by an offset given in the detector's own pixels. The input is never touched.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs import WcsError as WcslibError
from astropy.wcs.utils import proj_plane_pixel_scales

from spacekit.errors import OptionError, ProductError, VisitError
from spacekit.files import PART, write_text
from spacekit.simulate.aperture import WcsError
from spacekit.simulate.wcs import erroneous
from spacekit.visit.fits_files import image_shape, open_fits, read_wcs
from spacekit.visit.poller import PollerLine, find_pollers

__all__ = [
    "EXPOSURES",
    "PALETTES",
    "THRESHOLDS_PX",
    "Corruption",
    "CorruptionSettings",
    "Shift",
    "exposure_inputs",
    "find_exposure_folders",
    "make_copy",
    "plan_copies",
    "visit_name",
]

PALETTES: Final = ("rex", "rfi", "mfi", "multi")
_EXPOS: Final = ("all", "sub")
_MODES: Final = ("stat", "stoc")

#: Offsets in pixels of the detector, as published.
THRESHOLDS_PX: Final[dict[str, tuple[float, float]]] = {
    "major": (10.0, 20.0),
    "standard": (0.5, 10.0),
    "minor": (0.0, 1.0),
    "any": (0.0, 20.0),
}

#: Where `simulate --exposures` puts a visit's exposures.
EXPOSURES: Final = "exposures"
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

    Raises
    ------
    OptionError
        If one of them is none of these.
    """

    palette: str = "multi"
    expos: str = "all"
    mode: str = "stoc"
    threshold: str = "any"

    def __post_init__(self) -> None:
        for name, known in (
            ("palette", PALETTES),
            ("expos", _EXPOS),
            ("mode", _MODES),
            ("threshold", tuple(THRESHOLDS_PX)),
        ):
            value = getattr(self, name)
            if value not in known:
                raise OptionError(f"no {name} called {value}; take one of {', '.join(known)}")


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
    """What was done to one exposure.

    Parameters
    ----------
    filename : str
        Which.
    east_mas, north_mas : float
        By how much its reference points were moved on the sky.
    offset_px : float
        The same in pixels of the detector.
    largest_px : float
        The largest displacement of the footprint's corners. Near the poles it is more: north at
        the new CRVAL is another direction, and the field turns with it.
    """

    filename: str
    east_mas: float
    north_mas: float
    offset_px: float
    largest_px: float


def find_exposure_folders(source: Path, pattern: str = "*") -> list[Path]:
    """Find folders of exposures: `source`, those below it that match, and their `exposures/`.

    Folders that are corrupted copies themselves (with corruption.txt) are left out.

    Raises
    ------
    VisitError
        If there is none.
    """
    if not source.is_dir():
        raise VisitError(f"{source}: no such folder; give the one that holds the visits' folders")
    try:
        visits = {source, *source.glob(pattern)}
    except (ValueError, NotImplementedError) as error:  # an empty or an absolute pattern
        raise OptionError(f"search pattern {pattern!r}: {error}; give one like 'i*'") from error
    found = sorted(f for f in visits | {v / EXPOSURES for v in visits} if _has_inputs(f))
    if not found:
        raise VisitError(
            f"{source}: no folder matching '{pattern}' holds exposures (flt or flc) and the "
            "poller file (*_input.out) that names them"
        )
    return found


def _has_inputs(folder: Path) -> bool:
    if not folder.is_dir() or (folder / "corruption.txt").is_file():
        return False
    return bool(_exposures(folder) and find_pollers(folder))


def _exposures(folder: Path) -> list[Path]:
    """Name the exposures of a folder; products of that kind (``hst_...``) are none."""
    return sorted(
        path
        for suffix in _EXPOSURE_SUFFIXES
        for path in folder.glob(f"*{suffix}")
        if not path.name.startswith("hst_")
    )


def visit_name(folder: Path) -> str:
    """Name the visit (``ipppss``) that a folder of exposures is of, by its first exposure.

    Raises
    ------
    VisitError
        If there is none (any more).
    """
    exposures = _exposures(folder)
    if not exposures:
        raise VisitError(f"{folder}: holds no exposures any more")
    return exposures[0].name[:6].lower()


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
        Its name (``ipppss``), which begins the copies' names.
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
            for expos in _EXPOS
            for mode in _MODES
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
    with tempfile.TemporaryDirectory(dir=outputs, prefix=PART) as name:
        part = Path(name) / "copy"
        part.mkdir()
        for path in exposure_inputs(source):
            shutil.copyfile(path, part / path.name)
        try:
            shifts = _corrupt_files(part, copy, settings.threshold, rng)
        except ProductError as error:  # the part is gone when the person reads it
            raise ProductError(str(error).replace(str(part), str(source))) from error
        write_text(part / "corruption.txt", _describe(source, copy, settings, shifts))
        part.replace(target)
    return target


def exposure_inputs(folder: Path) -> list[Path]:
    """Name what a pipeline takes in: exposures, poller files, reference catalogs."""
    patterns = ("*.out", "*ref_cat*.ecsv", "*.csv")
    others = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted({*_exposures(folder), *others})


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
    """Move the reference point of every chip by one vector on the exposure's tangent plane."""
    with open_fits(path, "update") as hdus:
        chips = [hdu for hdu in hdus if hdu.name == "SCI"]
        if not chips:
            raise ProductError(f"{path}: no SCI extension; is it a calibrated exposure?")
        right = tuple(_celestial(hdus, chip, path) for chip in chips)
        shapes = [_shape(path, chip) for chip in chips]
        scale_deg = float(np.mean(proj_plane_pixel_scales(right[0])))
        error = WcsError(offset_px * np.cos(angle_rad), offset_px * np.sin(angle_rad))
        wrong = _move(path, right, error, scale_deg)
        for chip, wcs in zip(chips, wrong, strict=True):
            chip.header["CRVAL1"], chip.header["CRVAL2"] = (float(v) for v in wcs.wcs.crval)
        apart_deg = [
            _corner_distance_deg(one, other, shape)
            for one, other, shape in zip(right, wrong, shapes, strict=True)
        ]
    scale_mas = scale_deg * _MAS_PER_DEG
    return Shift(
        path.name,
        error.dx_px * scale_mas,
        error.dy_px * scale_mas,
        offset_px,
        max(apart_deg) / scale_deg,
    )


def _shape(path: Path, chip: fits.ImageHDU) -> tuple[int, int]:
    shape = image_shape(path, chip)
    if len(shape) != 2:
        raise ProductError(f"{path}: its SCI extension has {len(shape)} axes, not 2")
    return shape[0], shape[1]


def _move(path: Path, right: tuple[WCS, ...], error: WcsError, scale_deg: float) -> tuple[WCS, ...]:
    """Put an error into the WCS of a stranger's exposure."""
    if not all(wcs.wcs.has_cd() for wcs in right):
        raise ProductError(f"{path}: its WCS has no CD matrix, which calibrated exposures have")
    try:
        return erroneous(right, error, scale_deg * 3600)
    except WcslibError as fault:
        raise ProductError(f"{path}: its WCS can't be moved ({fault})") from fault


def _corner_distance_deg(one: WCS, other: WCS, shape: tuple[int, int]) -> float:
    """Give the largest distance on the sky between where two WCS put a chip's corners."""
    x, y = np.array([0, shape[1] - 1] * 2), np.repeat([0, shape[0] - 1], 2)
    places = [SkyCoord(*w.all_pix2world(x, y, 0), unit="deg") for w in (one, other)]
    return float(places[0].separation(places[1]).deg.max())


def _celestial(hdus: fits.HDUList, chip: fits.ImageHDU, path: Path) -> WCS:
    wcs = read_wcs(path, chip.header, hdus)
    if "CRVAL1" not in chip.header:
        raise ProductError(f"{path}: its SCI extension has no CRVAL1 to corrupt")
    return wcs


def _describe(
    source: Path, copy: Corruption, settings: CorruptionSettings, shifts: Sequence[Shift]
) -> str:
    lines = [
        f"visit: {visit_name(source)}",
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
        f"offset_px={s.offset_px:.4f} largest_px={s.largest_px:.4f}"
        for s in shifts
    ]
    return "\n".join(lines) + "\n"
