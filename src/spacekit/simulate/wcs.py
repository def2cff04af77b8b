"""Where a detector's pixels lie on the sky: WCS with distortion, and errors put into one."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS, Sip
from numpy.typing import NDArray

from spacekit.simulate.aperture import Aperture, WcsError
from spacekit.simulate.detectors import Detector

__all__ = ["detector_axes", "detector_wcs", "erroneous", "offset_sky", "tangent_plane"]


def offset_sky(
    ra_deg: float, dec_deg: float, east_arcsec: float, north_arcsec: float
) -> tuple[float, float]:
    """Move a position by small angles on the tangent plane; with the cos(dec) that RA needs."""
    plane = tangent_plane(ra_deg, dec_deg)
    ra, dec = plane.wcs_pix2world([east_arcsec], [north_arcsec], 0)
    return float(ra[0]), float(dec[0])


def tangent_plane(ra_deg: float, dec_deg: float) -> WCS:
    """Gnomonic WCS whose 0-based "pixels" are arcsec to the east and to the north."""
    plane = WCS(naxis=2)
    plane.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    plane.wcs.crval = [ra_deg, dec_deg]
    plane.wcs.crpix = [1.0, 1.0]
    plane.wcs.cd = np.eye(2) / 3600.0
    plane.wcs.set()
    return plane


def _rotation(angle_deg: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[c, -s], [s, c]])


def detector_axes(detector: Detector, orient_deg: float) -> NDArray[np.float64]:
    """Give the arcsec to the east and to the north of a step in a detector's x and in its y.

    Parameters
    ----------
    detector : Detector
        Whose pixels.
    orient_deg : float
        Rotation of the detector's axes.

    Returns
    -------
    ndarray, shape (2, 2)
        East and north in rows, x and y in columns.
    """
    linear = np.reshape(detector.linear_arcsec, (2, 2))
    return np.asarray(np.diag([-1.0, 1.0]) @ _rotation(orient_deg) @ linear)  # east is left


def _sip(detector: Detector, crpix: tuple[float, float]) -> Sip:
    n = detector.sip_order + 1
    a, b = np.zeros((n, n)), np.zeros((n, n))
    for (p, q), value in detector.sip_a.items():
        a[p, q] = value
    for (p, q), value in detector.sip_b.items():
        b[p, q] = value
    return Sip(a, b, None, None, crpix)


def _chip_wcs(
    detector: Detector, sky: tuple[float, float], cd: NDArray[np.float64], shape: tuple[int, int]
) -> WCS:
    crpix = (shape[1] / 2, shape[0] / 2)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(sky)
    wcs.wcs.crpix = list(crpix)
    wcs.wcs.cd = cd
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    wcs.sip = _sip(detector, crpix)
    wcs.pixel_shape = (shape[1], shape[0])
    return wcs


def detector_wcs(
    detector: Detector, ra_deg: float, dec_deg: float, orient_deg: float, aperture: Aperture
) -> tuple[WCS, ...]:
    """WCS of each chip, with distortion, for a pointing.

    Parameters
    ----------
    detector : Detector
        Whose geometry.
    ra_deg, dec_deg : float
        Centre of the aperture, ICRS.
    orient_deg : float
        Rotation of the detector's axes.
    aperture : Aperture
        What is read out.

    Returns
    -------
    tuple of WCS
        One a chip, the lower chip first, as in the file.
    """
    sky = detector_axes(detector, orient_deg)
    shapes = aperture.shapes(detector)
    half = (shapes[0][0] + detector.gap_px) / 2
    places = [(0.0, 0.0)] if len(shapes) == 1 else [(0.0, -half), (0.0, half)]
    chips = []
    for shape, place in zip(shapes, places, strict=True):
        east, north = sky @ np.array(place)
        centre = offset_sky(ra_deg, dec_deg, float(east), float(north))
        chips.append(_chip_wcs(detector, centre, sky / 3600.0, shape))
    return tuple(chips)


def erroneous(chips: tuple[WCS, ...], error: WcsError, scale_arcsec: float) -> tuple[WCS, ...]:
    """Put an error into the WCS of an exposure.

    All chips move as one: a roll turns them about the centre of the exposure, not each about
    its own reference pixel. An error of one chip (`WcsError.chip`) moves that chip only.

    Parameters
    ----------
    chips : tuple of WCS
        The true WCS; not changed.
    error : WcsError
        What the header gets wrong.
    scale_arcsec : float
        What "px" is.

    Returns
    -------
    tuple of WCS
        Copies with the error in.
    """
    centre = np.mean([w.wcs.crval for w in _unwrapped(chips)], axis=0)
    plane = tangent_plane(float(centre[0]), float(centre[1]))
    turn = error.scale * _rotation(-error.roll_deg)
    shear = np.array([[1.0, np.tan(np.radians(error.skew_deg))], [0.0, 1.0]])
    matrix = turn @ shear
    shift = np.array([error.dx_px, error.dy_px]) * scale_arcsec
    out = []
    for number, wcs in enumerate(chips):
        new = wcs.deepcopy()
        if error.chip in (None, number):
            place = np.array(plane.wcs_world2pix(*[[v] for v in wcs.wcs.crval], 0))[:, 0]
            moved = matrix @ place + shift
            sky = plane.wcs_pix2world([moved[0]], [moved[1]], 0)
            new.wcs.crval = [float(v[0]) for v in sky]
            new.wcs.cd = matrix @ wcs.wcs.cd
            new.wcs.set()
        out.append(new)
    return tuple(out)


def _unwrapped(chips: tuple[WCS, ...]) -> tuple[WCS, ...]:
    """Chips with their RA on one side of 0 h, so that it can be averaged."""
    first = chips[0].wcs.crval[0]
    out = []
    for wcs in chips:
        new = wcs.deepcopy()
        ra = first + (wcs.wcs.crval[0] - first + 180.0) % 360.0 - 180.0
        new.wcs.crval = [ra, wcs.wcs.crval[1]]
        out.append(new)
    return tuple(out)
