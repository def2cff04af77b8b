"""A tiny visit: stars on 256 x 256 pixel IR exposures, two filters, two exposures each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS, Sip

from spacekit.mosaic.exposure import Chip, Exposure

SIZE = 256
SCALE_DEG = 0.1282500028610229 / 3600
SECONDS = 600.0


@dataclass
class TinyVisit:
    exposures: list[Exposure]
    reference: Table
    true_wcs: dict[str, tuple[WCS, ...]] = field(default_factory=dict)


def make_wcs(ra: float, dec: float, turn_deg: float = 30.0) -> WCS:
    """TAN with a quadratic distortion of a pixel at the corners."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [SIZE / 2, SIZE / 2]
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    wcs.wcs.cd = SCALE_DEG * np.array([[-c, s], [s, c]])
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    a[1, 1], b[0, 2] = 3e-5, 4e-5
    wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    wcs.pixel_shape = (SIZE, SIZE)
    wcs.wcs.set()
    return wcs


def stars_image(
    wcs: WCS, stars: Table, rng: np.random.Generator, rays: int = 40, units: str = "ELECTRONS/S"
) -> np.ndarray:
    """Gaussian stars, sky, noise and a few cosmic rays, electrons/s."""
    image = np.full((SIZE, SIZE), 1.0)
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    x, y = wcs.all_world2pix(stars["RA"], stars["DEC"], 0)
    for a, b, flux in zip(x, y, stars["flux"], strict=True):
        image += flux / (2 * np.pi) * np.exp(-((xx - a) ** 2 + (yy - b) ** 2) / 2)
    electrons = rng.poisson(image * SECONDS) + rng.normal(0, 12, image.shape)
    for _ in range(rays):
        i, j = rng.integers(8, SIZE - 8, 2)
        electrons[i, j : j + 2] += 8000
    return (electrons / (SECONDS if units.endswith("/S") else 1)).astype(np.float32)


@pytest.fixture
def tiny() -> Callable[..., TinyVisit]:
    """Maker of tiny visits; `shift_px` moves what the headers say, by file name."""

    def make(
        *,
        shift_px: dict[str, tuple[float, float]] | None = None,
        filters: tuple[str, ...] = ("f110w", "f160w"),
        each: int = 2,
        chips: int = 1,
        detector: str = "ir",
        seed: int = 1,
        sources: int = 60,
    ) -> TinyVisit:
        rng = np.random.default_rng(seed)
        ra, dec = 150.0, 40.0
        x, y = rng.uniform(-140, 140, (2, sources))
        stars = Table(
            {
                "objID": np.arange(sources),
                "RA": ra + x * SCALE_DEG / np.cos(np.radians(dec)),
                "DEC": dec + y * SCALE_DEG,
                "mag": np.linspace(18, 21, sources),
                "flux": np.linspace(900, 60, sources),
            }
        )
        units = "ELECTRONS/S" if detector == "ir" else "ELECTRONS"
        exposures, true = [], {}
        for number in range(len(filters) * each):
            name = f"izt101a{chr(97 + number)}q_{'flt' if detector == 'ir' else 'flc'}.fits"
            dither = (number % each) * 3.4
            parts = []
            for chip in range(chips):
                at = dec + (dither + chip * (SIZE + 30)) * SCALE_DEG
                wcs = make_wcs(ra + dither * SCALE_DEG, at)
                said = wcs.deepcopy()
                dx, dy = (shift_px or {}).get(name, (0.0, 0.0))
                said.wcs.crval = wcs.wcs.crval + np.array(
                    [dx * SCALE_DEG / np.cos(np.radians(dec)), dy * SCALE_DEG]
                )
                said.wcs.set()
                sci = stars_image(wcs, stars, rng, units=units)
                header = fits.Header(
                    {
                        "BUNIT": units,
                        "WCSNAME": "IDC_abc-GSC240",
                        "WCSTYPE": "undistorted a priori solution based on GSC240",
                        "PHOTFLAM": 1.53e-20 if "110" in filters[number // each] else 1.94e-20,
                        "PHOTPLAM": 11534.0 if "110" in filters[number // each] else 15369.0,
                    }
                )
                zero = np.zeros((SIZE, SIZE))
                parts.append((Chip(sci, zero.astype(np.int16), said, header), wcs))
            primary = fits.Header(
                {
                    "ROOTNAME": name[:9],
                    "INSTRUME": "WFC3",
                    "DETECTOR": detector.upper(),
                    "FILTER": filters[number // each].upper(),
                    "EXPTIME": SECONDS,
                    "EXPSTART": 56726.0 + number / 100,
                    "EXPEND": 56726.0 + (number + 0.7) / 100,
                    "PROPOSID": 99001,
                    "TARGNAME": "TINY",
                    "RA_TARG": ra,
                    "DEC_TARG": dec,
                    "NSAMP": 14,
                    "READNSEA": 12.0,
                }
            )
            exposures.append(
                Exposure(
                    name,
                    filters[number // each],
                    "wfc3",
                    detector,
                    SECONDS,
                    tuple(p[0] for p in parts),
                    primary,
                )
            )
            true[name] = tuple(p[1] for p in parts)
        return TinyVisit(exposures, stars, true)

    return make
