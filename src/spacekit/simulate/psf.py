"""Point spread functions: HST's optics, charge diffusion and pixel, at sub-pixel phases.

The optics are GalSim's: 2.4 m aperture, central obscuration 0.33, four struts, a little
defocus that changes from visit to visit (breathing; HST Data Handbook: a few nm to tens of nm
rms), a small fixed astigmatism and spherical aberration (no coma: it would shift filters). One
PSF a detector, filter and focus, kept for the life of the process (3 MB each); stars are then
added by slicing arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacekit.errors import MissingExtraError
from spacekit.simulate.detectors import find_detector

__all__ = ["FOCUS_BINS_NM", "Psf", "add_stars", "hst_psf"]

FOCUS_BINS_NM: Final = (-18.0, 0.0, 18.0)
_DIAMETER_M: Final = 2.4
_OBSCURATION: Final = 0.33
_STRUTS: Final = 4
_STRUT_WIDTH: Final = 0.022
#: Spikes lie along the detector's diagonals; the struts are turned to that.
_STRUT_ANGLE_DEG: Final = 45.0
_CORE_PX: Final = 31
_CORE_PHASES: Final = 16
_WING_PX: Final = 181
_WING_PHASES: Final = 4
#: Wings are drawn where they would stand above this fraction of the noise.
_WING_SIGNIFICANCE: Final = 0.15


@dataclass(frozen=True)
class Psf:
    """Pixel-integrated PSF at sub-pixel phases, of total flux 1 over core and wings.

    Parameters
    ----------
    core : ndarray, shape (phases, phases, 31, 31), float32
        ``core[i, j]`` is a star centred (i / phases, j / phases) px (y, x) past the centre of
        the middle pixel, less half a pixel.
    wings : ndarray, shape (coarse phases, coarse phases, 181, 181), float32
        The same farther out; zero where the core is.
    optics : ndarray, shape (31, 31), float32
        Centred, without the pixel: the kernel for extended sources that are already integrated
        over pixels. Sum 1.
    """

    core: NDArray[np.float32]
    wings: NDArray[np.float32]
    optics: NDArray[np.float32]

    @property
    def edge(self) -> float:
        """Surface brightness, per px of a star of flux 1, where the core ends."""
        half = _WING_PX // 2
        return float(self.wings[0, 0, half, half + _CORE_PX // 2 + 1 : half + 20].mean())


@lru_cache(maxsize=96)
def hst_psf(detector: str, filter_name: str, focus_bin: int) -> Psf:
    """Make the PSF of a detector, a filter and a focus; cached.

    Parameters
    ----------
    detector, filter_name : str
        As in `spacekit.simulate.detectors.DETECTORS`.
    focus_bin : int
        Index into `FOCUS_BINS_NM`.

    Raises
    ------
    MissingExtraError
        If GalSim isn't installed.
    """
    try:
        import galsim
    except ImportError as error:
        raise MissingExtraError("Simulating", "simulate") from error

    row = find_detector(detector)
    wavelength_nm = row.filter(filter_name).pivot_angstrom / 10
    pixel = row.scale_arcsec
    aberrations = [0.0] * 12
    aberrations[4] = FOCUS_BINS_NM[focus_bin] / wavelength_nm
    aberrations[5] = 12.0 / wavelength_nm
    aberrations[11] = 20.0 / wavelength_nm
    optics = galsim.OpticalPSF(
        lam=wavelength_nm,
        diam=_DIAMETER_M,
        aberrations=aberrations,
        obscuration=_OBSCURATION,
        nstruts=_STRUTS,
        strut_thick=_STRUT_WIDTH,
        strut_angle=_STRUT_ANGLE_DEG * galsim.degrees,
        oversampling=1.5,
        pad_factor=2.0,
    )
    # Scattered light and the filters' width smooth the rings of a monochromatic PSF.
    blur = galsim.Gaussian(
        sigma=max(row.diffusion_px * pixel, 0.15 * wavelength_nm / 1e9 / 2.4 * 206265)
    )
    spread = galsim.Convolve(optics, blur)
    observed = galsim.Convolve(spread, galsim.Pixel(pixel))
    core = _phases(observed, pixel, _CORE_PX, _CORE_PHASES)
    wings = _phases(observed, pixel, _WING_PX, _WING_PHASES)
    half, inner = _WING_PX // 2, _CORE_PX // 2
    hole = slice(half - inner, half + inner + 1)
    wings[:, :, hole, hole] = 0.0
    np.clip(wings, 0.0, None, out=wings)
    kernel = spread.drawImage(nx=_CORE_PX, ny=_CORE_PX, scale=pixel, method="no_pixel").array
    kernel = np.clip(kernel, 0.0, None)
    return Psf(core, wings, np.asarray(kernel / kernel.sum(), np.float32))


def _phases(profile: object, pixel: float, size: int, phases: int) -> NDArray[np.float32]:
    """Sample a pixel-integrated profile at (phases x phases) offsets from -1/2 to 1/2 px."""
    n = size * phases
    image = profile.drawImage(  # type: ignore[attr-defined]
        nx=n, ny=n, scale=pixel / phases, method="no_pixel", dtype=np.float32
    ).array
    # method="no_pixel" gives flux per fine pixel: one of `phases`**2 in a pixel.
    fine = image * phases**2
    # The middle of an even image lies between pixels, of an odd one on a pixel.
    # Phase p: the star sits at (p + 1/2) / phases - 1/2 px from the middle pixel's centre.
    grid = fine[::-1, ::-1].reshape(size, phases, size, phases)[::-1, :, ::-1, :]
    return np.ascontiguousarray(grid.transpose(1, 3, 0, 2))


def add_stars(  # noqa: PLR0913, PLR0917
    image: NDArray[np.float32],
    psf: Psf,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    noise: float,
) -> None:
    """Add stars to an image, in place.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Added to.
    psf : Psf
        Of the detector and filter.
    x, y : ndarray, shape (n,)
        0-based pixel positions; may lie outside.
    flux : ndarray, shape (n,)
        In the image's unit.
    noise : float
        Noise of a pixel: wings that don't rise above a fraction of it are left out.
    """
    edge = psf.edge
    for xi, yi, fi in zip(x.tolist(), y.tolist(), flux.tolist(), strict=True):
        _add_one(image, psf.core, xi, yi, fi)
        if fi * edge > _WING_SIGNIFICANCE * noise:
            _add_one(image, psf.wings, xi, yi, fi)


def _add_one(
    image: NDArray[np.float32], bank: NDArray[np.float32], x: float, y: float, flux: float
) -> None:
    phases, size = bank.shape[0], bank.shape[2]
    ix, iy = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    px = min(int((x + 0.5 - ix) * phases), phases - 1)
    py = min(int((y + 0.5 - iy) * phases), phases - 1)
    ny, nx = image.shape
    x0, y0 = ix - size // 2, iy - size // 2
    x1, x2, y1, y2 = max(x0, 0), min(x0 + size, nx), max(y0, 0), min(y0 + size, ny)
    if x1 >= x2 or y1 >= y2:
        return
    stamp = bank[py, px, y1 - y0 : y2 - y0, x1 - x0 : x2 - x0]
    image[y1:y2, x1:x2] += np.float32(flux) * stamp
