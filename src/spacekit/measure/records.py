"""What prep remembers in an output folder, so that running again does only what is missing.

Below ``<output>/.spacekit/`` lies one JSON record a mosaic: its row, its problems, and a
fingerprint of all it was made from. A record whose fingerprint has changed counts for nothing.
It names the files that were written beside the frames, so that it shows when one of them is lost.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spacekit import __version__
from spacekit.errors import ProductError
from spacekit.files import write_json
from spacekit.measure.schema import COLUMNS, Row
from spacekit.measure.settings import PrepSettings
from spacekit.visit.nouns import Mosaic, Problem, Product
from spacekit.visit.texts import read_json

__all__ = ["Record", "fingerprint", "read_record", "write_record"]

_LARGEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Record:
    """What is kept of a measurement.

    Parameters
    ----------
    index : str
        The mosaic.
    row : dict or None
        Its row of the scraped table; None when it got none.
    problems : tuple of Problem
        What went wrong.
    files : tuple of str
        Names of the pictures and findings that were written for it. Read back they are a
        stranger's: good for comparing with the names that are there, not for making paths.
    """

    index: str
    row: Row | None
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()


def fingerprint(mosaic: Mosaic, settings: PrepSettings) -> str:
    """Digest what a record depends on: the files (size and time), settings, package, schema.

    Whether frames are drawn is left out: they are looked for where they should be.
    """
    files = [
        [str(path), *_size_and_time(path)] for path in sorted(_files(mosaic, settings.labelled))
    ]
    wanted = {k: v for k, v in asdict(settings).items() if k != "draw"}
    content = [__version__, list(COLUMNS), mosaic.index, str(mosaic.folder), wanted, files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def read_record(output: Path, index: str, expected: str) -> Record | None:
    """Read the record of a mosaic; None where there is none that holds.

    Parameters
    ----------
    output : Path
        The output folder of prep.
    index : str
        The mosaic.
    expected : str
        Its fingerprint now.
    """
    path = _place(output, index)
    try:
        content = read_json(path, _LARGEST_BYTES)
        if content["fingerprint"] != expected:
            return None
        row = {str(k): math.nan if v is None else _cell(v) for k, v in content["row"].items()}
        problems = tuple(Problem(**problem) for problem in content["problems"])
        files = _names(content["files"])
    except (ProductError, ValueError, LookupError, TypeError, AttributeError):
        return None  # broken, or of another version: measured again
    return Record(index, row, problems, files)


def write_record(output: Path, record: Record, made_from: str) -> None:
    """Write the record of a mosaic that got a row.

    Parameters
    ----------
    output : Path
        The output folder of prep.
    record : Record
        With a row.
    made_from : str
        The fingerprint from before it was measured.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    if record.row is None:
        raise ValueError(f"{record.index}: only a mosaic with a row is recorded")
    row = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in record.row.items()}
    content = {
        "fingerprint": made_from,
        "row": row,
        "problems": [asdict(problem) for problem in record.problems],
        "files": list(record.files),
    }
    write_json(_place(output, record.index), content)


def _place(output: Path, index: str) -> Path:
    return output / ".spacekit" / f"{index}.json"


def _cell(value: Any) -> float | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("not a cell of a table")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError("no list of names")
    return tuple(value)


def _files(mosaic: Mosaic, labelled: bool) -> Iterator[Path]:
    for product in (mosaic.total, *mosaic.filters, *mosaic.exposures):
        yield from _product_files(product)
    yield from mosaic.reference_catalogs
    if labelled:
        yield from (mosaic.folder / name for name in ("corruption.txt", "truth.json"))


def _product_files(product: Product) -> Iterator[Path]:
    yield from product.qa.values()
    for path in (product.drizzled, product.point_catalog, product.segment_catalog):
        if path is not None:
            yield path


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
