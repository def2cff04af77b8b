"""Make the pipeline's point and segment catalogs from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

__all__ = [
    "Columns",
    "catalog_header",
    "filter_columns",
    "formats_of",
    "total_columns",
    "typed",
    "units_of",
]

#: A catalog: its columns by name, all of one length.
Columns = dict[str, NDArray[Any]]


def _centre_names(kind: str) -> tuple[str, str]:
    """Give the names of the position columns of a "point" or "segment" catalog."""
    return ("X-Center", "Y-Center") if kind == "point" else ("X-Centroid", "Y-Centroid")


_POINT_ORDER_TEXT: Final = """
MagAp1 MagErrAp1 FluxAp1 FluxErrAp1 MagAp2 MagErrAp2 MSkyAp2 StdevAp2 FluxAp2 FluxErrAp2 CI
Flags
"""
_POINT_ORDER: Final = tuple(_POINT_ORDER_TEXT.split())
_SEGMENT_ORDER_TEXT: Final = """
CI Flags MagAp1 MagErrAp1 FluxAp1 FluxErrAp1 MagAp2 MagErrAp2 FluxAp2 FluxErrAp2 MSkyAp2 Bck
Area FWHM MagSegment FluxSegment FluxSegmentErr KronRadius Xmin Ymin Xmax Ymax X2 Y2 XY CXX
CYY CXY Elongation Ellipticity Theta
"""
_SEGMENT_ORDER: Final = tuple(_SEGMENT_ORDER_TEXT.split())
_FORMATS: Final = {
    "X-": "10.3f",
    "Y-": "10.3f",
    "RA": "13.7f",
    "DEC": "13.7f",
    "ID": "7d",
    "Flags": "5d",
    "Flux": "10.4f",
    "Bck": "10.4f",
    "Xm": "8.0f",
    "Ym": "8.0f",
    "X2": "8.4f",
    "Y2": "8.4f",
    "XY": "8.4f",
    "CXX": "9.5f",
    "CYY": "9.5f",
    "CXY": "9.5f",
    "E": "7.2f",
    "Theta": "8.3f",
    "Area": "8.3f",
    "FWHM": "8.3f",
    "Kron": "8.4f",
}
_UNITS: Final = {
    "Mag": "mag(AB)",
    "CI": "mag(AB)",
    "Flux": "electron / s",
    "Bck": "electron / s",
    "MSky": "electron / (pix s)",
    "Stdev": "electron / (pix s)",
    "Area": "pix2",
    "FWHM": "pix",
    "Kron": "pix",
    "X-": "pix",
    "Y-": "pix",
    "Xm": "pix",
    "Ym": "pix",
    "X2": "pix2",
    "Y2": "pix2",
    "XY": "pix2",
    "CXX": "1 / pix2",
    "CYY": "1 / pix2",
    "CXY": "1 / pix2",
    "Theta": "rad",  # is in degrees, but so it is in the pipeline's catalogs
    "RA": "deg",
    "DEC": "deg",
}
#: Types of a segment catalog's columns that aren't those in which they were measured.
_SEGMENT_TYPES: Final = {
    "ID": "int32",
    "Flags": "int32",
    "Bck": "float32",
    "FluxSegmentErr": "float32",
}


def typed(kind: str, columns: Columns) -> Columns:
    """Give the columns of a "point" or "segment" catalog the types that the pipeline's have."""
    types = _SEGMENT_TYPES if kind == "segment" else {}
    return {n: v.astype(types.get(n.split("_")[0], v.dtype)) for n, v in columns.items()}


def _starting(known: Mapping[str, str], names: Iterable[str], otherwise: str) -> dict[str, str]:
    return {n: next((v for k, v in known.items() if n.startswith(k)), otherwise) for n in names}


def formats_of(names: Iterable[str]) -> dict[str, str]:
    """Give the format in which each column is shown."""
    return _starting(_FORMATS, names, "7.3f")


def units_of(names: Iterable[str]) -> dict[str, str]:
    """Give each column's unit, empty where it has none."""
    return _starting(_UNITS, names, "")


def _positions(
    kind: str, xy: NDArray[np.float64], wcs: WCS, identity: NDArray[np.int64]
) -> Columns:
    ra, dec = wcs.wcs_pix2world(xy[:, 0], xy[:, 1], 0) if len(xy) else (np.empty(0), np.empty(0))
    x_name, y_name = _centre_names(kind)
    return {x_name: xy[:, 0], y_name: xy[:, 1], "RA": ra, "DEC": dec, "ID": identity}


def filter_columns(
    kind: str,
    xy: NDArray[np.float64],
    wcs: WCS,
    columns: Mapping[str, NDArray[Any]],
) -> Columns:
    """Make a filter product's catalog.

    Parameters
    ----------
    kind : str
        "point" or "segment".
    xy : ndarray, shape (n, 2)
        Positions, 0-based.
    wcs : WCS
        Of the mosaic.
    columns : mapping of str to ndarray, shape (n,)
        From `photometry`, for segments also from `segment_shapes`.
    """
    identity = np.arange(1, len(xy) + 1, dtype=np.int64)
    order = _POINT_ORDER if kind == "point" else _SEGMENT_ORDER
    return _positions(kind, xy, wcs, identity) | {n: columns[n] for n in order}


def total_columns(
    kind: str,
    xy: NDArray[np.float64],
    wcs: WCS,
    filters: Mapping[str, Mapping[str, NDArray[Any]]],
    keep: NDArray[np.bool_],
) -> Columns:
    """Make the total's catalog: positions, then three columns a filter.

    Parameters
    ----------
    kind, xy, wcs
        As for `filter_columns`.
    filters : mapping of str to mapping
        By filter, the columns.
    keep : ndarray of bool, shape (n,)
        Sources that stay, under the numbers that they have in the filters' catalogs.
    """
    columns = _positions(kind, xy, wcs, np.arange(1, len(xy) + 1, dtype=np.int64))
    columns = {"ID": columns.pop("ID")} | columns
    for name, measured in filters.items():
        columns[f"MagAP2_{name}"] = measured["MagAp2"]
        columns[f"CI_{name}"] = measured["CI"]
        columns[f"Flags_{name}"] = measured["Flags"]
    return {n: v[keep] for n, v in columns.items()}


def catalog_header(
    primary: fits.Header, sci: fits.Header, name: str, sources: int
) -> dict[str, Any]:
    """Give what the pipeline says at the head of a catalog."""
    keys = {
        "Proposal ID": "PROPOSID",
        "Target Name": "TARGNAME",
        "Date Observed": "DATE-OBS",
        "Time Observed": "TIME-OBS",
        "Instrument": "INSTRUME",
        "Detector": "DETECTOR",
        "Target RA": "RA_TARG",
        "Target DEC": "DEC_TARG",
        "Total Exposure Time": "EXPTIME",
        "Filter 1": "FILTER",
    }
    meta: dict[str, Any] = {k: sci.get(k, "") for k in ("WCSNAME", "WCSTYPE")}
    meta |= {label: primary.get(key, "") for label, key in keys.items()}
    meta["Image File Name"] = name.upper()
    for key in (
        "CRPIX1",
        "CRPIX2",
        "CRVAL1",
        "CRVAL2",
        "CTYPE1",
        "CTYPE2",
        "CD1_1",
        "CD1_2",
        "CD2_1",
        "CD2_2",
    ):
        meta[key] = sci[key]
    meta["Number of sources"] = sources
    return meta
