"""The class of a mosaic's target: from a file, from the archive, else unidentified."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from spacekit.errors import MissingExtraError, TableError
from spacekit.measure.schema import CATEGORIES
from spacekit.visit.tables import read_csv

__all__ = ["UNKNOWN", "ask_archive", "encode_class", "read_targets"]

#: The class of a target nobody has told us about.
UNKNOWN: Final = "U"

#: How long the archive may take to answer.
TIMEOUT_S: Final = 5.0

_LARGEST_BYTES: Final = 50_000_000

#: First part of MAST's target classification (before ";") to the published class.
_CLASSES: Final = {
    "CALIBRATION": "C",
    "GALAXY": "G",
    "CLUSTER OF GALAXIES": "GC",
    "ISM": "I",
    "EXT-MEDIUM": "I",
    "STAR": "S",
    "EXT-STAR": "S",
    "STELLAR CLUSTER": "SC",
    "EXT-CLUSTER": "SC",
    "SOLAR SYSTEM": "SS",
    "UNIDENTIFIED": "U",
}

_log = logging.getLogger(__name__)


def encode_class(classification: object) -> str:
    """Give the published class of a MAST target classification, or of a class itself.

    Parameters
    ----------
    classification : object
        "GALAXY;SPIRAL;FACE ON", or "G"; anything else is unknown.

    Returns
    -------
    str
        A key of ``CATEGORIES["cat"]``.
    """
    if not isinstance(classification, str):
        return UNKNOWN
    first = classification.split(";", 1)[0].strip().upper()
    return first if first in CATEGORIES["cat"] else _CLASSES.get(first, UNKNOWN)


def read_targets(path: Path) -> dict[str, str]:
    """Read a file of targets: columns TARGNAME and class, comma-separated.

    Parameters
    ----------
    path : Path
        The file. class is a letter of the published tables or a MAST classification.

    Returns
    -------
    dict of str to str
        TARGNAME to class; the first row of a name counts, one without a name doesn't.

    Raises
    ------
    TableError
        If the file can't be read or lacks the columns.
    """
    table = read_csv(
        path,
        "a table of targets has the columns TARGNAME and class",
        largest_bytes=_LARGEST_BYTES,
        dtype=str,
        keep_default_na=False,
        skipinitialspace=True,
    )
    columns = {str(name).strip().lower(): name for name in table.columns}
    if "targname" not in columns or "class" not in columns:
        raise TableError(f"{path}: a table of targets needs the columns TARGNAME and class")
    names, classes = table[columns["targname"]], table[columns["class"]]
    found: dict[str, str] = {}
    for name, said in zip(names, classes, strict=True):
        if bare := str(name).strip():  # an empty one would class all mosaics without a target name
            found.setdefault(bare, encode_class(said))
    return found


def ask_archive(targets: Collection[str], proposals: Collection[str]) -> dict[str, str]:
    """Ask MAST for the classes of targets, in one request of at most `TIMEOUT_S` seconds.

    What fails (no astroquery, no network) is logged as one warning, and every class stays
    unknown.

    Parameters
    ----------
    targets, proposals : collection of str
        TARGNAME and proposal numbers of the mosaics.

    Returns
    -------
    dict of str to str
        TARGNAME to class, as far as the archive knows; empty when it can't be asked.
    """
    try:
        from astroquery import mast  # optional, and slow to import
    except ImportError:
        error = MissingExtraError("Asking the archive for target classes", "archive")
        _log.warning("%s; classes of targets stay unknown", error)
        return {}
    wanted = {"target_name": sorted(set(targets)), "proposal_id": sorted(set(proposals))}
    if not all(wanted.values()):
        return {}
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(mast.Observations.query_criteria(obs_collection="HST", **wanted))
        except Exception as error:  # noqa: BLE001  # whatever a network client may raise
            answer.put(error)

    # a thread that isn't waited for: the client has no timeout over all it does
    threading.Thread(target=ask, daemon=True).start()
    try:
        rows = answer.get(timeout=TIMEOUT_S)
    except queue.Empty:
        rows = TimeoutError(f"no answer within {TIMEOUT_S:g} s")
    if isinstance(rows, Exception):
        _log.warning("The archive can't be asked for target classes, they stay U: %s", rows)
        return {}
    return _classes(rows)


def _classes(rows: Any) -> dict[str, str]:
    """Take the first known class of each target from the archive's rows."""
    found: dict[str, str] = {}
    for row in rows:
        name, letter = str(row["target_name"]), encode_class(str(row["target_classification"]))
        if found.get(name, UNKNOWN) == UNKNOWN:
            found[name] = letter
    return found
