"""Folders of visits as a stranger might pack them: odd names, links, loops, no files at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

__all__ = ["lay_out"]

_TOTAL: Final = "hst_16901_01_wfc3_ir_total_iza101"
_ENDS: Final = (
    *("_drz.fits", "_drc.fits", "_point-cat.ecsv", "_segment-cat.ecsv", "_svm_num_sources.json"),
    *("_svm_.json", "_" + "x" * 180, "", "_", ".fits", "_drz.fits.gz", "_DRZ.FITS"),
)
_NAMES: Final = (
    *(
        _TOTAL,
        _TOTAL.upper(),
        _TOTAL[:-1],
        _TOTAL + "aa",
        _TOTAL + "_f160w_all_stat",
        "ref_cat.ecsv",
    ),
    *("hst_16901_01_wfc3_ir_f160w_iza101", "hst_1_01_acs_wfc_total_j00001", "corruption.txt"),
    *(
        "hst_../_01_wfc3_ir_total_iza101",
        "hst_16901_01_wfc3_ir_total_iza101\n",
        "-rf",
        "~",
        "*",
        "%2e",
    ),
    *("\udcff\udcfe", "é" * 100, "a" * 255, "CON", " ", "\t", "<img src=x>", "hst_total_drz.fits"),
    *("hst_x_metawcs_all_gaiadr3_ref_cat.ecsv", "'; DROP TABLE", "iza101_f160w_all_stat", "..."),
)


def lay_out(valid: Path, case: Path, rng: np.random.Generator) -> None:
    """Fill `case` with a tree of up to thirty hostile entries beside a valid visit.

    Parameters
    ----------
    valid : Path
        Folder of a valid visit, whose files are linked or copied in.
    case : Path
        Emptied first.
    rng : numpy.random.Generator
        Where the choices come from.
    """
    remove(case)
    case.mkdir()
    files = [path for path in sorted(valid.rglob("*")) if path.is_file()]
    folders = [case]
    for _ in range(int(rng.integers(1, 31))):
        holder = folders[int(rng.integers(len(folders)))]
        name = _NAMES[int(rng.integers(len(_NAMES)))]
        if rng.random() < 0.7:
            name = name.rstrip("\n") + _ENDS[int(rng.integers(len(_ENDS)))]
        source = files[int(rng.integers(len(files)))]
        if rng.random() < 0.3:
            name = source.name
        place = holder / name.replace("/", "_")
        make = _MAKERS[int(rng.integers(len(_MAKERS)))]
        with suppress(OSError, ValueError):  # names that no file can have
            make(place, source, holder)
            if place.is_dir() and not place.is_symlink():
                folders.append(place)


def remove(folder: Path) -> None:
    """Remove a tree whatever its permissions and depth."""
    for path, *_ in os.walk(folder):
        os.chmod(path, 0o700)  # noqa: PTH101  # os.walk gives text
    shutil.rmtree(folder, ignore_errors=True)


def _deep(place: Path, source: Path, holder: Path) -> None:
    """Nest folders up to a path of nearly 4,000 characters."""
    del source
    here = holder
    while len(str(here)) + 201 < 3900:
        here /= place.name[:1].replace(".", "x") * 200
        here.mkdir()


def _copy(place: Path, source: Path, holder: Path) -> None:
    del holder
    if not place.is_symlink():  # it would go through the link
        shutil.copyfile(source, place)


def _locked(place: Path, source: Path, holder: Path) -> None:
    del holder
    place.mkdir()
    _copy(place / source.name, source, place)
    place.chmod(0)


_MAKERS: Final[tuple[Callable[[Path, Path, Path], None], ...]] = (
    _copy,
    _copy,
    _locked,
    _deep,
    lambda place, source, holder: place.mkdir(),
    lambda place, source, holder: place.mkdir(),
    lambda place, source, holder: place.touch(),
    lambda place, source, holder: place.symlink_to(source),
    lambda place, source, holder: place.symlink_to(place),
    lambda place, source, holder: place.symlink_to(holder),
    lambda place, source, holder: place.symlink_to("/etc"),
    lambda place, source, holder: place.symlink_to("/dev/zero"),
    lambda place, source, holder: place.symlink_to("nowhere"),
    lambda place, source, holder: os.mkfifo(place),
)
