"""Point spread functions: HST's optics, charge diffusion and pixel, at sub-pixel phases.

The optics are GalSim's: 2.4 m aperture, central obscuration, four struts, a little defocus that
changes from visit to visit (breathing; HST Data Handbook: a few nm to tens of nm rms), a small
fixed astigmatism (not in IR) and spherical aberration (no coma: it would shift filters). One PSF a
detector, filter and focus, kept for the life of the process (1.6 MB each); stars are then added by
slicing and interpolating arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import polar

from spacekit.errors import MissingExtraError
from spacekit.simulate.detectors import Detector, find_detector

__all__ = ["FOCUS_BINS_NM", "Psf", "add_stars", "hst_psf", "pixel_matrix", "stamp_window"]

FOCUS_BINS_NM: Final = (-18.0, 0.0, 18.0)
_DIAMETER_M: Final = 2.4
_STRUTS: Final = 4
#: Spikes lie along the detector's diagonals; the struts are turned to that.
_STRUT_ANGLE_DEG: Final = 45.0
_CORE_PX: Final = 31
_CORE_PHASES: Final = 8
_WING_PX: Final = 181
_WING_PHASES: Final = 2
#: Half the width of a wide filter in units of its wavelength, and wavelengths drawn in it.
_HALF_BAND: Final = 0.11
_BAND_SAMPLES: Final = 5
#: Wings are drawn where they would stand above this fraction of the noise.
_WING_SIGNIFICANCE: Final = 0.15


@dataclass(frozen=True)
class _Optics:
    """How a detector's images differ from those of a perfect telescope.

    Parameters
    ----------
    obscuration, strut_width : float
        In units of the aperture.
    spherical_nm, defocus_nm, astigmatism_nm : float
        Aberrations at mean focus.
    blur_px : dict of float to float
        Wavelength (nm) to sigma of a Gaussian: charge diffusion, jitter, zonal errors of the
        mirror; interpolated.
    halo : dict of float to float
        Wavelength (nm) to the share of light that the detector scatters; interpolated.
    halo_px : float
        Sigma of that halo.
    """

    obscuration: float = 0.33
    strut_width: float = 0.022
    spherical_nm: float = 20.0
    defocus_nm: float = 0.0
    astigmatism_nm: float = 12.0
    blur_px: dict[float, float] | None = None
    halo: dict[float, float] | None = None
    halo_px: float = 1.0

    def at(self, table: dict[float, float] | None, wavelength_nm: float) -> float:
        """Interpolate a table; 0 where there is none."""
        if not table:
            return 0.0
        return float(np.interp(wavelength_nm, list(table), list(table.values())))


#: IR and the red of UVIS: fitted to encircled energies of reference stars in exposures that were
#: drawn with STScI's library PSFs; how these stars are elongated on the detector (0.035 along y in
#: IR, 0.02 along a diagonal in UVIS) then follows from the pixels' shapes. UV of UVIS: widths of
#: the WFC3 Instrument Handbook, table 6.7. WFC and HRC: the diffusion kernels of the ACS
#: Instrument Handbook, 5.6.1. Halos: the same, 5.6.5 (HRC: a tenth of the light at 800 nm; SBC:
#: FWHM of some 20 px). Astigmatism: Tiny Tim's pupil tables (spacetelescope/tinytim, Krist, Hook &
#: Stoehr 2011), field and centre added up: the median of HRC is 4.7 nm (1 to 8), of SBC 5.0 (2 to
#: 9), in Zernikes of the annular pupil, 0.945 times that in GalSim's; the 12 nm of the others lie
#: within theirs (UVIS 7 to 14 nm, WFC 2 to 34).
_OPTICS: Final[dict[str, _Optics]] = {
    "ir": _Optics(0.322, 0.026, 49.0, 38.0, astigmatism_nm=0.0, blur_px={1000.0: 0.336}),
    "uvis": _Optics(
        blur_px={270.0: 0.62, 336.0: 0.55, 440.0: 0.40, 555.0: 0.29, 590.0: 0.27, 804.0: 0.375}
    ),
    "wfc": _Optics(
        blur_px={400.0: 0.60, 550.0: 0.51, 800.0: 0.45},
        halo={850.0: 0.0, 1000.0: 0.15},
        halo_px=12.0,
    ),
    "hrc": _Optics(
        astigmatism_nm=4.4,
        blur_px={400.0: 0.47, 550.0: 0.45, 800.0: 0.43},
        halo={650.0: 0.0, 800.0: 0.10, 1000.0: 0.30},
        halo_px=22.0,
    ),
    "sbc": _Optics(astigmatism_nm=4.7, blur_px={150.0: 0.70}, halo={150.0: 0.20}, halo_px=8.5),
}


@dataclass(frozen=True)
class Psf:
    """Pixel-integrated PSF at sub-pixel phases, of total flux 1 over core and wings.

    Parameters
    ----------
    core : ndarray, shape (phases + 1, phases + 1, 31, 31), float32
        ``core[i, j]`` is a star centred ``(i / phases - 1/2, j / phases - 1/2)`` px (y, x) off
        the middle pixel's centre. In between it is interpolated.
    wings : ndarray, shape (coarse phases + 1, coarse phases + 1, 181, 181), float32
        The same farther out; zero where the core is. The nearest phase is taken.
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
    pixel = galsim.JacobianWCS(*pixel_matrix(row).ravel())
    wavelength_nm = row.filter(filter_name).pivot_angstrom / 10
    spread = _blurred_optics(galsim, pixel, detector, wavelength_nm, focus_bin)
    observed = galsim.Convolve(spread, pixel.toWorld(galsim.Pixel(1.0)))
    core = _phases(observed, pixel, _CORE_PX, _CORE_PHASES)
    wings = _phases(observed, pixel, _WING_PX, _WING_PHASES)
    half, inner = _WING_PX // 2, _CORE_PX // 2
    hole = slice(half - inner, half + inner + 1)
    wings[:, :, hole, hole] = 0.0
    np.clip(wings, 0.0, None, out=wings)
    kernel = spread.drawImage(nx=_CORE_PX, ny=_CORE_PX, wcs=pixel, method="no_pixel").array
    kernel = np.clip(kernel, 0.0, None)
    return Psf(core, wings, np.asarray(kernel / kernel.sum(), np.float32))


def pixel_matrix(detector: Detector) -> NDArray[np.float64]:
    """Give the arcsec on the sky of a step in x and in y, shape (2, 2); symmetric.

    The linear part of the distortion without its turn: spikes keep their place on the
    detector's diagonals. Pixels of IR are 12% longer in x than in y, those of HRC and SBC are
    askew: optics that are round on the sky aren't on the detector, and a mosaic, whose pixels
    are square, shows them round again.
    """
    _, stretch = polar(np.reshape(detector.linear_arcsec, (2, 2)))
    return np.asarray(stretch)


def _blurred_optics(
    galsim: Any, pixel: Any, detector: str, wavelength_nm: float, focus_bin: int
) -> Any:
    """Give GalSim's profile of the telescope (on the sky), diffusion and halo (on pixels)."""
    kind = _OPTICS[detector]
    aberrations = [0.0] * 12
    aberrations[4] = (kind.defocus_nm + FOCUS_BINS_NM[focus_bin]) / wavelength_nm
    aberrations[5] = kind.astigmatism_nm / wavelength_nm
    aberrations[11] = kind.spherical_nm / wavelength_nm
    optics = galsim.OpticalPSF(
        lam=wavelength_nm,
        diam=_DIAMETER_M,
        aberrations=aberrations,
        obscuration=kind.obscuration,
        nstruts=_STRUTS,
        strut_thick=kind.strut_width,
        strut_angle=_STRUT_ANGLE_DEG * galsim.degrees,
        oversampling=1.5,
        pad_factor=2.0,
    )
    # The filters' width smooths the rings of a monochromatic PSF as well.
    airy_px = 206265e-9 * wavelength_nm / _DIAMETER_M / np.sqrt(pixel.pixelArea())
    blur = galsim.Gaussian(sigma=max(kind.at(kind.blur_px, wavelength_nm), 0.15 * airy_px))
    share = kind.at(kind.halo, wavelength_nm)
    if share > 0:
        blur = (1 - share) * blur + share * galsim.Gaussian(sigma=kind.halo_px)
    return galsim.Convolve(optics, pixel.toWorld(blur))


def _phases(profile: Any, pixel: Any, size: int, phases: int) -> NDArray[np.float32]:
    """Sample a pixel-integrated profile at (phases + 1)**2 offsets from -1/2 to 1/2 px."""
    fine_pixel = type(pixel)(*(pixel.getMatrix().ravel() / phases))
    n = size * phases + 1
    # As far out as the shortest wavelength reaches into the stamp; odd like n.
    drawn = n + 2 * int(np.ceil(_HALF_BAND * n))
    image = profile.drawImage(
        nx=drawn, ny=drawn, wcs=fine_pixel, method="no_pixel", dtype=np.float32
    ).array
    # method="no_pixel" gives flux per fine pixel: one of `phases`**2 in a pixel.
    fine = _over_band(image, n) * phases**2
    steps = np.arange(size)[None, :] * phases + phases - np.arange(phases + 1)[:, None]
    return np.ascontiguousarray(fine[steps[:, None, :, None], steps[None, :, None, :]])


def _over_band(image: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Average a PSF over a filter's width, whose rings would else stand out; the middle n px.

    Diffraction scales with wavelength. That the pixel and the diffusion don't changes the width
    of the core by far less than a percent.
    """
    scales = np.linspace(1 - _HALF_BAND, 1 + _HALF_BAND, _BAND_SAMPLES)
    offset, middle = (image.shape[0] - 1) / 2, (n - 1) / 2
    total = np.zeros((n, n), np.float32)
    for scale in scales:
        start = offset - middle / scale
        layer = ndimage.affine_transform(
            image, [1 / scale, 1 / scale], [start, start], output_shape=(n, n), order=1
        )
        total += layer / np.float32(scale**2 * scales.size)
    return total


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
        _add_core(image, psf.core, xi, yi, fi)
        if fi * edge > _WING_SIGNIFICANCE * noise:
            _add_wings(image, psf.wings, xi, yi, fi)


def _add_core(
    image: NDArray[np.float32], bank: NDArray[np.float32], x: float, y: float, flux: float
) -> None:
    """Add a star's core, interpolated between the four nearest phases: centroids are exact."""
    iy, ix = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    place = stamp_window(image, bank.shape[2], iy, ix)
    if place is None:
        return
    target, (rows, columns) = place
    phases = bank.shape[0] - 1
    py, fy = divmod((y + 0.5 - iy) * phases, 1.0)
    px, fx = divmod((x + 0.5 - ix) * phases, 1.0)
    i, j = min(int(py), phases - 1), min(int(px), phases - 1)
    for di, wy in ((i, 1 - fy), (i + 1, fy)):
        for dj, wx in ((j, 1 - fx), (j + 1, fx)):
            target += np.float32(flux * wy * wx) * bank[di, dj, rows, columns]


def _add_wings(
    image: NDArray[np.float32], bank: NDArray[np.float32], x: float, y: float, flux: float
) -> None:
    iy, ix = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    place = stamp_window(image, bank.shape[2], iy, ix)
    if place is None:
        return
    target, (rows, columns) = place
    phases = bank.shape[0] - 1
    i, j = round((y + 0.5 - iy) * phases), round((x + 0.5 - ix) * phases)
    target += np.float32(flux) * bank[i, j, rows, columns]


def stamp_window(
    image: NDArray[np.float32], size: int, iy: int, ix: int
) -> tuple[NDArray[np.float32], tuple[slice, slice]] | None:
    """Give the part of an image that a stamp about a pixel covers, and that part of the stamp."""
    (ny, nx), x0, y0 = image.shape, ix - size // 2, iy - size // 2
    x1, x2, y1, y2 = max(x0, 0), min(x0 + size, nx), max(y0, 0), min(y0 + size, ny)
    if x1 >= x2 or y1 >= y2:
        return None
    return image[y1:y2, x1:x2], (slice(y1 - y0, y2 - y0), slice(x1 - x0, x2 - x0))
