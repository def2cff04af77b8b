"""Aperture photometry of all sources of an image at once, as the pipeline's catalogs do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "Calibration", "Places", "ab_magnitude", "filled", "photometry", "place"]

#: What the pipeline writes where a number can't be measured.
MISSING: Final = -9999.0

#: Radii of the sky annulus, arcsec (SVM catalog parameter files).
_SKY_ARCSEC: Final = (0.25, 0.5)

#: Pixels of sky annuli that are looked at together: bounds the memory.
_CHUNK_PX: Final = 2_000_000

#: Sky values are clipped about their mean until none is this far out, in sigmas.
_CLIP: Final = 3.0


@dataclass(frozen=True)
class Places:
    """Where to measure, and how much of each pixel the apertures cover.

    Parameters
    ----------
    xy : ndarray, shape (n, 2), float64
        0-based positions.
    areas : tuple of float
        Of the apertures, px2.
    cover : tuple of ndarray, shape (n, k, k), float32
        For each aperture the covered part of the pixels around `corner`.
    reach : tuple of int
        For each aperture how many pixels (k - 1) / 2 is.
    sky_px : (float, float)
        Radii of the sky annulus.
    """

    xy: NDArray[np.float64]
    areas: tuple[float, ...]
    cover: tuple[NDArray[np.float32], ...]
    reach: tuple[int, ...]
    sky_px: tuple[float, float]


def place(xy: NDArray[np.float64], radii_arcsec: tuple[float, ...], scale_arcsec: float) -> Places:
    """Lay apertures around positions, once for all filters.

    Parameters
    ----------
    xy : ndarray, shape (n, 2), float64
        0-based positions.
    radii_arcsec : tuple of float
        Of the apertures.
    scale_arcsec : float
        Plate scale.
    """
    from photutils.geometry import circular_overlap_grid

    radii = [r / scale_arcsec for r in radii_arcsec]
    reaches = tuple(int(np.ceil(r + 0.5)) for r in radii)
    offsets = (xy - np.rint(xy)).tolist()
    cover = []
    for radius, reach in zip(radii, reaches, strict=True):
        side, edge = 2 * reach + 1, reach + 0.5
        part = np.empty((len(xy), side, side), dtype=np.float32)
        for k, (dx, dy) in enumerate(offsets):
            part[k] = circular_overlap_grid(
                -edge - dx, edge - dx, -edge - dy, edge - dy, side, side, radius, 1, 1
            )
        cover.append(part)
    areas = tuple(float(np.pi * r**2) for r in radii)
    inner, outer = (r / scale_arcsec for r in _SKY_ARCSEC)
    return Places(xy, areas, tuple(cover), reaches, (inner, outer))


@dataclass(frozen=True)
class Calibration:
    """What turns counts into magnitudes and errors.

    Parameters
    ----------
    rms : float
        Of the background, electrons/s.
    photflam, photplam : float
        Inverse sensitivity (erg/s/cm2/A per electron/s) and pivot wavelength (A).
    gain : float
        Electrons per count, as the error formula takes it: 1 for IR and SBC, else exposure time
        times the amplifiers' mean gain.
    """

    rms: float
    photflam: float
    photplam: float
    gain: float


def photometry(
    image: NDArray[np.float32],
    exposed: NDArray[np.bool_],
    places: Places,
    calibration: Calibration,
) -> dict[str, NDArray[np.float64]]:
    """Measure apertures, sky and concentration.

    Parameters
    ----------
    image : ndarray, shape (ny, nx), float32
        Electrons/s, sky and all.
    exposed : ndarray of bool, shape (ny, nx)
        An aperture that holds a pixel outside measures nothing.
    places : Places
        Where.
    calibration : Calibration
        Of the image.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        The columns of filter catalogs from MagAp1 to CI; NaN where not measurable.

    Notes
    -----
    Magnitudes are AB: STMAG = -2.5 log10(flux * PHOTFLAM) - 21.10, ABMAG = STMAG -
    5 log10(PHOTPLAM) + 18.6921; errors are DAOPHOT's. The sky is the mode (3 median - 2 mean)
    of all pixels that the annulus touches, and is not subtracted before.
    """
    sky, scatter, pixels = _sky(image, exposed, places)
    out: dict[str, NDArray[np.float64]] = {}
    for n, area in enumerate(places.areas, start=1):
        flux = _sums(image, exposed, places, n - 1) - sky * area
        variance = area * calibration.rms**2 / calibration.gain
        error = np.sqrt(variance + area * scatter**2 * (1 + area / pixels))
        with np.errstate(invalid="ignore", divide="ignore"):
            positive = np.where(flux > 0, flux, np.nan)
            magnitude = ab_magnitude(positive, calibration)
            out |= {f"MagAp{n}": magnitude, f"MagErrAp{n}": 1.0857 * error / positive}
        out |= {f"FluxAp{n}": flux, f"FluxErrAp{n}": error}
    return out | {"MSkyAp2": sky, "StdevAp2": scatter, "CI": out["MagAp1"] - out["MagAp2"]}


def ab_magnitude(flux: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    """Give AB magnitudes of fluxes in electrons/s; NaN stays NaN."""
    magnitude: NDArray[np.float64] = (
        -2.5 * np.log10(flux * calibration.photflam)
        - 21.10
        - 5 * np.log10(calibration.photplam)
        + 18.6921
    )
    return magnitude


def _pixels_around(
    exposed: NDArray[np.bool_], xy: NDArray[np.float64], reach: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Give flat indices of the square of pixels around positions, and which are exposed."""
    step = np.arange(-reach, reach + 1)
    x, y = np.rint(xy).astype(np.intp).T
    rows, columns = y[:, None] + step, x[:, None] + step
    ny, nx = exposed.shape
    there = ((rows >= 0) & (rows < ny))[:, :, None] & ((columns >= 0) & (columns < nx))[:, None]
    flat = np.clip(rows, 0, ny - 1)[:, :, None] * nx + np.clip(columns, 0, nx - 1)[:, None]
    there &= exposed.ravel()[flat]
    return flat, there


def _sums(
    image: NDArray[np.float32], exposed: NDArray[np.bool_], places: Places, aperture: int
) -> NDArray[np.float64]:
    """Add up an aperture's light; NaN where a covered pixel isn't exposed."""
    flat, there = _pixels_around(exposed, places.xy, places.reach[aperture])
    cover = places.cover[aperture]
    total = np.einsum("nyx,nyx->n", image.ravel()[flat], cover, dtype=np.float64)
    return np.where(((cover > 0) & ~there).any(axis=(1, 2)), np.nan, total)


def _sky(
    image: NDArray[np.float32], exposed: NDArray[np.bool_], places: Places
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the clipped mode, scatter and number of pixels of the annulus around each source."""
    out = np.zeros((3, len(places.xy)))
    for part in _chunks(places):
        xy = places.xy[part]
        reach = int(np.ceil(places.sky_px[1] + 0.5))
        flat, used = _pixels_around(exposed, xy, reach)
        used &= _touched(xy - np.rint(xy), reach, *places.sky_px)
        out[:, part] = _clipped(image.ravel()[flat].reshape(len(xy), -1), used.reshape(len(xy), -1))
    return out[0], out[1], out[2]


def _chunks(places: Places) -> Iterator[slice]:
    step = max(1, int(_CHUNK_PX / (2 * places.sky_px[1] + 3) ** 2))
    for first in range(0, len(places.xy), step):
        yield slice(first, first + step)


def _touched(
    offset: NDArray[np.float64], reach: int, inner: float, outer: float
) -> NDArray[np.bool_]:
    """Tell which pixels the annulus touches, however little."""
    step = np.arange(-reach, reach + 1)
    dx = np.abs(step - offset[:, :1])[:, None, :]
    dy = np.abs(step - offset[:, 1:])[:, :, None]
    near = np.maximum(dx - 0.5, 0) ** 2 + np.maximum(dy - 0.5, 0) ** 2
    far = (dx + 0.5) ** 2 + (dy + 0.5) ** 2
    touched: NDArray[np.bool_] = (near < outer**2) & (far > inner**2)
    return touched


def _clipped(values: NDArray[np.float32], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give mode, standard deviation and number of each row's values after clipping."""
    busy = np.arange(len(values))
    mean, spread, count = (np.zeros(len(values)) for _ in range(3))
    while busy.size:
        mine, mask = values[busy], used[busy]
        size = np.maximum(np.count_nonzero(mask, axis=1), 1)
        middle = np.where(mask, mine, 0).sum(axis=1, dtype=np.float64) / size
        offset = mine - middle[:, None].astype(np.float32)
        width = np.sqrt(np.where(mask, offset**2, 0).sum(axis=1, dtype=np.float64) / size)
        mean[busy], spread[busy], count[busy] = middle, width, size
        kept = mask & (np.abs(offset) <= _CLIP * width[:, None])
        changed = (kept != mask).any(axis=1)
        used[busy[changed]] = kept[changed]
        busy = busy[changed]
    return np.stack([3 * _medians(values, used) - 2 * mean, spread, count])


def _medians(values: NDArray[np.float32], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the median of each row's used values, 0 where there is none."""
    count = np.count_nonzero(used, axis=1)
    ordered = np.sort(np.where(used, values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[1] - 1)
    middle = 0.5 * (ordered[rows, low].astype(np.float64) + ordered[rows, high])
    result: NDArray[np.float64] = np.where(count > 0, middle, 0.0)
    return result


def filled(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Give columns with `MISSING` where a number isn't finite."""
    return {
        name: np.where(np.isfinite(v), v, MISSING) if v.dtype.kind == "f" else v
        for name, v in columns.items()
    }
