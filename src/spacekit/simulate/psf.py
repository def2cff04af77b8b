"""Point spread functions: HST's optics, charge diffusion and pixel, at sub-pixel phases.

The optics are GalSim's: 2.4 m aperture, central obscuration, four struts, a little defocus that
changes from visit to visit (breathing; HST Data Handbook: a few nm to tens of nm rms), astigmatism
(not in IR) as the place in the detector's field has it, and spherical aberration (no coma: it would
shift filters). One PSF a detector, filter, focus and third of the field, kept for the life of the
process (1.6 MB each); stars are then added by slicing and interpolating arrays. In large windows
PSFs follow the place, see `spacekit.simulate.place`.
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
from spacekit.simulate.conditions import FOCUS_BINS_NM
from spacekit.simulate.detectors import Detector, find_detector

__all__ = ["Psf", "add_stars", "hst_core", "hst_psf", "pixel_matrix", "stamp_window"]

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
    spherical_nm, defocus_nm : float
        Aberrations at mean focus.
    astigmatism_nm : tuple of float
        Median of each third of the field, one of `spacekit.simulate.conditions.FIELD_BINS` each.
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
    astigmatism_nm: tuple[float, float, float] = (0.0, 0.0, 0.0)
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
#: Stoehr 2011), field and centre added up over the whole field (WFC 0 to 39 nm, UVIS 0 to 23, HRC 0
#: to 10, SBC 1 to 9), times 0.945 from Zernikes of the annular pupil to GalSim's.
_OPTICS: Final[dict[str, _Optics]] = {
    "ir": _Optics(0.322, 0.026, 49.0, 38.0, blur_px={1000.0: 0.336}),
    "uvis": _Optics(
        astigmatism_nm=(5.5, 7.5, 11.6),
        blur_px={270.0: 0.62, 336.0: 0.55, 440.0: 0.40, 555.0: 0.29, 590.0: 0.27, 804.0: 0.375},
    ),
    "wfc": _Optics(
        astigmatism_nm=(12.3, 18.7, 27.0),
        blur_px={400.0: 0.60, 550.0: 0.51, 800.0: 0.45},
        halo={850.0: 0.0, 1000.0: 0.15},
        halo_px=12.0,
    ),
    "hrc": _Optics(
        astigmatism_nm=(3.1, 4.5, 6.2),
        blur_px={400.0: 0.47, 550.0: 0.45, 800.0: 0.43},
        halo={650.0: 0.0, 800.0: 0.10, 1000.0: 0.30},
        halo_px=22.0,
    ),
    "sbc": _Optics(
        astigmatism_nm=(3.0, 4.4, 7.3), blur_px={150.0: 0.70}, halo={150.0: 0.20}, halo_px=8.5
    ),
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
def hst_psf(detector: str, filter_name: str, focus_bin: int, field_bin: int = 1) -> Psf:
    """Make the PSF of a detector, a filter, a focus and a place; cached.

    Parameters
    ----------
    detector, filter_name : str
        As in `spacekit.simulate.detectors.DETECTORS`.
    focus_bin : int
        Index into `FOCUS_BINS_NM`.
    field_bin : int
        Which third of the field, from 0 (the least astigmatism) to `FIELD_BINS` - 1.

    Raises
    ------
    MissingExtraError
        If GalSim isn't installed.
    """
    place_nm = (_OPTICS[detector].astigmatism_nm[field_bin], 0.0)
    spread = _spread(detector, filter_name, focus_bin, place_nm)
    wings = _phases(spread.over_pixels(), _WING_PX, _WING_PHASES)
    half, inner = _WING_PX // 2, _CORE_PX // 2
    hole = slice(half - inner, half + inner + 1)
    wings[:, :, hole, hole] = 0.0
    np.clip(wings, 0.0, None, out=wings)
    core, kernel = _core(spread)
    return Psf(core, wings, kernel)


def hst_core(
    detector: str, filter_name: str, focus_bin: int, astigmatism_nm: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make `Psf.core` and `Psf.optics` for an astigmatism.

    Parameters
    ----------
    detector, filter_name, focus_bin
        As of `hst_psf`.
    astigmatism_nm : tuple of float
        At 45 deg and along the detector's axes (Noll's 5 and 6), rms of the wavefront.
    """
    return _core(_spread(detector, filter_name, focus_bin, astigmatism_nm))


def _core(spread: _Transform) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    kernel = np.clip(spread.draw(_CORE_PX, 1), 0.0, None)
    return _phases(spread.over_pixels(), _CORE_PX, _CORE_PHASES), kernel / kernel.sum()


def _spread(
    detector: str, filter_name: str, focus_bin: int, astigmatism_nm: tuple[float, float]
) -> _Transform:
    """Transform the PSF without the pixel; parameters as of `hst_core`."""
    try:
        import galsim
    except ImportError as error:
        raise MissingExtraError("Simulating", "simulate") from error

    row = find_detector(detector)
    pixel = galsim.JacobianWCS(*pixel_matrix(row).ravel())
    wavelength_nm = row.filter(filter_name).pivot_angstrom / 10
    kind = _OPTICS[detector]
    aberrations_nm = {
        4: kind.defocus_nm + FOCUS_BINS_NM[focus_bin],
        5: astigmatism_nm[0],
        6: astigmatism_nm[1],
        11: kind.spherical_nm,
    }
    optics = _optics(galsim, kind, aberrations_nm, wavelength_nm)
    blurred = galsim.Convolve(optics, _blur(galsim, kind, pixel, wavelength_nm))
    return _transform(galsim, pixel.toImage(blurred))


def pixel_matrix(detector: Detector) -> NDArray[np.float64]:
    """Give the arcsec on the sky of a step in x and in y, shape (2, 2); symmetric.

    The linear part of the distortion without its turn: spikes keep their place on the
    detector's diagonals. Pixels of IR are 12% longer in x than in y, those of HRC and SBC are
    askew: optics that are round on the sky aren't on the detector, and a mosaic, whose pixels
    are square, shows them round again.
    """
    _, stretch = polar(np.reshape(detector.linear_arcsec, (2, 2)))
    return np.asarray(stretch)


@dataclass(frozen=True)
class _Transform:
    """Fourier transform of a real profile.

    Parameters
    ----------
    values : ndarray, shape (2 n + 1, n + 1), complex64
        At wave numbers -n to n steps (y) and 0 to n steps (x); beyond them it is nothing.
    step : float
        Radians per px.
    """

    values: NDArray[np.complex64]
    step: float

    def draw(self, size: int, phases: int) -> NDArray[np.float32]:
        """Sample the profile at (size, size) places 1 / phases px apart, the middle at its centre.

        By the sum itself: the few wave numbers that the telescope passes and the few px that are
        wanted make it far cheaper than an FFT, which would need as many samples of either.
        """
        n = self.values.shape[1] - 1
        places = (np.arange(size) - size // 2) / phases
        waves = np.exp(1j * self.step * np.outer(places, np.arange(-n, n + 1)))
        waves = waves.astype(np.complex64)
        rows, columns = waves @ self.values, waves[:, n:]
        image = rows.real @ columns.real.T - rows.imag @ columns.imag.T
        return np.asarray(image * np.float32(2 * (self.step / (2 * np.pi)) ** 2))

    def over_pixels(self) -> _Transform:
        """Give the transform of the profile integrated over pixels."""
        n = self.values.shape[1] - 1
        pixel = np.sinc(np.arange(-n, n + 1) * self.step / (2 * np.pi)).astype(np.float32)
        return _Transform(self.values * pixel[:, None] * pixel[n:], self.step)


def _transform(galsim: Any, profile: Any) -> _Transform:
    """Let GalSim draw the transform of a profile on pixels, so finely that no drawing overlaps."""
    reach = (1 + 2 * _HALF_BAND) * _WING_PX
    step = min(profile.stepk, 2 * np.pi / reach)
    n = int(np.ceil(profile.maxk / step))
    # What lies at -x is the conjugate of what lies at +x; x = 0 must not count twice.
    half = galsim.ImageCF(galsim.BoundsI(0, n, -n, n), scale=step)
    values = profile.drawKImage(half, recenter=False).array
    values[:, 0] /= 2
    return _Transform(values, float(step))


def _optics(
    galsim: Any, kind: _Optics, aberrations_nm: dict[int, float], wavelength_nm: float
) -> Any:
    """Give GalSim's profile of the telescope, on the sky; aberrations by Noll's numbers."""
    aberrations = [aberrations_nm.get(k, 0.0) / wavelength_nm for k in range(12)]
    return galsim.OpticalPSF(
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


def _blur(galsim: Any, kind: _Optics, pixel: Any, wavelength_nm: float) -> Any:
    """Give the profile of diffusion and halo, on the sky."""
    # The filters' width smooths the rings of a monochromatic PSF as well.
    airy_px = 206265e-9 * wavelength_nm / _DIAMETER_M / np.sqrt(pixel.pixelArea())
    blur = galsim.Gaussian(sigma=max(kind.at(kind.blur_px, wavelength_nm), 0.15 * airy_px))
    share = kind.at(kind.halo, wavelength_nm)
    if share > 0:
        blur = (1 - share) * blur + share * galsim.Gaussian(sigma=kind.halo_px)
    return pixel.toWorld(blur)


def _phases(transform: _Transform, size: int, phases: int) -> NDArray[np.float32]:
    """Sample a pixel-integrated profile at (phases + 1)**2 offsets from -1/2 to 1/2 px."""
    n = size * phases + 1
    # As far out as the shortest wavelength reaches into the stamp; odd like n.
    fine = _over_band(transform.draw(n + 2 * int(np.ceil(_HALF_BAND * n)), phases), n)
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
