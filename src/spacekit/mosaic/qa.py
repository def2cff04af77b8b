"""QA JSON in the structure of the pipeline's quality analysis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

__all__ = [
    "gaia_sources",
    "indented",
    "interfilter_crossmatch",
    "num_sources",
    "stars_inside",
]

_TABLE: Final = "<class 'astropy.table.table.Table'>"
_DICT: Final = "<class 'dict'>"

_SCALE: Final = "Platescale of the crossmatch reference image"
_SCALE_UNIT: Final = "arcseconds/pixel"

#: How the pipeline describes what it says of a cross-match; of catalogs of points and segments it
#: speaks though it compares filters.
_DETAILS: Final = {
    "reference image name": "Crossmatch reference image name",
    "comparison image name": "Crossmatch comparison image name",
    "reference catalog length": "Number of entries in point catalog",
    "comparison catalog length": "Number of entries in segment catalog",
    "number of cross-matches": "Number of cross-matches between point and segment catalogs",
    "reference image platescale": _SCALE,
}


def _document(primary: fits.Header, source: str, description: str) -> dict[str, Any]:
    header = {
        k: (v.strip() if isinstance(v, str) else v)
        for k, v in primary.items()
        if k and k not in ("HISTORY", "COMMENT") and not (k.startswith("D0") and k[1:4].isdigit())
    }
    now = datetime.now(UTC)
    name = str(primary["FILENAME"])
    parts = name.split("_")
    return {
        "header": header,
        "general information": {
            "telescope": primary.get("TELESCOP", "HST"),
            "proposal_id": primary.get("PROPOSID", ""),
            "instrument": primary["INSTRUME"].strip(),
            "detector": primary["DETECTOR"].strip(),
            "visit": parts[2],
            "filter": "detection" if parts[5] == "total" else parts[5],
            "dataset": parts[6][:6],
            "dataframe_index": name.rsplit("_", 1)[0],
            "imgname": name,
            "generation date": now.strftime("%m/%d/%Y"),
            "generation time": now.strftime("%H:%M:%S"),
            "seconds since epoch": now.timestamp(),
            "commit id": "main",
            "data_source": f"svm_quality_analysis.{source}",
            "description": description,
        },
        "data": {},
    }


def _values(
    data: Mapping[str, Any], descriptions: Mapping[str, str], units: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "original format": _DICT,
        "description": "",
        "data": dict(data),
        "descriptions": dict(descriptions),
        "units": dict(units),
    }


def _columns(
    columns: Mapping[str, NDArray[Any]], descriptions: Mapping[str, str], units: Mapping[str, str]
) -> dict[str, Any]:
    data = {
        name: {
            "dtype": "float64",
            "unit": "None",
            "format": None,
            "data": [float(v) for v in values],
        }
        for name, values in columns.items()
    }
    section = _values(data, descriptions, units)
    section["original format"] = _TABLE
    return section


def num_sources(primary: fits.Header, point: int, segment: int) -> dict[str, Any]:
    """Make the document of source counts of a total product."""
    document = _document(
        primary, "compare_num_sources", "Number of sources in Point and Segment catalogs"
    )
    document["data"]["number_of_sources"] = _values(
        {"detector": primary["DETECTOR"].strip().lower(), "point": point, "segment": segment},
        {
            "detector": "Detector in use",
            "point": "Number of detected sources in Point catalog",
            "segment": "Number of detected sources in Segmented catalog",
        },
        dict.fromkeys(("detector", "point", "segment"), "unitless"),
    )
    return document


def stars_inside(reference: Table, wcs: WCS, weight: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which reference stars lie where a product was exposed.

    Parameters
    ----------
    reference : Table
        With RA and DEC, degrees.
    wcs : WCS
        Of the product.
    weight : ndarray, shape (ny, nx)
        Its WHT.
    """
    x, y = wcs.wcs_world2pix(np.asarray(reference["RA"]), np.asarray(reference["DEC"]), 0)
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    ny, nx = weight.shape
    inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    inside[inside] = weight[row[inside], column[inside]] > 0
    found: NDArray[np.bool_] = inside
    return found


def gaia_sources(primary: fits.Header, stars: Table) -> dict[str, Any]:
    """Make the document of reference stars in a product's footprint."""
    document = _document(primary, "find_gaia_sources", "A table of GAIA sources in image footprint")
    document["data"]["GAIA sources"] = _columns(
        {n: np.asarray(stars[n], dtype=float) for n in ("RA", "DEC", "mag")},
        {"RA": "Right Ascension", "DEC": "Declination", "mag": "AB Magnitude"},
        {"RA": "degrees", "DEC": "degrees", "mag": "unitless"},
    )
    label = "Number of GAIA sources"
    document["data"][label] = _values(
        {label: len(stars)}, {label: f"{label} in image footprint"}, {label: "unitless"}
    )
    return document


def interfilter_crossmatch(
    primary: fits.Header,
    reference_image: str,
    reference_xy: NDArray[np.float64],
    comparison_xy: NDArray[np.float64],
    pairs: tuple[NDArray[np.int_], NDArray[np.int_]],
) -> dict[str, Any]:
    """Make the document that compares a filter's sources with the reference filter's.

    Parameters
    ----------
    primary : fits.Header
        Of the comparison image.
    reference_image : str
        File name of the reference filter's product.
    reference_xy, comparison_xy : ndarray, shape (n, 2)
        Sources found in each.
    pairs : tuple of ndarray of int
        Indices of matched sources.
    """
    ref, comp = reference_xy[pairs[0]], comparison_xy[pairs[1]]
    document = _document(
        primary,
        "compare_interfilter_crossmatches",
        "Interfilter cross-matched comparison and reference catalog X and Y values",
    )
    data = document["data"]
    sources = (len(reference_xy), len(comparison_xy), len(ref))
    data["Interfilter cross-match details"] = _details(primary, reference_image, *sources)
    names = ("xcentroid_ref", "ycentroid_ref")
    for label, xy in (("reference", ref), ("comparison", comp)):
        data[f"Interfilter cross-matched {label} catalog"] = _columns(
            dict(zip(names, xy.T, strict=True)),
            {n: n for n in names},
            dict.fromkeys(names, "pixels"),
        )
    delta = comp - ref
    for axis, name in enumerate(names):
        label = f"Interfilter cross-matched {name} comparison - reference separation statistics"
        data[label] = _separation(delta[:, axis], primary["D001SCAL"])
    said = ("delta_x", "delta_y")  # not by the names of the columns: so it is in the pipeline's
    data["Interfilter cross-matched comparison - reference separations"] = _columns(
        {f"delta_{name}": column for name, column in zip(names, delta.T, strict=True)},
        {n: n for n in said},
        dict.fromkeys(said, "pixels"),
    )
    return document


def _details(
    primary: fits.Header, reference_image: str, reference: int, comparison: int, matched: int
) -> dict[str, Any]:
    """Say how many sources the two have, and how many of them match."""
    details = {
        "reference image name": reference_image,
        "comparison image name": primary["FILENAME"],
        "reference catalog length": reference,
        "comparison catalog length": comparison,
        "number of cross-matches": matched,
        "percent of all identified reference sources crossmatched": 100
        * matched
        / max(reference, 1),
        "percent of all identified comparison sources crossmatched": 100
        * matched
        / max(comparison, 1),
        "reference image platescale": primary["D001SCAL"],
    }
    units = dict.fromkeys(details, "unitless") | {"reference image platescale": _SCALE_UNIT}
    return _ordered(details, {k: _DETAILS.get(k, k) for k in details}, units)


def _ordered(
    data: Mapping[str, Any], descriptions: Mapping[str, str], units: Mapping[str, str]
) -> dict[str, Any]:
    section = _values(data, descriptions, units)
    section["original format"] = "<class 'collections.OrderedDict'>"
    return section


def _separation(values: NDArray[np.float64], scale_arcsec: float) -> dict[str, Any]:
    """Give statistics of separations along an axis, pixels."""
    from astropy.stats import sigma_clipped_stats

    mean, median, deviation = sigma_clipped_stats(values, sigma=3, maxiters=3)
    statistics = {
        "Non-clipped min": float(values.min()),
        "Non-clipped max": float(values.max()),
        "Non-clipped mean": float(values.mean()),
        "Non-clipped median": float(np.median(values)),
        "Non-clipped standard deviation": float(values.std()),
        "3x3 sigma-clipped mean": float(mean),
        "3x3 sigma-clipped median": float(median),
        "3x3 sigma-clipped standard deviation": float(deviation),
    }
    descriptions = {
        k: f"{k} of differences" if k.endswith("deviation") else f"{k} difference"
        for k in statistics
    }
    label = "Reference image platescale"
    return _ordered(
        statistics | {label: scale_arcsec},
        descriptions | {label: _SCALE},
        dict.fromkeys(statistics, "pixels") | {label: _SCALE_UNIT},
    )


def indented(value: Any, margin: str = "") -> str:
    """Give JSON with an indent of 4, as `json.dumps` does, which is slow with long lists.

    Raises
    ------
    ValueError
        If a number isn't finite.
    """
    inner = margin + "    "
    if isinstance(value, dict) and value:
        members = (f"{json.dumps(k)}: {indented(v, inner)}" for k, v in value.items())
        body = f",\n{inner}".join(members)
        return f"{{\n{inner}{body}\n{margin}}}"
    if isinstance(value, list) and value and not isinstance(value[0], list | dict):
        items = json.dumps(value, allow_nan=False, separators=(f",\n{inner}", ": "))
        return f"[\n{inner}{items[1:-1]}\n{margin}]"
    return json.dumps(value, allow_nan=False)
