"""Read drizzled images: headers and WCS at once, pixels memory-mapped when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.errors import ProductError
from spacekit.visit.fits_files import check_pixels, image_shape, open_fits, read_wcs
from spacekit.visit.values import as_number, card

__all__ = ["Drizzled", "Read", "read_drizzled", "reading_headers_once"]

#: Real mosaics reach 8000 px a side (single-visit), never this.
_LARGEST_SIDE_PX: Final = 40_000
_LARGEST_AREA_PX: Final = 400_000_000
#: A drizzled product has 5 HDUs; further ones aren't looked at.
_MOST_HDUS: Final = 16
#: Planes of the context image: 32 chips each, and no visit has a thousand exposures.
_MOST_PLANES: Final = 32
#: Pixels in a strip: 256 Ki float32 are 1 MiB, which stays in a core's cache.
_STRIP_PX: Final = 256 * 1024
#: Strips after which the file is mapped anew, so that what was read of it (128 MiB) is let go.
_STRIPS_MAPPED: Final = 64


@dataclass(frozen=True)
class Plane:
    """Where an image lies in a file, so that its pixels need no further look at headers.

    Parameters
    ----------
    offset : int
        Of the first pixel, in bytes.
    shape : tuple of int
        As numpy's.
    dtype : numpy.dtype
        Of the pixels, big-endian.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def map(self, path: Path) -> NDArray[Any]:
        """Map the pixels of a file into memory, read-only.

        Raises
        ------
        ProductError
            If the file is gone or shorter now.
        """
        try:
            mapped = np.memmap(path, self.dtype, "r", self.offset, self.shape)
            return mapped.view(np.ndarray)  # whose parts are taken faster
        except (OSError, ValueError) as error:
            raise ProductError(f"{path}: changed or gone while it was read ({error})") from error


@dataclass(frozen=True)
class Drizzled:
    """A drizzled image of a mosaic; pixels are read from the file when asked for.

    Parameters
    ----------
    path : Path
        The drz or drc file.
    shape : tuple of int
        (ny, nx) of SCI and WHT.
    wcs : astropy.wcs.WCS
        Of the SCI extension, celestial, two axes.
    primary, header : astropy.io.fits.Header
        Headers of the primary HDU and of SCI.
    planes : dict of str to Plane
        Where SCI and WHT lie.
    """

    path: Path
    shape: tuple[int, int]
    wcs: WCS
    primary: fits.Header
    header: fits.Header
    planes: Mapping[str, Plane] = field(repr=False)

    @cached_property
    def sci(self) -> NDArray[np.float32]:
        """Science pixels, shape (ny, nx), float32, native byte order, unit as BUNIT says."""
        return self._read(slice(0, self.shape[0]), ("SCI",))[0]

    @cached_property
    def wht(self) -> NDArray[np.float32]:
        """Weights, shape (ny, nx), float32, native byte order; NaN counts as 0."""
        return _as_weight(self._read(slice(0, self.shape[0]), ("WHT",))[0])

    @cached_property
    def footprint(self) -> NDArray[np.bool_]:
        """Where there is an exposure: weight above 0 and finite, shape (ny, nx)."""
        inside = np.zeros(self.shape, dtype=bool)
        for rows, (wht,) in self._strips(("WHT",), *self._whole):
            here = np.greater(wht, 0, out=inside[rows])
            here &= wht < np.inf
        return inside

    @property
    def is_blank(self) -> bool:
        """Whether no pixel of the footprint has a value."""
        return not any(inside.any() for _, _, inside in self.strips(*self._whole))

    @property
    def _whole(self) -> tuple[slice, slice]:
        return slice(0, self.shape[0]), slice(0, self.shape[1])

    def strips(
        self, rows: slice, columns: slice
    ) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.float32]]]:
        """Give a part of the image in strips of whole rows, bottom first, within bounded memory.

        Parameters
        ----------
        rows, columns : slice
            Which part; both ends are given.

        Yields
        ------
        rows : slice
            Which rows.
        sci : ndarray, shape (rows, columns), float32
            Their pixels, native byte order; 0 outside the footprint and where they aren't finite.
        inside : ndarray, shape (rows, columns), float32
            1 in the footprint where there is a value, 0 elsewhere.

        Raises
        ------
        ProductError
            If the pixels can't be read.
        """
        for some, (sci,) in self._strips(("SCI",), rows, columns):
            inside = self.footprint[some, columns].astype(np.float32)
            with np.errstate(invalid="ignore"):
                np.multiply(sci, inside, out=sci)
            # NaN and infinities, which the pipeline doesn't leave, outlive a product with 0
            if not np.isfinite(np.vdot(sci, sci)):
                without = ~np.isfinite(sci)
                sci[without] = inside[without] = 0
            yield some, sci, inside

    def _strips(
        self, names: tuple[str, ...], rows: slice, columns: slice
    ) -> Iterator[tuple[slice, list[NDArray[np.float32]]]]:
        """Give planes in strips; each is the caller's own copy in native byte order."""
        step = max(1, _STRIP_PX // self.shape[1])
        planes: list[NDArray[np.generic]] = []
        for number, start in enumerate(range(rows.start, rows.stop, step)):
            if number % _STRIPS_MAPPED == 0:
                planes = [self.planes[name].map(self.path) for name in names]
            some = slice(start, min(start + step, rows.stop))
            yield some, [_as_float32(plane[some, columns]) for plane in planes]

    def window(
        self, rows: slice, columns: slice
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give a part of SCI and WHT at native pixels, shape (rows, columns), float32.

        Raises
        ------
        ProductError
            If the pixels can't be read.
        """
        sci, wht = self._read(rows, ("SCI", "WHT"), columns)
        return sci, _as_weight(wht)

    def context(self, rows: slice, columns: slice) -> NDArray[np.int32]:
        """Give a part of the context image, shape (planes, rows, columns), int32.

        Bit k of plane p is set where the product's input chip 32 p + k contributes.

        Raises
        ------
        ProductError
            If there is none, or it isn't of the image's shape.
        """
        return np.array(self._mapped_context()[..., rows, columns], dtype=np.int32, ndmin=3)

    def context_at(self, y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.int32]:
        """Give the context of some pixels, shape (planes, len(y)); as of `context`."""
        return np.array(self._mapped_context()[..., y, x], dtype=np.int32, ndmin=2)

    def _mapped_context(self) -> NDArray[np.integer]:
        shape = self._context.shape
        planes = shape[:-2]
        if shape[-2:] != self.shape or not (planes == () or 1 <= planes[0] <= _MOST_PLANES):
            raise ProductError(f"{self.path}: CTX has the shape {shape}, SCI {self.shape}")
        if self._context.dtype.kind not in "iu":
            raise ProductError(f"{self.path}: CTX holds no whole numbers")
        return self._context.map(self.path)

    @cached_property
    def _context(self) -> Plane:
        with open_fits(self.path) as hdus:
            return _plane(self.path, _find(self.path, hdus, "CTX"))

    def _read(
        self, rows: slice, names: tuple[str, ...], columns: slice = slice(None)
    ) -> list[NDArray[np.float32]]:
        mapped = (self.planes[name].map(self.path) for name in names)
        return [_as_float32(plane[rows, columns]) for plane in mapped]


def read_drizzled(path: Path) -> Drizzled:
    """Open a drizzled image and check that it is one.

    Parameters
    ----------
    path : Path
        A drz or drc file with extensions SCI and WHT.

    Returns
    -------
    Drizzled
        With headers and WCS read, pixels not yet.

    Raises
    ------
    ProductError
        If the file is missing, empty, cut short, no FITS, has no SCI and WHT images of one
        sensible shape, or no celestial WCS.
    """
    with open_fits(path) as hdus:
        sci, wht = _extension(path, hdus, "SCI"), _extension(path, hdus, "WHT")
        shape = _shape(path, sci)
        if _shape(path, wht) != shape:
            raise ProductError(f"{path}: WHT is {_shape(path, wht)} px but SCI is {shape}")
        return Drizzled(
            path=path,
            shape=shape,
            wcs=_celestial(path, sci.header),
            primary=hdus[0].header,
            header=sci.header,
            planes={"SCI": _plane(path, sci), "WHT": _plane(path, wht)},
        )


#: Opens an image as `read_drizzled` does.
Read = Callable[[Path], Drizzled]


def reading_headers_once() -> Read:
    """Make a `read_drizzled` that remembers headers, for whoever asks for the same files again.

    Pixels aren't remembered: each image that it gives has its own, let go with it.
    """
    read = cache(read_drizzled)
    return lambda path: replace(read(path))


def _as_float32(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Copy pixels, in native byte order; numbers too large for float32 become infinite."""
    with np.errstate(over="ignore"):
        return np.array(pixels, dtype=np.float32)


def _as_weight(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn NaN, infinite and negative weights into 0, in place."""
    weight[~np.isfinite(weight) | (weight < 0)] = 0
    return weight


def _extension(path: Path, hdus: Any, name: str) -> Any:
    """Find an image extension of two axes."""
    hdu = _find(path, hdus, name)
    _shape(path, hdu)
    return hdu


def _find(path: Path, hdus: Any, name: str) -> Any:
    """Find an image extension by name and check that its pixels are all in the file."""
    for number in range(1, _MOST_HDUS):
        try:
            hdu = hdus[number]
        except IndexError:
            break
        if hdu.name != name:
            continue
        check_pixels(path, hdu)
        return hdu
    raise ProductError(f"{path}: no {name} extension; is it a drizzled product?")


def _plane(path: Path, hdu: Any) -> Plane:
    scale, zero = (as_number(card(hdu.header, key)) for key in ("BSCALE", "BZERO"))
    if scale not in {None, 1} or zero not in {None, 0}:
        raise ProductError(f"{path}: {hdu.name} is scaled (BSCALE, BZERO), which no product is")
    shape = image_shape(path, hdu)
    bits = card(hdu.header, "BITPIX")
    if bits not in fits.BITPIX2DTYPE:
        raise ProductError(f"{path}: broken (BITPIX is {bits!a}); fetch it again")
    dtype = np.dtype(fits.BITPIX2DTYPE[bits]).newbyteorder(">")
    return Plane(hdu.fileinfo()["datLoc"], shape, dtype)


def _shape(path: Path, hdu: Any) -> tuple[int, int]:
    shape = image_shape(path, hdu)
    if len(shape) != 2:
        raise ProductError(f"{path}: {hdu.name} has {len(shape)} axes, not 2")
    ny, nx = shape
    if min(ny, nx) < 1 or max(ny, nx) > _LARGEST_SIDE_PX or ny * nx > _LARGEST_AREA_PX:
        raise ProductError(f"{path}: {hdu.name} is {nx} x {ny} px, which no mosaic is")
    return ny, nx


def _celestial(path: Path, header: fits.Header) -> WCS:
    """Read the WCS and check that it maps pixels to the sky."""
    wcs = read_wcs(path, header)
    corner = wcs.all_pix2world([[0.0, 0.0], [1.0, 1.0]], 0)
    area = np.linalg.det(wcs.pixel_scale_matrix)
    if not np.isfinite(corner).all() or not np.isfinite(area) or area == 0:
        raise ProductError(f"{path}: WCS of SCI doesn't lead to the sky (CRVAL, CD)")
    return wcs
