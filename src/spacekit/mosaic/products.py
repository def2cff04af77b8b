"""Write drizzled products and catalogs under the pipeline's names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from spacekit import __version__
from spacekit.files import replacing
from spacekit.mosaic.drizzle import Stack, plate_scale_arcsec
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.headers import wcs_cards

__all__ = ["photometric", "primary_header", "sci_header", "write_drizzled"]

#: Cards of an exposure's primary header that make no sense for a product.
_DROPPED_TEXT: Final = """
EXTEND NEXTEND ORIGIN DATE ROOTNAME FILENAME LINENUM SUNANGLE MOONANGL SUN_ALT GYROMODE
EXPFLAG QUALCOM1 QUALCOM2 QUALCOM3 POSTARG1 POSTARG2 SAA_EXIT SAA_TIME SAA_DARK SKYSUM
REJ_RATE FILTER ASN_ID ASN_TAB MDRIZSKY DARKTIME SIMPLE BITPIX NAXIS HISTORY COMMENT
PHOTMODE PHOTFLAM PHOTFNU PHOTZPT PHOTPLAM PHOTBW SKYSUB CHECKSUM DATASUM
"""
_DROPPED: Final = frozenset({"", *_DROPPED_TEXT.split()})

#: What an exposure's SCI header says about its WCS solution and products repeat.
_SOLUTION: Final = (
    "WCSNAME",
    "WCSTYPE",
    "RMS_RA",
    "RMS_DEC",
    "CRDER1",
    "CRDER2",
    "NMATCHES",
    "FITGEOM",
    "HDRNAME",
)

#: Keywords of the input chips that HDRTAB lists.
_TABLED_TEXT: Final = """
DATE-OBS EXPSTART EXPEND EXPTIME FILTER FILTER1 FILTER2 INSTRUME DETECTOR APERTURE PA_V3
CRVAL1 CRVAL2 CRPIX1 CRPIX2 CD1_1 CD1_2 CD2_1 CD2_2 ORIENTAT BUNIT IDCSCALE WCSNAME WCSTYPE
RMS_RA RMS_DEC NMATCHES PHOTFLAM PHOTPLAM
"""
_TABLED: Final = tuple(_TABLED_TEXT.split())


def primary_header(
    exposures: Sequence[Exposure], name: str, filter_name: str, wcs: WCS
) -> fits.Header:
    """Blend the exposures' primary headers into a product's.

    Parameters
    ----------
    exposures : sequence of Exposure
        What the product was made of.
    name : str
        The product's file name.
    filter_name : str
        What FILTER says: "detection" for the total, else the filter, upper case.
    wcs : WCS
        Of the mosaic.
    """
    first = exposures[0].header
    own = {
        "EXTEND": True,
        "DATE": str(Time.now().iso)[:10],
        "NEXTEND": 4,
        "FILENAME": name,
        "ROOTNAME": name.rsplit("_", 1)[0],
    }
    # not the cards themselves: a header shares the ones it is given
    kept = [(c.keyword, c.value, c.comment) for c in first.cards if c.keyword not in _DROPPED]
    header = fits.Header([*own.items(), *kept])
    header["FILTER"] = filter_name
    if "FILTER1" in first and filter_name == "detection":
        header["FILTER1"] = header["FILTER2"] = "MULTIPLE"
    seconds = float(sum(e.exptime_s for e in exposures))
    header["EXPTIME"] = header["TEXPTIME"] = seconds
    header["EXPSTART"] = min(float(e.header.get("EXPSTART", 0.0)) for e in exposures)
    header["EXPEND"] = max(float(e.header.get("EXPEND", 0.0)) for e in exposures)
    for key in ("QUALITY", "FGSLOCK", "MTFLAG"):
        header[key] = first.get(key, "")
    header["HAPLEVEL"] = 2
    if header["EXPSTART"] > 0:
        header["DATE-BEG"] = Time(header["EXPSTART"], format="mjd").isot
        header["DATE-END"] = Time(header["EXPEND"], format="mjd").isot
    header["PROD_VER"] = (f"spacekit {__version__}", "software that made this product")
    header["DRIZCORR"] = "COMPLETE"
    _drizzle_cards(
        header, exposures, name, filter_name == "detection", float(wcs.wcs.cd[1, 1]) * 3600
    )
    header["NUMEXP"] = (len(exposures), "number of exposures")
    return header


def _drizzle_cards(
    header: fits.Header, exposures: Sequence[Exposure], name: str, total: bool, scale: float
) -> None:
    chips = [(e, n) for e in exposures for n in range(1, len(e.chips) + 1)]
    header["NDRIZIM"] = len(chips)
    for k, (exposure, version) in enumerate(chips, start=1):
        native = float(
            exposure.chips[version - 1].header.get("IDCSCALE", plate_scale_arcsec(exposure))
        )
        cards: dict[str, Any] = {
            "DATA": f"{_input_name(exposure, name)}[sci,{version}]",
            "DEXP": exposure.exptime_s,
            "OUDA": name,
            "WTSC": 1,
            "KERN": "square",
            "PIXF": 1.0,
            "COEF": "SIP",
            "OUUN": "cps",
            "FVAL": 0.0 if total else "INDEF",
            "SCAL": scale,
            "ISCL": native,
        }
        for key, value in cards.items():
            header[f"D{k:03d}{key}"] = value


def _input_name(exposure: Exposure, product: str) -> str:
    """Name an exposure as the pipeline renames it before it drizzles: as the exposure's product."""
    visit = "_".join(product.split("_")[:5])
    ending = exposure.filename.rpartition("_")[2]
    return f"{visit}_{exposure.filter.lower()}_{exposure.rootname[:8].lower()}_{ending}"


def sci_header(exposures: Sequence[Exposure], wcs: WCS, stack: Stack) -> fits.Header:
    """Make the header of a product's SCI extension.

    The kind of WCS, its rms and matches are those of the first exposure's header: fresh ones
    of this run, those left by an earlier one, or none.

    Parameters
    ----------
    exposures : sequence of Exposure
        What the product was made of; their headers tell the final solution.
    wcs : WCS
        Of the mosaic.
    stack : Stack
        The product.
    """
    first = exposures[0].chips[0].header
    header = fits.Header()
    header["ROOTNAME"] = header["EXPNAME"] = exposures[0].rootname
    header["BUNIT"] = "ELECTRONS/S"
    header["NCOMBINE"] = sum(len(e.chips) for e in exposures)
    for key in ("PA_APER", "RA_APER", "DEC_APER"):
        if key in first:
            header[key] = first[key]
    header.update(wcs_cards(wcs))
    header["ORIENTAT"] = 0.0
    header["VAFACTOR"] = 1.0
    for key in _SOLUTION:
        if key in first:
            header[key] = first[key]
    header["S_REGION"] = _region(wcs, stack)
    for key in ("PHOTMODE", "PHOTFLAM", "PHOTFNU", "PHOTZPT", "PHOTPLAM", "PHOTBW"):
        values = [v for e in exposures if (v := photometric(e, key)) is not None]
        if values and all(isinstance(v, float | int) for v in values):
            header[key] = float(np.mean(values))
        elif values:
            header[key] = values[0]
    return header


def photometric(exposure: Exposure, key: str) -> Any:
    """Give a photometric keyword, from the SCI header or the primary one; None where absent."""
    return exposure.chips[0].header.get(key, exposure.header.get(key))


def _region(wcs: WCS, stack: Stack) -> str:
    """Outline the footprint by its four extreme pixels, as the archive's S_REGION does."""
    exposed = stack.wht > 0
    rows, columns = (np.flatnonzero(exposed.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return ""
    left, right, bottom, top = columns[0], columns[-1], rows[0], rows[-1]
    # of several the first, from below and from the left
    x = [left, np.argmax(exposed[bottom]), right, np.argmax(exposed[top])]
    y = [np.argmax(exposed[:, left]), bottom, np.argmax(exposed[:, right]), top]
    ra, dec = wcs.wcs_pix2world(x, y, 0)
    numbers = [f"{v}" for pair in zip((*ra, ra[0]), (*dec, dec[0]), strict=True) for v in pair]
    return "POLYGON ICRS " + " ".join(numbers) + " "


def _header_table(exposures: Sequence[Exposure]) -> fits.BinTableHDU:
    """Make HDRTAB: a row for each input chip, a column for each keyword of `_TABLED` they share.

    The pipeline tables some 270 keywords; astropy takes a second to write so many columns.
    """
    rows: list[dict[str, Any]] = []
    for exposure in exposures:
        for version, chip in enumerate(exposure.chips, start=1):
            merged = {k: h[k] for h in (exposure.header, chip.header) for k in _TABLED if k in h}
            rows.append(
                {"ROOTNAME": exposure.rootname, "EXTNAME": "SCI", "EXTVER": version} | merged
            )
    shared = [k for k in rows[0] if all(k in r for r in rows)]
    columns = []
    for key in shared:
        values = [r[key] for r in rows]
        if len({type(v) for v in values}) > 1:
            values = [str(v) for v in values]
        array = np.array(values)
        form = {"U": f"{array.dtype.itemsize // 4 or 1}A", "b": "L", "i": "K"}.get(
            array.dtype.kind, "D"
        )
        columns.append(fits.Column(name=key, format=form, array=array))
    return fits.BinTableHDU.from_columns(columns, name="HDRTAB")


def write_drizzled(
    path: Path, primary: fits.Header, sci: fits.Header, stack: Stack, exposures: Sequence[Exposure]
) -> Path:
    """Write a drz or drc file: PRIMARY, SCI, WHT, CTX, HDRTAB; whole or not at all.

    Where nothing was exposed a total holds 0, a filter or exposure product NaN, as the
    pipeline's do.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    plain = fits.Header(
        [
            (c.keyword, c.value, c.comment)
            for c in sci.cards
            if c.keyword not in _SOLUTION or c.keyword.startswith("WCS")
        ]
    )
    plain["BUNIT"] = "UNITLESS"
    for key in ("S_REGION", "PHOTMODE", "PHOTFLAM", "PHOTFNU", "PHOTZPT", "PHOTPLAM", "PHOTBW"):
        plain.remove(key, ignore_missing=True)
    others = [
        fits.ImageHDU(stack.wht, header=plain, name="WHT", ver=1),
        fits.ImageHDU(stack.ctx, header=plain, name="CTX", ver=1),
        _header_table(exposures),
    ]
    with replacing(path) as part:
        # by itself: of a filter's product it is a copy, as large as the others
        _science_hdus(primary, sci, stack).writeto(part, output_verify="ignore")
        for hdu in others:
            fits.append(part, hdu.data, hdu.header, verify=False)
    return path


def _science_hdus(primary: fits.Header, sci: fits.Header, stack: Stack) -> fits.HDUList:
    pixels = stack.sci
    if primary["FILTER"] != "detection":
        pixels = np.where(stack.wht > 0, pixels, np.float32(np.nan))
    image = fits.ImageHDU(pixels, header=sci, name="SCI", ver=1)
    return fits.HDUList([fits.PrimaryHDU(header=primary), image])
