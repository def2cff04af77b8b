"""What is true of the visits of a set, a row a visit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.accuracy.sets import read_parts
from spacekit.measure.schema import CATEGORIES, DETECTORS, LABEL
from spacekit.skopes.hst.svm.simulate import keeps_exposure_products
from spacekit.visit.truth import ALIGNED_PX
from spacekit.visit.truth import read_truth as visit_truth

__all__ = ["MANY_SOURCES", "between_filters", "read_truth", "read_truths"]

#: With so many usable sources a visit can be judged.
MANY_SOURCES: Final = 10

#: Scenes that look wrong though nothing is.
_HARD_SCENES: Final = frozenset(
    ("blank", "crowded", "cluster", "galaxy-cluster", "big-galaxy", "nebula", "planet")
) | {"moving-target"}
#: Error of the visit as a whole that is one of the hard ones, arcsec.
_ABSOLUTE_ARCSEC: Final = 0.3

_WCS: Final = {code: name for name, code in CATEGORIES["wcs"].items()}


def read_truths(work: Path, name: str) -> pd.DataFrame:
    """Read the truth of every visit of a set, in the order of its tables."""
    rows = []
    for table, part in read_parts(work, name):
        for row in table.to_dict("records"):
            measured = {str(name): value for name, value in row.items()}
            content = read_truth(part, measured["index"])
            rows.append({"part": part.name, **_row(measured, content)})
    return pd.DataFrame(rows)


def read_truth(part: Path, index: str) -> dict[str, Any]:
    """Read the truth of one visit: its entry, with what the visit was drawn as in ``spec``."""
    path = part / "truth" / f"{index.rpartition('_')[2]}.json"
    truth = visit_truth(path)
    return {**truth.mosaics[index].entry, "spec": truth.spec}


def _row(row: dict[str, Any], truth: dict[str, Any]) -> dict[str, Any]:
    spec = truth["spec"]
    exposures = sum(spec["counts"])
    hard = spec["scene"] in _HARD_SCENES or exposures == 1 or row["gaia"] < 12
    hard |= float(np.hypot(*spec["absolute_arcsec"])) > _ABSOLUTE_ARCSEC
    offset = truth["offset_px"]
    return {
        "index": row["index"],
        "label": np.nan if pd.isna(row[LABEL]) else float(row[LABEL]),
        "offset_px": offset,
        "total_offset_px": truth["total_offset_px"],
        "filters_offset_px": between_filters(truth["filters"].values()),
        "mode": truth["mode"] if offset > ALIGNED_PX else "aligned",
        "detector": DETECTORS[int(row["det"])].upper(),
        "wcs": _WCS.get(int(row["wcs"]), "unknown"),
        "gaia": row["gaia"],
        "usable": truth["usable_sources"],
        "format": "full" if spec["size"] is None else f"{spec['size']} px",
        "fit": "accepted" if truth["fit_method"] else "not accepted",
        "filters": len(spec["filters"]),
        "exposures": exposures,
        "scene": spec["scene"],
        "hard": bool(hard),
        "folder_exposures": keeps_exposure_products(spec["number"], spec["seed"]),
    }


def between_filters(filters: Iterable[dict[str, Any]]) -> float:
    """Give how far filter products lie apart in the middle of the mosaic, px; 0 for one alone."""
    pairs = itertools.combinations([entry["dxdy_px"] for entry in filters], 2)
    return max((math.dist(first, second) for first, second in pairs), default=0.0)
