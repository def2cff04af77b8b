"""Read poller files: the lists of exposures that the pipeline is started with."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spacekit.errors import ProductError
from spacekit.visit.names import is_plain_name

__all__ = ["PollerLine", "find_pollers", "read_poller"]

_COLUMNS: Final = 8


@dataclass(frozen=True)
class PollerLine:
    """What the poller file says of one exposure: file name, filter (lower case), detector."""

    filename: str
    filter: str
    detector: str


def find_pollers(folder: Path) -> list[Path]:
    """Name the poller files of a folder: what is named as such, else whatever ends so.

    A shell's output (``nohup.out``) may lie beside.
    """
    return sorted(folder.glob("*_input.out")) or sorted(folder.glob("*.out"))


def read_poller(folder: Path) -> list[PollerLine]:
    """Read the poller files of a folder; exposures they name that aren't there are an error.

    Raises
    ------
    ProductError
        If there is none, they name no exposure, or a line has not eight columns or names a file
        that is missing or lies elsewhere.
    """
    paths = find_pollers(folder)
    if not paths:
        raise ProductError(f"{folder}: no poller file (*_input.out) that names the exposures")
    lines: list[PollerLine] = []
    for path in paths:
        try:
            with path.open(newline="", encoding="utf-8", errors="replace") as handle:
                lines += [_line(path, row) for row in csv.reader(handle) if row]
        except (OSError, csv.Error) as error:
            raise ProductError(f"{path}: can't be read as a poller file ({error})") from error
    if not lines:
        raise ProductError(f"{paths[0]}: names no exposure; there is nothing to process")
    return lines


def _line(path: Path, row: Sequence[str]) -> PollerLine:
    if len(row) != _COLUMNS:
        raise ProductError(f"{path}: a line has {len(row)} columns; a poller file has 8")
    name, filters, detector = row[0].strip(), row[5].strip(), row[6].strip()
    if not is_plain_name(name) or not (path.parent / name).is_file():
        raise ProductError(f"{path}: names the exposure {name[:120]!r}, which isn't in its folder")
    return PollerLine(name, filters.lower().replace(";", "_"), detector.lower())
