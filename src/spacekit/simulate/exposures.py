"""From a scene and a true pointing to calibrated pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from astropy.wcs import WCS
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.simulate.conditions import Conditions
from spacekit.simulate.defects import Defects
from spacekit.simulate.detectors import Detector, Filter
from spacekit.simulate.extended import add_disc, add_galaxies, blur, glow_image, sky_matrix
from spacekit.simulate.ghosts import add_ghosts, ghosts_of
from spacekit.simulate.objects import Galaxies, Moving, Stars
from spacekit.simulate.place import PsfField, psf_field
from spacekit.simulate.psf import Psf, add_stars, hst_psf
from spacekit.simulate.readout import Pixels, read_out
from spacekit.simulate.sky import Scene
from spacekit.simulate.wcs import tangent_plane

__all__ = [
    "Pixels",
    "Projection",
    "Shutter",
    "faintest_mag",
    "render_chip",
    "usable_points",
]

#: The brightest star, in full wells: beyond that its bleeding would fill whole columns.
_BRIGHTEST: Final = 600.0
_TRAIL_STEPS_PER_PX: Final = 4
_NO_TRAIL_PX: Final = 0.05
_MOST_TRAIL_STEPS: Final = 400
#: Something extended that moves is drawn at so many places of a trail at most.
_MOST_SMEARS: Final = 12
#: What stays below this fraction of the noise need not be blurred.
_UNBLURRED: Final = 0.1
#: A star's core: so many pixels hold this share of its light.
_CORE_PX: Final = 9
_CORE_LIGHT: Final = 0.7
#: What makes a source usable to align by: S/N in its core, and distance from the chip's edge.
_USABLE_SNR: Final = 20.0
_USABLE_EDGE_PX: Final = 5
#: Stars within this distance (px) of a chip reach into it; ghosts come from farther away.
_MARGIN_PX: Final = 90


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
class Shutter:
    """How an exposure was taken.

    Parameters
    ----------
    band : Filter
        Through what.
    exptime_s : float
        Exposure time.
    start_s : float
        Since the start of the visit's first exposure.
    trail_px : tuple of float
        Drift of the telescope within the exposure, detector pixels (x, y).
    """

    band: Filter
    exptime_s: float
    start_s: float = 0.0
    trail_px: tuple[float, float] = (0.0, 0.0)

    def trail(self) -> NDArray[np.float64]:
        """Give places along the drift, detector pixels, shape (n, 2); one without a drift.

        The exposure's time-averaged position is where the WCS says.
        """
        length = float(np.hypot(*self.trail_px))
        steps = 1 if length < _NO_TRAIL_PX else max(3, round(length * _TRAIL_STEPS_PER_PX))
        shares = (np.arange(steps) + 0.5) / steps - 0.5
        return np.outer(shares, self.trail_px)


def _colour_term(pivot_angstrom: float) -> float:
    """Magnitudes (AB) a source of V - I = 1 is fainter than in V, by pivot wavelength.

    Read off Castelli & Kurucz colours of dwarfs of 3500 to 8000 K, rounded.
    """
    pivots = [1200.0, 1600.0, 2500.0, 3400.0, 4350.0, 5900.0, 8050.0, 11500.0, 15400.0]
    terms = [5.5, 5.0, 3.8, 2.3, 1.2, 0.0, -0.9, -1.3, -1.6]
    return float(np.interp(pivot_angstrom, pivots, terms))


def faintest_mag(detector: Detector, band: Filter, exptime_s: float, sky: float) -> float:
    """AB magnitude that gives 5 sigma in 9 pixels that hold 70% of the light."""
    variance = _CORE_PX * (band.sky_e_s * sky * exptime_s + detector.read_noise_e**2 + 0.2)
    electrons = 5 * np.sqrt(variance) + 12.0
    return float(band.zeropoint_ab - 2.5 * np.log10(electrons / _CORE_LIGHT / exptime_s))


def render_chip(  # noqa: PLR0913, PLR0917
    view: Projection,
    detector: Detector,
    shutter: Shutter,
    wcs: WCS,
    number: int,
    corner: tuple[int, int],
    conditions: Conditions,
    defects: Defects,
    rng: Generator,
) -> Pixels:
    """Render one chip of one exposure.

    Parameters
    ----------
    view : Projection
        What is there.
    detector : Detector
        What looks at it.
    shutter : Shutter
        How.
    wcs : WCS
        Where it really points.
    number : int
        0-based number of the chip in the file; the second is read out at its upper edge.
    corner : tuple of int
        Where in the detector's field it starts, see `Aperture.corners`.
    conditions : Conditions
        Sky, cosmic rays, focus.
    defects : Defects
        Of this chip.
    rng : Generator
        Of the noise.
    """
    light = _Light(view, detector, shutter, wcs, defects.response.shape, corner, conditions)
    expected = light.extended()
    expected += np.float32(light.sky * shutter.exptime_s)
    light.add_points(expected)
    expected *= defects.response
    np.add.at(expected.reshape(-1), defects.hot, defects.excess * np.float32(shutter.exptime_s))
    if defects.glow is not None:
        expected += defects.glow * np.float32(shutter.exptime_s)
    rays = conditions.cosmic_rays
    return read_out(expected, detector, shutter.exptime_s, rays, defects, number > 0, rng)


def usable_points(  # noqa: PLR0913, PLR0917
    view: Projection,
    detector: Detector,
    shutter: Shutter,
    wcs: WCS,
    shape: tuple[int, ...],
    corner: tuple[int, int],
    conditions: Conditions,
) -> NDArray[np.bool_]:
    """Say which stars and knots of the scene one could align a chip by.

    Usable are those on the chip with a signal-to-noise ratio of 20 and more in this exposure
    whose brightest pixel is not saturated; neighbours aren't asked for.

    Parameters
    ----------
    view, detector, shutter, wcs, corner, conditions
        As of `render_chip`.
    shape : tuple of int
        Of the chip, (ny, nx).

    Returns
    -------
    ndarray, shape (stars + knots,), bool
    """
    light = _Light(view, detector, shutter, wcs, shape, corner, conditions)
    x, y, flux = light.places(view.scene.stars.plus(view.scene.knots))
    (ny, nx), edge = shape, _USABLE_EDGE_PX
    inside = (x > edge) & (x < nx - 1 - edge) & (y > edge) & (y < ny - 1 - edge)
    core = _CORE_LIGHT * flux
    snr = core / np.sqrt(core + _CORE_PX * light.noise**2)
    middle = light.psf.core[len(light.psf.core) // 2, len(light.psf.core) // 2]
    peak = flux * float(middle.max()) + light.sky * shutter.exptime_s
    return np.asarray(inside & (snr >= _USABLE_SNR) & (peak < detector.full_well_e))


@dataclass(frozen=True)
class _Light:
    """What falls on a chip, in electrons of one exposure, before the detector adds its own."""

    view: Projection
    detector: Detector
    shutter: Shutter
    wcs: WCS
    shape: tuple[int, ...]
    corner: tuple[int, int]
    conditions: Conditions

    @property
    def sky(self) -> float:
        """Electrons/s/px."""
        return self.shutter.band.sky_e_s * self.conditions.sky

    @cached_property
    def field(self) -> PsfField | None:
        """PSFs by place, where one doesn't serve the whole chip."""
        band, focus = self.shutter.band.name, self.conditions.focus_bin
        return psf_field(self.detector, self.corner, self.shape, band, focus)

    @cached_property
    def psf(self) -> Psf:
        """Of the detector, filter, focus and place; that of the middle, where there are several."""
        if self.field is not None:
            return self.field.middle
        seen = self.conditions
        return hst_psf(self.detector.name, self.shutter.band.name, seen.focus_bin, seen.field_bin)

    def add_stars(
        self,
        image: NDArray[np.float32],
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        flux: NDArray[np.float64],
    ) -> None:
        """Add stars to an image, in place, each with the PSF of where it is."""
        if self.field is None:
            add_stars(image, self.psf, x, y, flux, self.noise)
        else:
            self.field.add_stars(image, x, y, flux, self.noise)

    @property
    def noise(self) -> float:
        """Of a pixel of sky, electrons."""
        variance = self.sky * self.shutter.exptime_s + self.detector.read_noise_e**2 + 0.2
        return float(np.sqrt(variance))

    def places(
        self, of: Stars | Galaxies
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give 0-based pixel positions and electrons in this exposure."""
        if of.size == 0:
            return of.east, of.north, of.mag
        ra, dec = tangent_plane(*self.view.centre).wcs_pix2world(of.east, of.north, 0)
        x, y = self.wcs.all_world2pix(ra, dec, 0, tolerance=1e-4, maxiter=30, quiet=True)
        return np.asarray(x), np.asarray(y), self.electrons(of.mag, of.colour)

    def electrons(
        self, mag: NDArray[np.float64], colour: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Give what a source of a magnitude in the first filter leaves in this exposure."""
        band, first = self.shutter.band, self.view.first
        shift = _colour_term(band.pivot_angstrom) - _colour_term(first.pivot_angstrom)
        rate = 10 ** (-0.4 * (mag + colour * shift - band.zeropoint_ab))
        return np.asarray(rate * self.shutter.exptime_s)

    def extended(self) -> NDArray[np.float32]:
        """Galaxies, discs and glow, trailed and blurred by the optics but for the smooth glow."""
        image = np.zeros(self.shape, np.float32)
        scene = self.view.scene
        x, y, flux = self.places(scene.galaxies)
        matrix = sky_matrix(self.wcs)
        add_galaxies(image, scene.galaxies, x, y, flux, matrix)
        for body in scene.moving:
            self._add_moving(image, body, matrix)
        image = _trailed(image, self.shutter.trail())
        if scene.galaxies.size or scene.moving:
            blur(image, self.psf.optics, _UNBLURRED * self.noise)
        if scene.glow is not None:
            fainter = 0.0 if self.shutter.band == self.view.first else scene.glow.colour
            plane = tangent_plane(*self.view.centre)
            half = self.view.radius_arcsec
            brightness = self.sky * self.shutter.exptime_s * 10 ** (-0.4 * fainter)
            glow = glow_image(scene.glow, self.wcs, plane, half, (self.shape[0], self.shape[1]))
            glow *= np.float32(brightness)
            image += glow
        return np.asarray(image, np.float32)

    def _add_moving(
        self, image: NDArray[np.float32], body: Moving, matrix: NDArray[np.float64]
    ) -> None:
        """Add a coma or a planet at a few places along its way."""
        if not body.galaxies.size and body.disc is None:
            return
        times = self._moments(body, 1.0, _MOST_SMEARS)
        for time in times:
            now = body.at(float(time))
            x, y, flux = self.places(now.galaxies)
            add_galaxies(image, now.galaxies, x, y, flux / times.size, matrix)
            if now.disc is not None:
                x, y, flux = self.places(now.disc.middle)
                place = (float(x[0]), float(y[0]))
                add_disc(image, now.disc, place, float(flux[0]) / times.size, matrix)

    def _moments(self, body: Moving, per_px: float, most: int) -> NDArray[np.float64]:
        """Give the moments at which to draw something that moves, evenly spread."""
        way = np.hypot(*body.rate_arcsec_s) * self.shutter.exptime_s / self.detector.scale_arcsec
        steps = int(np.clip(np.ceil(way * per_px), 1, most))
        return self.shutter.start_s + self.shutter.exptime_s * (np.arange(steps) + 0.5) / steps

    def add_points(self, image: NDArray[np.float32]) -> None:
        """Add stars, knots, ghosts and what moves."""
        scene, noise = self.view.scene, self.noise
        x, y, flux = self.places(scene.stars.plus(scene.knots))
        flux = np.minimum(flux, _BRIGHTEST * self.detector.full_well_e)
        ghosts = ghosts_of(self.detector.name, self.shutter.band.name)
        add_ghosts(image, ghosts, x, y, flux, noise)
        (ny, nx), margin = self.shape, _MARGIN_PX
        near = (x > -margin) & (x < nx + margin) & (y > -margin) & (y < ny + margin)
        near &= flux > 0.02 * noise
        x, y, flux = x[near], y[near], flux[near]
        trail = self.shutter.trail()
        for dx, dy in trail:
            self.add_stars(image, x + dx, y + dy, flux / len(trail))
        for body in scene.moving:
            times = self._moments(body, _TRAIL_STEPS_PER_PX, _MOST_TRAIL_STEPS)
            for time in times if body.stars.size else ():
                x, y, flux = self.places(body.at(float(time)).stars)
                self.add_stars(image, x, y, flux / times.size)


def _trailed(image: NDArray[np.float32], trail: NDArray[np.float64]) -> NDArray[np.float32]:
    """Spread an image over the places of a trail, shape (n, 2), px; by fractions of pixels."""
    if len(trail) == 1:
        return image
    half = int(np.ceil(np.abs(trail).max()))
    grid = np.arange(-half, half + 1)
    near = [np.maximum(1 - np.abs(grid - trail[:, axis, None]), 0) for axis in (0, 1)]
    kernel = np.einsum("nx,ny->yx", *near) / len(trail)
    return np.asarray(ndimage.convolve(image, kernel.astype(np.float32), mode="constant"))
