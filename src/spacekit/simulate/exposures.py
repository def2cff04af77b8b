"""From a scene and a true pointing to calibrated pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from astropy.wcs import WCS
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import signal

from spacekit.simulate.aperture import tangent_plane
from spacekit.simulate.cosmic_rays import Defects, bleed, cosmic_rays
from spacekit.simulate.detectors import Detector, Filter
from spacekit.simulate.extended import add_galaxies, glow_image, sky_matrix
from spacekit.simulate.psf import Psf, add_stars, hst_psf
from spacekit.simulate.sky import Scene

__all__ = ["Conditions", "Pixels", "Projection", "colour_term", "faintest_mag", "render_chip"]

_SATURATED: Final = 256
#: The brightest star, in full wells: beyond that its bleeding would fill whole columns.
_BRIGHTEST: Final = 600.0
_TRAIL_STEPS_PER_PX: Final = 4


@dataclass(frozen=True)
class Conditions:
    """What is the same for all exposures of a visit.

    Parameters
    ----------
    sky : float
        Factor on the filter's typical sky.
    cosmic_rays : float
        Factor on the detector's typical rate.
    focus_bin : int
        Index into `spacekit.simulate.psf.FOCUS_BINS_NM`.
    """

    sky: float = 1.0
    cosmic_rays: float = 1.0
    focus_bin: int = 1


@dataclass(frozen=True)
class Projection:
    """A scene, and where on the sky it is.

    Parameters
    ----------
    scene : Scene
        What is there.
    centre : tuple of float
        RA, Dec of its tangent plane's centre, deg.
    radius_arcsec : float
        Half its side.
    first : Filter
        The filter its magnitudes are in.
    """

    scene: Scene
    centre: tuple[float, float]
    radius_arcsec: float
    first: Filter


@dataclass(frozen=True)
class Pixels:
    """Planes of a chip, as of `spacekit.mosaic.exposure.Chip`."""

    sci: NDArray[np.float32]
    err: NDArray[np.float32]
    dq: NDArray[np.int16]


def colour_term(pivot_angstrom: float) -> float:
    """Magnitudes (AB) a source of V - I = 1 is fainter than in V, by pivot wavelength.

    Read off Castelli & Kurucz colours of dwarfs of 3500 to 8000 K, rounded.
    """
    pivots = [1200.0, 1600.0, 2500.0, 3400.0, 4350.0, 5900.0, 8050.0, 11500.0, 15400.0]
    terms = [5.5, 5.0, 3.8, 2.3, 1.2, 0.0, -0.9, -1.3, -1.6]
    return float(np.interp(pivot_angstrom, pivots, terms))


def faintest_mag(detector: Detector, band: Filter, exptime_s: float, sky: float) -> float:
    """AB magnitude that gives 5 sigma in 9 pixels that hold 70% of the light."""
    variance = 9 * (band.sky_e_s * sky * exptime_s + detector.read_noise_e**2 + 0.2)
    electrons = 5 * np.sqrt(variance) + 12.0
    return float(band.zeropoint_ab - 2.5 * np.log10(electrons / 0.7 / exptime_s))


def _rates(
    mag: NDArray[np.float64], colour: NDArray[np.float64], band: Filter, first: Filter
) -> NDArray[np.float64]:
    shift = colour_term(band.pivot_angstrom) - colour_term(first.pivot_angstrom)
    rate = 10 ** (-0.4 * (mag + colour * shift - band.zeropoint_ab))
    return np.asarray(rate)


def render_chip(  # noqa: PLR0913, PLR0917
    view: Projection,
    detector: Detector,
    band: Filter,
    wcs: WCS,
    shape: tuple[int, int],
    exptime_s: float,
    conditions: Conditions,
    defects: Defects,
    trail_px: tuple[float, float],
    rng: Generator,
) -> Pixels:
    """Render one chip of one exposure.

    Parameters
    ----------
    view : Projection
        What is there.
    detector, band : Detector, Filter
        What looks at it.
    wcs : WCS
        Where it really points.
    shape : tuple of int
        (ny, nx).
    exptime_s : float
        Exposure time.
    conditions : Conditions
        Sky, cosmic rays, focus.
    defects : Defects
        Of this chip.
    trail_px : tuple of float
        Drift within the exposure, detector pixels (x, y).
    rng : Generator
        Of the noise.
    """
    psf = hst_psf(detector.name, band.name, conditions.focus_bin)
    sky = band.sky_e_s * conditions.sky
    expected = np.full(shape, sky * exptime_s, np.float32)
    expected += _diffuse(view, band, wcs, shape, sky, psf) * np.float32(exptime_s)
    noise = float(np.sqrt(sky * exptime_s + detector.read_noise_e**2 + 0.2))
    limit = _BRIGHTEST * detector.full_well_e
    _draw_stars(expected, view, band, wcs, psf, exptime_s, limit, noise, trail_px)
    expected *= defects.response
    expected += defects.hot * np.float32(exptime_s)
    return _detect(expected, detector, exptime_s, conditions, defects, rng)


def _sky_positions(
    view: Projection, east: NDArray[np.float64], north: NDArray[np.float64], wcs: WCS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if east.size == 0:
        return east, north
    ra, dec = tangent_plane(*view.centre).wcs_pix2world(east, north, 0)
    x, y = wcs.all_world2pix(ra, dec, 0, tolerance=1e-4, maxiter=30, quiet=True)
    return np.asarray(x), np.asarray(y)


def _diffuse(  # noqa: PLR0913, PLR0917
    view: Projection, band: Filter, wcs: WCS, shape: tuple[int, int], sky: float, psf: Psf
) -> NDArray[np.float32]:
    """Galaxies and glow, electrons/s."""
    image = np.zeros(shape, np.float32)
    galaxies, glow = view.scene.galaxies, view.scene.glow
    if galaxies.mag.size:
        x, y = _sky_positions(view, galaxies.east, galaxies.north, wcs)
        flux = _rates(galaxies.mag, galaxies.colour, band, view.first)
        add_galaxies(image, galaxies, x, y, flux, sky_matrix(wcs))
        image = signal.oaconvolve(image, psf.optics, mode="same").astype(np.float32)
        np.clip(image, 0.0, None, out=image)
    if glow is not None:
        dimmed = 1.0 if band == view.first else 10 ** (-0.4 * glow.colour)
        plane = tangent_plane(*view.centre)
        image += np.float32(sky * dimmed) * glow_image(glow, wcs, plane, view.radius_arcsec, shape)
    return image


def _draw_stars(  # noqa: PLR0913, PLR0917
    image: NDArray[np.float32],
    view: Projection,
    band: Filter,
    wcs: WCS,
    psf: Psf,
    exptime_s: float,
    limit: float,
    noise: float,
    trail_px: tuple[float, float],
) -> None:
    stars = view.scene.stars
    x, y = _sky_positions(view, stars.east, stars.north, wcs)
    flux = np.minimum(_rates(stars.mag, stars.colour, band, view.first) * exptime_s, limit)
    margin, (ny, nx) = 90, image.shape
    near = (x > -margin) & (x < nx + margin) & (y > -margin) & (y < ny + margin)
    near &= flux > 0.02 * noise
    x, y, flux = x[near], y[near], flux[near]
    length = float(np.hypot(*trail_px))
    steps = 1 if length < 0.05 else max(3, round(length * _TRAIL_STEPS_PER_PX))
    # The exposure's time-averaged position is where the WCS says.
    for share in (np.arange(steps) + 0.5) / steps - 0.5:
        add_stars(image, psf, x + share * trail_px[0], y + share * trail_px[1], flux / steps, noise)


def _detect(  # noqa: PLR0913, PLR0917
    expected: NDArray[np.float32],
    detector: Detector,
    exptime_s: float,
    conditions: Conditions,
    defects: Defects,
    rng: Generator,
) -> Pixels:
    electrons = rng.poisson(expected).astype(np.float32)
    hits = detector.cosmic_rays * conditions.cosmic_rays * exptime_s * expected.size / 1e6
    if hits > 0:
        # Up the ramp most hits are found; what is left is the last bit of their charge.
        share = 0.25 if detector.rates else 1.0
        electrons += np.float32(share) * cosmic_rays(expected.shape, hits, rng)
    dq = defects.dq.copy()
    if detector.is_ccd:
        saturated = bleed(electrons, detector.full_well_e)
    else:
        saturated = electrons >= detector.full_well_e
    dq[saturated] |= _SATURATED
    variance = np.maximum(electrons, 0.0) + np.float32(detector.read_noise_e**2)
    if detector.read_noise_e > 0:
        noise = rng.standard_normal(expected.shape, dtype=np.float32)
        electrons += np.float32(detector.read_noise_e) * noise
    else:
        variance = np.maximum(variance, 1.0)
    err = np.sqrt(variance).astype(np.float32)
    if detector.rates:
        electrons /= np.float32(exptime_s)
        err /= np.float32(exptime_s)
    return Pixels(electrons, err, dq)
