"""World coordinates to header cards, as HST's files spell them."""

from __future__ import annotations

from astropy.io import fits
from astropy.wcs import WCS

__all__ = ["wcs_cards"]


def wcs_cards(wcs: WCS, *, distortion: bool = True) -> fits.Header:
    """Give the cards of a celestial WCS with a CD matrix and, where it has one, SIP.

    astropy's own `to_header` writes a PC matrix and drops what HST's tools look for.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes, degrees.
    distortion : bool
        Whether SIP coefficients are wanted.
    """
    sip = wcs.sip if distortion else None
    suffix = "-SIP" if sip is not None else ""
    header = fits.Header()
    header["WCSAXES"] = 2
    cd = wcs.pixel_scale_matrix
    for axis in (0, 1):
        n = axis + 1
        header[f"CRPIX{n}"] = float(wcs.wcs.crpix[axis])
        header[f"CRVAL{n}"] = float(wcs.wcs.crval[axis])
        header[f"CTYPE{n}"] = wcs.wcs.ctype[axis].removesuffix("-SIP") + suffix
        header[f"CUNIT{n}"] = "deg"
        for other in (0, 1):
            header[f"CD{n}_{other + 1}"] = float(cd[axis, other])
    header["RADESYS"] = wcs.wcs.radesys or "ICRS"
    if sip is not None:
        for name, order, matrix in (("A", sip.a_order, sip.a), ("B", sip.b_order, sip.b)):
            header[f"{name}_ORDER"] = int(order)
            for p in range(order + 1):
                for q in range(order + 1 - p):
                    if matrix[p, q]:
                        header[f"{name}_{p}_{q}"] = float(matrix[p, q])
    return header
