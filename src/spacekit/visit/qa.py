"""Read the JSON that the pipeline's quality analysis leaves beside the products."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spacekit.errors import ProductError
from spacekit.visit.texts import read_json
from spacekit.visit.values import as_count

__all__ = ["QaReport", "read_gaia_count", "read_qa", "read_source_counts"]

#: Genuine ones are below 1 MB; a crowded field's cross-match stays below 50.
_LARGEST_BYTES: Final = 100_000_000


@dataclass(frozen=True)
class QaReport:
    """One QA JSON file.

    Parameters
    ----------
    path : Path
        The file.
    header : dict
        Primary header cards of the product, values unchecked.
    sections : dict of str to Any
        What was measured, by the section's title: the ``data`` of each section, unchecked.
    """

    path: Path
    header: dict[str, Any]
    sections: dict[str, Any]


def read_qa(path: Path) -> QaReport:
    """Read any QA JSON.

    Raises
    ------
    ProductError
        If the file can't be read, is no JSON, or isn't laid out as QA JSON is.
    """
    content = read_json(path, _LARGEST_BYTES, "fetch it again")
    header = content.get("header") if isinstance(content, dict) else None
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(header, dict) or not isinstance(data, dict):
        raise ProductError(f"{path}: no QA JSON (it needs the objects 'header' and 'data')")
    sections = {k: v["data"] for k, v in data.items() if isinstance(v, dict) and "data" in v}
    return QaReport(path, header, sections)


def read_source_counts(report: QaReport) -> tuple[int, int]:
    """Take the numbers of point and segment catalog sources from a ``num_sources`` report.

    Returns
    -------
    point, segment : int
        Sources in the two catalogs of the total.

    Raises
    ------
    ProductError
        If they aren't there or aren't counts.
    """
    section = report.sections.get("number_of_sources")
    counts = section if isinstance(section, dict) else {}
    point, segment = as_count(counts.get("point")), as_count(counts.get("segment"))
    if point is None or segment is None:
        raise ProductError(f"{report.path}: no counts 'point' and 'segment' in number_of_sources")
    return point, segment


def read_gaia_count(report: QaReport) -> int:
    """Take the number of Gaia sources in the footprint from a ``gaia_sources`` report.

    Raises
    ------
    ProductError
        If it isn't there or is no count.
    """
    section = report.sections.get("Number of GAIA sources")
    value = section.get("Number of GAIA sources") if isinstance(section, dict) else None
    count = as_count(value)
    if count is None:
        raise ProductError(f"{report.path}: no count 'Number of GAIA sources'")
    return count
