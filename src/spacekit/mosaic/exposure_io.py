"""Read and write calibrated exposures: flt and flc files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from spacekit.errors import ProductError
from spacekit.files import replacing
from spacekit.mosaic.exposure import Chip, Exposure
from spacekit.mosaic.headers import wcs_cards
from spacekit.visit.fits_files import check_pixels, open_fits, read_wcs, readable_cards
from spacekit.visit.values import as_number

__all__ = ["filter_token", "read_exposure", "write_exposure"]

_REQUIRED: Final = ("INSTRUME", "DETECTOR", "EXPTIME", "ROOTNAME")


def filter_token(header: fits.Header) -> str:
    """Give the filter as it stands in product names, lower case.

    ACS has two wheels: what is clear is left out, two filters are joined by a hyphen.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Primary header.

    Raises
    ------
    ProductError
        If no filter is named.
    """
    wheels = [
        str(header[k]).strip().lower() for k in ("FILTER", "FILTER1", "FILTER2") if k in header
    ]
    wheels = [w for w in wheels if w]
    if not wheels:
        raise ProductError("header names no filter (FILTER, or FILTER1 and FILTER2)")
    if "FILTER" in header:
        return wheels[0].replace("/", "-")
    used = [w for w in wheels if not w.startswith(("clear", "n/a"))]
    return "-".join(used) if used else "clear"


def read_exposure(path: Path) -> Exposure:
    """Read an flt or flc file.

    Parameters
    ----------
    path : Path
        Its file name must be that of an exposure ("iza101aaq_flt.fits").

    Raises
    ------
    ProductError
        If the file can't be read, has no science extension, or lacks what processing needs.
    """
    with open_fits(path) as hdus:
        try:
            return _exposure(path, hdus)
        except ProductError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise ProductError(f"{path}: {reason}; use another copy of the exposure") from error


def _exposure(path: Path, hdus: fits.HDUList) -> Exposure:
    primary = readable_cards(hdus[0].header)
    missing = [k for k in _REQUIRED if k not in primary]
    if missing:
        raise ProductError(f"primary header lacks {', '.join(missing)}")
    exptime_s = as_number(primary["EXPTIME"])
    if exptime_s is None or exptime_s <= 0:
        raise ProductError(f"exposure time of {primary['EXPTIME']!a} s makes no sense")
    versions = [h.ver for h in hdus if h.name == "SCI"]
    if not versions:
        raise ProductError("has no SCI extension")
    return Exposure(
        filename=path.name,
        filter=filter_token(primary),
        instrument=str(primary["INSTRUME"]).strip().lower(),
        detector=str(primary["DETECTOR"]).strip().lower(),
        exptime_s=exptime_s,
        chips=tuple(_chip(path, hdus, version) for version in versions),
        header=primary,
    )


def _chip(path: Path, hdus: fits.HDUList, version: int) -> Chip:
    sci = hdus["SCI", version]
    check_pixels(path, sci)
    if sci.data is None or sci.data.ndim != 2:
        raise ProductError(f"SCI extension {version} holds no image")
    err = _plane(path, hdus, ("ERR", version), sci.data.shape)
    dq = _plane(path, hdus, ("DQ", version), sci.data.shape)
    return Chip(
        sci=np.ascontiguousarray(sci.data, dtype=np.float32),
        err=np.ascontiguousarray(err, dtype=np.float32),
        dq=np.ascontiguousarray(dq.astype(np.int16)),
        wcs=read_wcs(path, sci.header, hdus),
        header=readable_cards(sci.header),
    )


def _plane(
    path: Path, hdus: fits.HDUList, key: tuple[str, int], shape: tuple[int, int]
) -> NDArray[np.generic]:
    """Give an extension's pixels; a constant one may be stored as PIXVALUE alone."""
    try:
        hdu = hdus[key]
    except KeyError as error:
        raise ProductError(f"has no {key[0]} extension {key[1]}") from error
    check_pixels(path, hdu)
    if hdu.data is None:
        value = as_number(hdu.header.get("PIXVALUE", 0))
        if value is None:
            raise ProductError(f"{key[0]} extension {key[1]} has no pixels and no PIXVALUE")
        return np.full(shape, value)
    if hdu.data.shape != shape:
        raise ProductError(f"{key[0]} extension {key[1]} is {hdu.data.shape}, its SCI {shape}")
    data: NDArray[np.generic] = hdu.data
    return data


def write_exposure(exposure: Exposure, folder: Path) -> Path:
    """Write an exposure as an flt or flc file, whole or not at all.

    SCI, ERR and DQ for each chip, with SAMP and TIME for IR; the WCS in the headers is the
    chips' own.

    Returns
    -------
    Path
        The file, ``folder / exposure.filename``.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    primary = exposure.header.copy()
    primary["FILENAME"] = exposure.filename
    hdus = [fits.PrimaryHDU(header=primary)]
    for version, chip in enumerate(exposure.chips, start=1):
        hdus += _chip_hdus(exposure, chip, version)
        chip.release()
    hdus[0].header["NEXTEND"] = len(hdus) - 1
    path = folder / exposure.filename
    with replacing(path) as part:
        fits.HDUList(hdus).writeto(part, output_verify="silentfix")
    for chip in exposure.chips:
        chip.release()
    return path


def _chip_hdus(exposure: Exposure, chip: Chip, version: int) -> list[fits.ImageHDU]:
    header = chip.header.copy()
    header.update(wcs_cards(chip.wcs))
    err = _errors(exposure, chip) if chip.err is None else chip.err
    planes: dict[str, NDArray[np.generic]] = {"SCI": chip.sci, "ERR": err, "DQ": chip.dq}
    if exposure.detector == "ir":
        good = (chip.dq & 8192) == 0  # 8192: cosmic ray found during up-the-ramp fitting
        samples = int(exposure.header.get("NSAMP", 16)) - 1
        planes["SAMP"] = np.where(good, samples, samples // 2).astype(np.int16)
        planes["TIME"] = np.full(chip.sci.shape, exposure.exptime_s, dtype=np.float32)
    units = {"DQ": "UNITLESS", "SAMP": "SAMPLES", "TIME": "SECONDS"}
    hdus = []
    for name, data in planes.items():
        bare = fits.Header() if name != "SCI" else header
        if name != "SCI":
            bare.update(wcs_cards(chip.wcs, distortion=False))
        hdu = fits.ImageHDU(data, header=bare, name=name, ver=version)
        hdu.header["ROOTNAME"] = hdu.header["EXPNAME"] = exposure.rootname
        hdu.header["BUNIT"] = units.get(name, header.get("BUNIT", "ELECTRONS"))
        if name in {"SCI", "ERR"}:
            hdu.header.update(_statistics(data, chip.dq))
        hdus.append(hdu)
    return hdus


def _errors(exposure: Exposure, chip: Chip) -> NDArray[np.float32]:
    """Give the errors that calibration gives: photons and read noise, 1 electron at least."""
    seconds = np.float32(exposure.exptime_s if chip.in_rates else 1.0)
    variance = np.maximum(chip.sci * seconds, 0) + np.float32(exposure.read_noise_e**2)
    return np.asarray(np.sqrt(np.maximum(variance, 1.0)) / seconds, np.float32)


def _statistics(data: NDArray[np.generic], dq: NDArray[np.int16]) -> dict[str, float]:
    """Give the cards on good pixels that calibration leaves; drizzlepac drops files without."""
    good = data[(dq == 0) & np.isfinite(data)]
    if not good.size:
        return {"NGOODPIX": 0}
    mean = float(np.mean(good, dtype=np.float64))
    return {
        "NGOODPIX": int(good.size),
        "GOODMIN": float(good.min()),
        "GOODMAX": float(good.max()),
        "GOODMEAN": mean,
    }
