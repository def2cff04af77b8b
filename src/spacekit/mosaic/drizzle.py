"""The mosaic's pixel grid, pixel maps onto it, and drizzling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.scratch import keep, release, zeros
from spacekit.mosaic.strips import THIN_ROWS, strips

__all__ = [
    "PLATE_SCALES_ARCSEC",
    "Layer",
    "PixelMap",
    "Stack",
    "combine",
    "drizzle_layers",
    "mosaic_grid",
    "pixel_map",
    "plate_scale_arcsec",
]

#: Scale of the products by detector, arcsec per pixel (drizzlepac's SVM parameter files;
#: distortion tables for those that keep the native scale).
PLATE_SCALES_ARCSEC: Final[dict[str, float]] = {
    "ir": 0.1282500028610229,
    "uvis": 0.03962000086903572,
    "wfc": 0.05,
    "hrc": 0.025,
    "sbc": 0.025,
}

#: Distance of the nodes at which WCSs are evaluated exactly, px. SIP of order 4 to 5 between
#: nodes that far apart is reproduced by cubic splines to 1e-4 px.
_NODE_PX: Final = 32


@dataclass(frozen=True)
class Layer:
    """One chip, ready to be drizzled.

    Parameters
    ----------
    rate : ndarray, shape (ny, nx), float32
        Electrons/s, sky as it should be in the product.
    weight : ndarray, shape (ny, nx), float32
        Exposure time in s where the pixel is good, 0 where it isn't.
    pixels : PixelMap
        Where its pixels land in the mosaic.
    exptime_s : float
        Exposure time.
    """

    rate: NDArray[np.float32]
    weight: NDArray[np.float32]
    pixels: PixelMap
    exptime_s: float


@dataclass(frozen=True)
class Stack:
    """A drizzled image; 0 with weight 0 where nothing contributed.

    Parameters
    ----------
    sci, wht : ndarray, shape (ny, nx), float32
        Electrons/s and seconds.
    ctx : ndarray, shape (ny, nx), int32
        Bit n set where layer n contributed (32 layers at most are told apart).
    """

    sci: NDArray[np.float32]
    wht: NDArray[np.float32]
    ctx: NDArray[np.int32]

    def kept(self, folder: Path) -> Stack:
        """Give the image with its planes in files of a folder, see `keep`."""
        return Stack(keep(self.sci, folder), keep(self.wht, folder), keep(self.ctx, folder))

    def release(self) -> None:
        """Drop from memory what was looked at of a kept image."""
        release(self.sci, self.wht, self.ctx)


def plate_scale_arcsec(exposure: Exposure) -> float:
    """Give the products' scale for an exposure's detector, arcsec per pixel."""
    known = PLATE_SCALES_ARCSEC.get(exposure.detector)
    if known is not None:
        return known
    cd = exposure.chips[0].wcs.pixel_scale_matrix
    return float(np.sqrt(abs(np.linalg.det(cd))) * 3600)


def _orientation(exposure: Exposure, wcs: WCS) -> float:
    """Give the position angle of the exposure's y axis as the pipeline takes it, radians.

    From the roll in the header (PA_V3) and the angle of the detector (IDCTHETA) where they are
    there, else from the WCS. A header whose roll contradicts its WCS gets the same wide
    borders that the pipeline gives it.
    """
    roll, theta = exposure.header.get("PA_V3"), exposure.chips[0].header.get("IDCTHETA")
    if isinstance(roll, float | int) and isinstance(theta, float | int):
        return float(np.radians(roll + theta))
    cd = wcs.pixel_scale_matrix
    return float(np.arctan2(cd[0, 1], cd[1, 1]))


def mosaic_grid(
    exposures: Sequence[Exposure], wcs: Sequence[Sequence[WCS]]
) -> tuple[WCS, tuple[int, int]]:
    """Make the grid all products of a visit share: north up, native scale, all chips on it.

    As the pipeline does: the tangent point is the mean direction of the chips' corners; the
    bounding box is taken along the axes of the first exposure and that box is turned north,
    which is what leaves the wide empty borders of genuine products.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of one detector.
    wcs : sequence of sequence of WCS
        For each exposure the WCS of each chip.

    Returns
    -------
    wcs : WCS
        TAN, no distortion.
    shape : (int, int)
        ny, nx.
    """
    corners = np.vstack([w.calc_footprint() for each in wcs for w in each])
    ra, dec = np.radians(corners).T
    x, y, z = (
        np.mean(v) for v in (np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec))
    )
    scale_deg = plate_scale_arcsec(exposures[0]) / 3600
    north = _tangent_wcs(
        (np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))), scale_deg
    )
    turn = _orientation(exposures[0], wcs[0][0])
    # axes of the first exposure, in mosaic pixels relative to the tangent point
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    along = (north.wcs_world2pix(corners, 1) - north.wcs.crpix) @ rotation.T
    low = along.min(axis=0)
    size = np.ceil(along.max(axis=0) - low)
    # Half-pixel and one-pixel terms are the pipeline's, so that grids come out the same.
    centre = low + size / 2 - 1
    box = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) * size / 2 + 0.5
    turned = box @ rotation
    low_x, low_y = turned.min(axis=0)
    width, height = (int(np.ceil(v)) for v in turned.max(axis=0) - (low_x, low_y))
    north.wcs.crval = north.wcs_pix2world([centre @ rotation + north.wcs.crpix], 1)[0]
    north.wcs.crpix = [0.5 - low_x, 0.5 - low_y]
    north.pixel_shape = (width, height)
    north.wcs.set()
    return north, (height, width)


def _tangent_wcs(crval_deg: tuple[float, float], scale_deg: float) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = crval_deg
    wcs.wcs.crpix = [1.0, 1.0]
    wcs.wcs.cd = np.array([[-scale_deg, 0.0], [0.0, scale_deg]])
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def _nodes(size: int) -> NDArray[np.float64]:
    """Give nodes that reach beyond both edges by half a pixel, at least four of them."""
    return np.linspace(-0.5, size - 0.5, max(4, size // _NODE_PX + 2))


@dataclass(frozen=True)
class PixelMap:
    """Where a chip's pixels land in the mosaic: splines, evaluated when they are asked for.

    A grid of a full-format chip takes 134 MB, its evaluation half a second.

    Parameters
    ----------
    x, y : RectBivariateSpline
        Mosaic x and y (0-based) by row and column.
    shape : (int, int)
        ny, nx of the chip.
    """

    x: RectBivariateSpline
    y: RectBivariateSpline
    shape: tuple[int, int]

    def grid(self) -> NDArray[np.float64]:
        """Give mosaic x and y of each pixel, shape (ny, nx, 2)."""
        out = np.empty((*self.shape, 2))
        rows, columns = (np.arange(n) for n in self.shape)
        for band, _ in strips(self.shape[0], height=THIN_ROWS):
            for axis, spline in enumerate((self.x, self.y)):
                out[band, :, axis] = spline(rows[band], columns)
        return out


def pixel_map(wcs: WCS, mosaic: WCS, shape: tuple[int, int]) -> PixelMap:
    """Map each pixel of a chip to the mosaic.

    Both WCSs are evaluated exactly on a coarse grid, cubic splines fill in.

    Parameters
    ----------
    wcs : WCS
        Of the chip, with its distortion.
    mosaic : WCS
        Of the mosaic.
    shape : (int, int)
        ny, nx of the chip.
    """
    ys, xs = _nodes(shape[0]), _nodes(shape[1])
    grid_x, grid_y = np.meshgrid(xs, ys)
    ra, dec = wcs.all_pix2world(grid_x.ravel(), grid_y.ravel(), 0)
    splines = [
        RectBivariateSpline(ys, xs, values.reshape(grid_x.shape))
        for values in mosaic.wcs_world2pix(ra, dec, 0)
    ]
    return PixelMap(splines[0], splines[1], shape)


def drizzle_layers(
    layers: Iterable[Layer],
    shape: tuple[int, int],
    *,
    kernel: str = "square",
    pixfrac: float = 1.0,
    context: bool = True,
) -> Stack:
    """Drizzle layers onto one image, weighted by exposure time.

    Parameters
    ----------
    layers : iterable of Layer
        What to combine.
    shape : (int, int)
        ny, nx of the mosaic.
    kernel : str
        drizzle's kernel.
    pixfrac : float
        How much pixels are shrunk before they are dropped.
    context : bool
        Whether it is wanted which layer contributed where; without, `ctx` is all 0.
    """
    from drizzle.resample import Drizzle

    sci, wht = zeros(shape, np.float32), zeros(shape, np.float32)
    plane = zeros(shape, np.int32) if context else None
    # without a fill value what nothing contributes to is left alone, and takes no memory
    driz = Drizzle(kernel=kernel, out_img=sci, out_wht=wht, out_ctx=plane, disable_ctx=not context)
    for layer in layers:
        driz.add_image(
            layer.rate,
            exptime=layer.exptime_s,
            pixmap=layer.pixels.grid(),
            weight_map=layer.weight,
            pixfrac=pixfrac,
            in_units="cps",
        )
        del layer  # before the next is made
    return Stack(sci, wht, np.broadcast_to(np.int32(0), shape) if plane is None else plane)


def combine(stacks: Sequence[Stack], chips: Sequence[int]) -> Stack:
    """Add drizzled images: drizzling is linear, so what they were made of comes out at once.

    That needs the same `pixfrac` for all, and for what is wanted of them.

    Parameters
    ----------
    stacks : sequence of Stack
        On one grid.
    chips : sequence of int
        Number of layers in each, for the context bits.
    """
    shape = stacks[0].sci.shape
    sci, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    context = np.zeros(shape, np.int32)
    for band, _ in strips(shape[0], height=THIN_ROWS):  # products of whole images take memory
        light = np.zeros_like(sci[band])
        before = 0
        for stack, number in zip(stacks, chips, strict=True):
            weight[band] += stack.wht[band]
            light += stack.sci[band] * stack.wht[band]
            if before < 31:
                context[band] |= stack.ctx[band] << before
            before += number
            stack.release()
        np.divide(light, weight[band], out=sci[band], where=weight[band] > 0)
    return Stack(sci, weight, context)
