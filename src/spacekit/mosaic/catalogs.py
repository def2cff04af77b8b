"""Measure sources and make the pipeline's point and segment catalogs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.detect import DetectionSettings

__all__ = [
    "MISSING",
    "Photometry",
    "ab_magnitude",
    "catalog_header",
    "centre_names",
    "filter_table",
    "photometry",
    "segment_shapes",
    "total_table",
    "trimmed",
]

#: What the pipeline writes where a number can't be measured.
MISSING: Final = -9999.0

#: Radii of the sky annulus, arcsec (SVM catalog parameter files).
_SKY_ARCSEC: Final = (0.25, 0.5)

#: A source whose smallest flag exceeds this in every filter is dropped (`flag_trim_value`).
_FLAG_TRIM: Final = 5

_STARS, _EXTENDED, _FAINT, _HOT = 0, 1, 8, 16


@dataclass(frozen=True)
class Photometry:
    """What aperture photometry needs to know about one filter's image.

    Parameters
    ----------
    image : ndarray, shape (ny, nx), float32
        Electrons/s.
    rms : float
        Of its background.
    scale_arcsec : float
        Plate scale.
    photflam, photplam : float
        Inverse sensitivity (erg/s/cm2/A per electron/s) and pivot wavelength (A).
    gain : float
        Electrons per count, as the error formula takes it.
    settings : DetectionSettings
        Apertures and limits.
    """

    image: NDArray[np.float32]
    rms: float
    scale_arcsec: float
    photflam: float
    photplam: float
    gain: float
    settings: DetectionSettings


def photometry(what: Photometry, xy: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Measure two apertures, concentration and flags at given positions.

    Parameters
    ----------
    what : Photometry
        The image and its calibration.
    xy : ndarray, shape (n, 2)
        0-based positions.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        The columns of filter catalogs from MagAp1 to Flags.

    Notes
    -----
    Magnitudes are AB: STMAG = -2.5 log10(flux * PHOTFLAM) - 21.10, ABMAG = STMAG -
    5 log10(PHOTPLAM) + 18.6921; errors are DAOPHOT's.
    """
    from photutils.aperture import CircularAperture

    if not len(xy):
        names = ("MagAp1", "MagErrAp1", "FluxAp1", "FluxErrAp1", "MagAp2", "MagErrAp2", "MSkyAp2")
        empty: dict[str, NDArray[Any]] = {
            n: np.empty(0) for n in (*names, "StdevAp2", "FluxAp2", "FluxErrAp2", "CI")
        }
        return empty | {"Flags": np.empty(0, dtype=np.int64)}
    sky, scatter, pixels = _sky(what, xy)
    out: dict[str, NDArray[Any]] = {}
    for n, radius in enumerate(what.settings.apertures_arcsec, start=1):
        aperture = CircularAperture(xy, r=radius / what.scale_arcsec)
        total, _ = aperture.do_photometry(what.image)
        area = aperture.area
        flux = total - sky * area
        variance = area * what.rms**2 / what.gain + area * scatter**2 * (1 + area / pixels)
        error = np.sqrt(variance)
        out |= {f"FluxAp{n}": flux, f"FluxErrAp{n}": error}
        with np.errstate(invalid="ignore", divide="ignore"):
            positive = np.where(flux > 0, flux, np.nan)
            out[f"MagAp{n}"] = ab_magnitude(positive, what.photflam, what.photplam)
            out[f"MagErrAp{n}"] = 1.0857 * error / positive
    out |= {"MSkyAp2": sky, "StdevAp2": scatter, "CI": out["MagAp1"] - out["MagAp2"]}
    out["Flags"] = _flags(out, what.settings)
    return {k: v if k == "Flags" else np.where(np.isfinite(v), v, MISSING) for k, v in out.items()}


def ab_magnitude(
    flux: NDArray[np.float64], photflam: float, photplam: float
) -> NDArray[np.float64]:
    """Give AB magnitudes of fluxes in electrons/s; NaN stays NaN."""
    magnitude: NDArray[np.float64] = (
        -2.5 * np.log10(flux * photflam) - 21.10 - 5 * np.log10(photplam) + 18.6921
    )
    return magnitude


def _sky(
    what: Photometry, xy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the clipped mode, scatter and number of pixels of the annulus around each source."""
    inner, outer = (r / what.scale_arcsec for r in _SKY_ARCSEC)
    reach = int(np.ceil(outer)) + 1
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    ring = (np.hypot(dx, dy) >= inner) & (np.hypot(dx, dy) <= outer)
    x, y = np.rint(xy).astype(int).T
    rows, columns = y[:, None] + dy[ring], x[:, None] + dx[ring]
    ny, nx = what.image.shape
    there = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
    values = what.image[np.clip(rows, 0, ny - 1), np.clip(columns, 0, nx - 1)].astype(np.float64)
    used = there
    for _ in range(5):
        median, scatter = _masked(values, used)
        used = there & (np.abs(values - median[:, None]) <= 3 * scatter[:, None])
    median, scatter = _masked(values, used)
    count = np.maximum(used.sum(axis=1), 1)
    mean = np.where(used, values, 0).sum(axis=1) / count
    return 3 * median - 2 * mean, scatter, count.astype(np.float64)


def _masked(
    values: NDArray[np.float64], used: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give median and standard deviation along rows, of what is used."""
    count = np.maximum(used.sum(axis=1), 1)
    ordered = np.sort(np.where(used, values, np.inf), axis=1)
    rows = np.arange(len(values))
    median = 0.5 * (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2])
    median = np.where(np.isfinite(median), median, 0.0)
    offset = np.where(used, values - median[:, None], 0)
    mean = offset.sum(axis=1) / count
    return median, np.sqrt(np.maximum((offset**2).sum(axis=1) / count - mean**2, 0))


def _flags(columns: Mapping[str, NDArray[Any]], settings: DetectionSettings) -> NDArray[np.int64]:
    low, high = settings.stellar_ci
    ci, error = columns["CI"], np.hypot(columns["MagErrAp1"], columns["MagErrAp2"])
    flags = np.full(ci.shape, _STARS, dtype=np.int64)
    flags[columns["FluxAp2"] < 5 * columns["FluxErrAp2"]] |= _FAINT
    with np.errstate(invalid="ignore"):
        flags[~np.isfinite(error) | (ci < low - error)] |= _HOT
        flags[ci > high] |= _EXTENDED
    return flags


def trimmed(flags: Sequence[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Tell which sources stay in the total catalog: a flag of 5 or less in some filter."""
    keep: NDArray[np.bool_] = np.min(np.stack(flags), axis=0) <= _FLAG_TRIM
    return keep


def segment_shapes(
    image: NDArray[np.float32], labels: NDArray[np.int32], count: int
) -> dict[str, NDArray[Any]]:
    """Measure the shapes of segments from the moments of their pixels (SExtractor's terms).

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Electrons/s.
    labels : ndarray of int, shape (ny, nx)
        1 to `count`.
    count : int
        Number of segments.

    Returns
    -------
    dict of str to ndarray, shape (count,)
    """
    y, x = np.nonzero(labels)
    which = labels[y, x] - 1
    raw = image[y, x].astype(np.float64)
    light = np.maximum(raw, 0)

    def add(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(which, weights, minlength=count).astype(np.float64)

    total = np.maximum(add(light), 1e-30)
    cx, cy = add(light * x) / total, add(light * y) / total
    dx, dy = x - cx[which], y - cy[which]
    floor = 1 / 12  # of a pixel: keeps a line of pixels from having no width
    xx = np.maximum(add(light * dx**2) / total, floor)
    yy = np.maximum(add(light * dy**2) / total, floor)
    limit = 0.99 * np.sqrt(xx * yy)
    xy = np.clip(add(light * dx * dy) / total, -limit, limit)
    mean, half = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
    major, minor = np.sqrt(mean + half), np.sqrt(np.maximum(mean - half, 1e-6))
    determinant = xx * yy - xy**2
    boxes = ndimage.find_objects(labels, max_label=count)
    edges = np.array(
        [
            (b[1].start, b[0].start, b[1].stop - 1, b[0].stop - 1) if b else (0, 0, 0, 0)
            for b in boxes
        ]
    ).reshape(count, 4)
    cxx, cyy, cxy = yy / determinant, xx / determinant, -2 * xy / determinant
    radius = np.sqrt(np.maximum(cxx[which] * dx**2 + cyy[which] * dy**2 + cxy[which] * dx * dy, 0))
    return {
        "X-Centroid": cx,
        "Y-Centroid": cy,
        "Area": np.bincount(which, minlength=count).astype(np.float64),
        "FWHM": 2.3548 * np.sqrt(mean),
        "FluxSegment": add(raw),
        "KronRadius": np.maximum(add(radius * light) / total, 3.5),
        **{n: edges[:, k] for k, n in enumerate(("Xmin", "Ymin", "Xmax", "Ymax"))},
        "X2": xx,
        "Y2": yy,
        "XY": xy,
        "CXX": cxx,
        "CYY": cyy,
        "CXY": cxy,
        "Elongation": major / minor,
        "Ellipticity": 1 - minor / major,
        "Theta": np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)),
    }


def centre_names(kind: str) -> tuple[str, str]:
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
_FORMATS: Final = {"RA": "13.7f", "DEC": "13.7f", "ID": "7d", "Flags": "5d"}
_UNITS: Final = {
    "Mag": "mag(AB)",
    "CI": "mag(AB)",
    "Flux": "electron/s",
    "Bck": "electron/s",
    "MSky": "electron/(s pix)",
    "Stdev": "electron/(s pix)",
    "Area": "pix2",
    "FWHM": "pix",
    "Kron": "pix",
    "X-": "pix",
    "Y-": "pix",
    "RA": "deg",
    "DEC": "deg",
}


def _dress(table: Table) -> Table:
    for name in table.colnames:
        column = table[name]
        column.format = _FORMATS.get(
            name.split("_")[0], "10.3f" if column.dtype.kind == "f" else "5d"
        )
        for start, unit in _UNITS.items():
            if name.startswith(start):
                column.unit = unit
                break
    return table


def _positions(
    kind: str, xy: NDArray[np.float64], wcs: WCS, identity: NDArray[np.int64]
) -> dict[str, Any]:
    ra, dec = wcs.wcs_pix2world(xy[:, 0], xy[:, 1], 0) if len(xy) else (np.empty(0), np.empty(0))
    x_name, y_name = centre_names(kind)
    return {x_name: xy[:, 0], y_name: xy[:, 1], "RA": ra, "DEC": dec, "ID": identity}


def filter_table(
    kind: str,
    xy: NDArray[np.float64],
    wcs: WCS,
    columns: Mapping[str, NDArray[Any]],
) -> Table:
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
    return _dress(Table(_positions(kind, xy, wcs, identity) | {n: columns[n] for n in order}))


def total_table(
    kind: str,
    xy: NDArray[np.float64],
    wcs: WCS,
    filters: Mapping[str, Mapping[str, NDArray[Any]]],
) -> Table:
    """Make the total's catalog: positions, then three columns a filter.

    Parameters
    ----------
    kind, xy, wcs
        As for `filter_table`; `xy` of the sources that stay.
    filters : mapping of str to mapping
        By filter, the columns of the sources that stay.
    """
    columns = _positions(kind, xy, wcs, np.arange(1, len(xy) + 1, dtype=np.int64))
    columns = {"ID": columns.pop("ID")} | columns
    for name, measured in filters.items():
        columns[f"MagAP2_{name}"] = measured["MagAp2"]
        columns[f"CI_{name}"] = measured["CI"]
        columns[f"Flags_{name}"] = measured["Flags"]
    return _dress(Table(columns))


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
