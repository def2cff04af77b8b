"""Headers of simulated exposures: the keywords the pipeline, prep and people look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from spacekit.simulate.detectors import Detector, Filter
from spacekit.simulate.priors import PRIORS, Fit

__all__ = ["Identity", "Taken", "primary_header", "science_header"]


@dataclass(frozen=True)
class Identity:
    """What a visit is called and when it was taken.

    Parameters
    ----------
    proposal : int
        PROPOSID.
    ipppss : str
        Instrument letter, program, visit.
    target : str
        TARGNAME.
    ra_deg, dec_deg : float
        Target.
    start_mjd : float
        Of the first exposure.
    moving : bool
        MTFLAG.
    """

    proposal: int
    ipppss: str
    target: str
    ra_deg: float
    dec_deg: float
    start_mjd: float
    moving: bool = False


@dataclass(frozen=True)
class Taken:
    """What the headers of an exposure tell of.

    Parameters
    ----------
    detector, band : Detector, Filter
        What took it.
    identity : Identity
        Of the visit.
    filename : str
        Of the exposure.
    exptime_s, delay_s : float
        Exposure time, and start since the visit's first exposure.
    orient_deg : float
        Of the detector.
    subarray : bool
        SUBARRAY.
    prior : str
        Key of `PRIORS`.
    fit : Fit or None
        RMS and matches, where there are any.
    """

    detector: Detector
    band: Filter
    identity: Identity
    filename: str
    exptime_s: float
    delay_s: float
    orient_deg: float
    subarray: bool
    prior: str
    fit: Fit | None

    @property
    def root(self) -> str:
        """Rootname."""
        return self.filename.split("_", maxsplit=1)[0]

    @property
    def start(self) -> Time:
        """When it began."""
        mjd = self.identity.start_mjd + self.delay_s / 86400.0
        return Time(mjd, format="mjd", scale="utc")


#: Reads of an IR ramp, the zeroth included.
_RAMP_SAMPLES: Final = 14


def primary_header(taken: Taken) -> fits.Header:
    """Write the primary header of an exposure."""
    detector, band = taken.detector, taken.band
    cards = _target_cards(taken) | _exposure_cards(taken)
    cards |= _filter_cards(detector, band) | _camera_cards(detector, taken.exptime_s)
    cards |= _calibration_cards(detector) | _photometry_cards(detector, band)
    cards |= _readout_cards(detector) | _association_cards(taken)
    return fits.Header(list(cards.items()))


def _target_cards(taken: Taken) -> dict[str, Any]:
    """Tell what was looked at, for whom."""
    detector, identity = taken.detector, taken.identity
    return {
        "ORIGIN": "HSTIO/CFITSIO March 2010",
        "DATE": taken.start.isot.split("T")[0],
        "FILENAME": taken.filename,
        "FILETYPE": "SCI",
        "TELESCOP": "HST",
        "INSTRUME": detector.instrument.upper(),
        "EQUINOX": 2000.0,
        "ROOTNAME": taken.root,
        "IMAGETYP": "EXT",
        "PRIMESI": detector.instrument.upper(),
        "TARGNAME": identity.target,
        "RA_TARG": identity.ra_deg,
        "DEC_TARG": identity.dec_deg,
        "PROPOSID": identity.proposal,
        "LINENUM": f"{identity.ipppss[4:]}.001",
        "PR_INV_L": "Simulator",
        "PR_INV_F": "Hap",
    }


def _exposure_cards(taken: Taken) -> dict[str, Any]:
    """Tell when and how it was exposed."""
    detector, start = taken.detector, taken.start
    date, time = start.isot.split("T")
    return {
        "SUNANGLE": 102.848518,
        "MOONANGL": 70.076477,
        "SUN_ALT": 49.04026,
        "FGSLOCK": "FINE",
        "GYROMODE": "T",
        "REFFRAME": "ICRS",
        "MTFLAG": "T" if taken.identity.moving else "",
        "DATE-OBS": date,
        "TIME-OBS": time[:8],
        "EXPSTART": float(start.mjd),
        "EXPEND": float(start.mjd) + taken.exptime_s / 86400.0,
        "EXPTIME": taken.exptime_s,
        "EXPFLAG": "NORMAL",
        "QUALCOM1": "",
        "QUALITY": "",
        "PA_V3": float((taken.orient_deg + 45.0) % 360.0),
        "POSTARG1": 0.0,
        "POSTARG2": 0.0,
        "OBSTYPE": "IMAGING",
        "OBSMODE": "MULTIACCUM" if detector.rates else "ACCUM",
        "SCLAMP": "NONE",
        "NRPTEXP": 1,
        "SUBARRAY": taken.subarray,
        "DETECTOR": detector.name.upper(),
    }


def _calibration_cards(detector: Detector) -> dict[str, Any]:
    return {
        "APERTURE": detector.name.upper(),
        "PROPAPER": "",
        "DIRIMAGE": "NONE",
        "SCAN_TYP": "N",
        "DRIZCORR": "PERFORM",
        "FLATCORR": "COMPLETE",
        "DARKCORR": "COMPLETE",
        "CRCORR": "COMPLETE" if detector.rates else "OMIT",
        "PCTECORR": "COMPLETE" if detector.suffix == "flc" else "OMIT",
        "IDCTAB": f"{detector.letter}ref${detector.idctab}_idc.fits",
        "MDRIZTAB": f"{detector.letter}ref$3562021pi_mdz.fits",
        "DGEOFILE": "N/A",
        "NPOLFILE": "N/A",
        "D2IMFILE": "N/A",
    }


def _photometry_cards(detector: Detector, band: Filter) -> dict[str, Any]:
    return {
        "PHOTMODE": f"{detector.instrument.upper()} {detector.name.upper()} {band.name}",
        "PHOTFLAM": band.photflam,
        "PHOTZPT": -21.1,
        "PHOTPLAM": band.pivot_angstrom,
        "PHOTBW": round(band.pivot_angstrom * 0.11, 1),
    }


def _readout_cards(detector: Detector) -> dict[str, Any]:
    # HRC is read through one corner; the pipeline takes the direction of CTE from it
    cards = {
        "CCDAMP": {"hrc": "C", "sbc": "N/A"}.get(detector.name, "ABCD"),
        "CCDGAIN": detector.gain,
    }
    for letter in "ABCD":
        cards[f"ATODGN{letter}"] = detector.gain
        cards[f"READNSE{letter}"] = detector.header_read_noise_e
    return cards


def _association_cards(taken: Taken) -> dict[str, Any]:
    """Tell what it belongs to, and which distortion its WCS has."""
    association, idctab = f"{taken.identity.ipppss}010", taken.detector.idctab
    return {
        "ASN_ID": association.upper(),
        "ASN_TAB": f"{association}_asn.fits",
        "ASN_MTYP": "EXP-DTH",
        "UPWCSVER": "1.7.2",
        "PYWCSVER": "5.3.3",
        "DISTNAME": f"{idctab}-NOMODEL-NOMODEL",
        "SIPNAME": idctab,
    }


def _camera_cards(detector: Detector, exptime_s: float) -> dict[str, Any]:
    """Give what one kind of detector has and another hasn't; drizzlepac asks for some of it."""
    if detector.rates:
        return {"SAMP_SEQ": "STEP100", "NSAMP": _RAMP_SAMPLES, "SAMPZERO": 2.911756}
    if not detector.is_ccd:
        return {}
    cards = {"DARKTIME": exptime_s, "CRSPLIT": 1, "FLASHDUR": 0.0, "FLASHSTA": "NOT PERFORMED"}
    return cards | ({"CHINJECT": "NONE"} if detector.name == "uvis" else {})


def _filter_cards(detector: Detector, band: Filter) -> dict[str, Any]:
    if detector.instrument != "acs":
        return {"FILTER": band.name}
    if detector.name == "sbc":
        return {"FILTER1": band.name, "FILTER2": "N/A", "FW1OFFST": 0, "FW2OFFST": 0}
    end = "S" if detector.name == "hrc" else "L"
    first = band.name if band.wheel == 1 else f"CLEAR1{end}"
    second = band.name if band.wheel == 2 else f"CLEAR2{end}"
    return {"FILTER1": first, "FILTER2": second, "FW1OFFST": 0, "FW2OFFST": 0}


def science_header(taken: Taken, chip: int, wcs: WCS) -> fits.Header:
    """Write the header of a SCI extension.

    Parameters
    ----------
    taken : Taken
        What the exposure is.
    chip : int
        0-based number in the file.
    wcs : WCS
        What the header says.
    """
    detector, kind = taken.detector, PRIORS[taken.prior]
    name = f"IDC_{detector.idctab}{kind.suffix}"
    cards = _chip_cards(taken, chip) | _wcs_cards(wcs, detector, name)
    cards["WCSTYPE"] = kind.wcstype
    cards["HDRNAME"] = f"{taken.root}_{detector.suffix}_{name}-hlet.fits"
    if (fit := taken.fit) is not None:
        cards |= {
            "RMS_RA": fit.rms_ra_mas,
            "RMS_DEC": fit.rms_dec_mas,
            "NMATCHES": fit.nmatches,
            "FITGEOM": "rscale",
            "CRDER1": fit.rms_ra_mas / 3.6e6,
            "CRDER2": fit.rms_dec_mas / 3.6e6,
        }
    return fits.Header(list(cards.items()))


def _chip_cards(taken: Taken, chip: int) -> dict[str, Any]:
    detector = taken.detector
    cards: dict[str, Any] = {
        "EXTNAME": "SCI",
        "EXTVER": chip + 1,
        "ROOTNAME": taken.root,
        "EXPNAME": taken.root,
        "BUNIT": "ELECTRONS/S" if detector.rates else "ELECTRONS",
        "LTV1": 0.0,
        "LTV2": 0.0,
        "LTM1_1": 1.0,
        "LTM2_2": 1.0,
        "VAFACTOR": 1.0,
        "NCOMBINE": 1,
        **_photometry_cards(detector, taken.band),
        "RADESYS": "ICRS",
        "MDRIZSKY": 0.0,
        "RA_APER": taken.identity.ra_deg,
        "DEC_APER": taken.identity.dec_deg,
        "MEANDARK": 0.0,
        "IDCTAB": "N/A",
        "NPOLFILE": "N/A",
        "D2IMFILE": "N/A",
    }
    return cards | ({"CCDCHIP": detector.n_chips - chip} if detector.is_ccd else {})


def _wcs_cards(wcs: WCS, detector: Detector, name: str) -> dict[str, Any]:
    """Primary WCS with SIP, the alternate "A" of the distortion alone, and the linear one "O"."""
    cd, crval, crpix = wcs.wcs.cd, wcs.wcs.crval, wcs.wcs.crpix
    cards: dict[str, Any] = {}
    for key, title in (("O", "OPUS"), ("A", f"IDC_{detector.idctab}"), ("", name)):
        sip = "" if key == "O" else "-SIP"
        cards |= {
            f"WCSNAME{key}": title,
            f"WCSAXES{key}": 2,
            f"CTYPE1{key}": f"RA---TAN{sip}",
            f"CTYPE2{key}": f"DEC--TAN{sip}",
            f"CUNIT1{key}": "deg",
            f"CUNIT2{key}": "deg",
        }
        for axis in (0, 1):
            cards[f"CRVAL{axis + 1}{key}"] = float(crval[axis])
            cards[f"CRPIX{axis + 1}{key}"] = float(crpix[axis])
            for other in (0, 1):
                cards[f"CD{axis + 1}_{other + 1}{key}"] = float(cd[axis, other])
    for letter, terms in (("A", detector.sip_a), ("B", detector.sip_b)):
        cards[f"{letter}_ORDER"] = detector.sip_order
        cards |= {f"{letter}_{p}_{q}": value for (p, q), value in terms.items()}
    l11, l12, l21, l22 = detector.linear_arcsec
    cards |= {"OCX10": l12, "OCX11": l11, "OCY10": l22, "OCY11": l21}
    cards["IDCSCALE"] = detector.scale_arcsec
    cards["IDCTHETA"] = 45.0
    cards["ORIENTAT"] = float(np.degrees(np.arctan2(cd[0, 1], cd[1, 1])))
    return cards
