"""Find point sources on a total detection image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from spacekit.mosaic.flattened import Flattened
from spacekit.mosaic.strips import strips

__all__ = ["find_points", "star_shapes"]

#: Side of the blocks that are deconvolved together (`block_size`).
_BLOCK_PX: Final = 1024

#: Full width at half maximum of a Gaussian in units of its sigma.
_FWHM_SIGMAS: Final = 2.3548200450309493

#: Half the side of the box in which seeds are looked for; other peaks count this near to one.
_SEED_REACH_PX: Final = 5

#: Limits of DAOFind's sharpness and of both its roundnesses (exclusive).
_SHARPNESS: Final = (0.4, 0.9)
_ROUNDNESS: Final = 1.0

#: A star's cutout reaches this far, px; of it the pixels within as much of the centre count.
_REACH_PX: Final = 2


def find_points(
    image: Flattened, core: NDArray[np.bool_], threshold: float, fwhm_px: float
) -> NDArray[np.float64]:
    """Find stellar peaks above a threshold.

    As the pipeline does: what is above the threshold is deconvolved, the highest pixel of each
    box of 11 is a seed, and peaks of the image itself count near seeds. The pipeline deconvolves
    with a library PSF, here a Gaussian of the same width stands for it.

    Parameters
    ----------
    image : Flattened
        The total detection image.
    core : ndarray of bool, shape (ny, nx)
        Where seeds may lie.
    threshold : float
        In the deepest region, electrons/s.
    fwhm_px : float
        Of a star.

    Returns
    -------
    ndarray, shape (n, 2), float64
        x and y, 0-based, by y.
    """
    above = _Above(image, threshold)
    parts = [above.peaks(*strip) for strip in strips(image.shape[0], margin=2)]
    yx = np.concatenate([p for p in parts if len(p)] or [np.empty((0, 2), np.intp)])
    if not len(yx):
        return np.empty((0, 2))
    yx = yx[_near_seeds(above, yx, core, fwhm_px)]
    cutouts = above.cutouts(yx, _REACH_PX)
    sharpness, roundness, offset = star_shapes(cutouts, cutouts, fwhm_px)
    with np.errstate(invalid="ignore"):
        stellar = (sharpness > _SHARPNESS[0]) & (sharpness < _SHARPNESS[1])
        stellar &= (np.abs(roundness) < _ROUNDNESS).all(axis=1)
    return yx[stellar, ::-1] + offset[stellar]


@dataclass(frozen=True)
class _Above:
    """What of an image lies above its threshold."""

    image: Flattened
    threshold: float

    def peaks(self, rows: slice, own: slice) -> NDArray[np.intp]:
        """Give y and x of the highest pixels of 5 x 5 boxes in a strip."""
        strip = self.image.above(self.threshold, rows)
        peak = (strip > 0) & (strip == ndimage.maximum_filter(strip, size=5, mode="constant"))
        y, x = np.nonzero(peak[own])
        return np.column_stack([y + rows.start + own.start, x])

    def cutouts(self, yx: NDArray[np.intp], reach: int) -> NDArray[np.float32]:
        """Give square cutouts around pixels, 0 beyond the image."""
        steps = np.arange(-reach, reach + 1)
        y = yx[:, 0, None, None] + steps[:, None]
        x = yx[:, 1, None, None] + steps
        ny, nx = self.image.shape
        beyond = (y < 0) | (y >= ny) | (x < 0) | (x >= nx)
        at = np.clip(y, 0, ny - 1), np.clip(x, 0, nx - 1)
        found = self.image.above(self.threshold, at)
        found[np.broadcast_to(beyond, found.shape)] = 0
        return found


def _near_seeds(
    above: _Above, yx: NDArray[np.intp], core: NDArray[np.bool_], fwhm_px: float
) -> NDArray[np.bool_]:
    """Tell which peaks lie near a seed, a peak of the deconvolved image."""
    ny, nx = core.shape
    corners = [(y, x) for y in range(0, ny, _BLOCK_PX) for x in range(0, nx, _BLOCK_PX)]
    found = [_seeds(above, core, corner, fwhm_px) for corner in corners]
    seeds = np.concatenate(found)
    if not len(seeds):
        return np.zeros(len(yx), dtype=bool)
    distance, _ = cKDTree(seeds).query(yx, p=np.inf)
    near: NDArray[np.bool_] = distance <= _SEED_REACH_PX
    return near


def _seeds(
    above: _Above, core: NDArray[np.bool_], corner: tuple[int, int], fwhm_px: float
) -> NDArray[np.intp]:
    """Give y and x of the seeds in a block: the highest in boxes of 11 of what was positive.

    Nothing damps the deconvolution, as in the pipeline, whose damping rounds to zero: noise
    grows, and within the light of a bright star its grains are seeds.
    """
    y, x = corner
    block = np.s_[y : y + _BLOCK_PX, x : x + _BLOCK_PX]
    light = above.image.above(above.threshold, block).astype(np.float64)
    if not light.any():
        return np.empty((0, 2), np.intp)
    shape = tuple(fft.next_fast_len(n, real=True) for n in light.shape)
    down, across = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])
    damped = np.exp(-2 * (np.pi * fwhm_px / _FWHM_SIGMAS) ** 2 * (down**2 + across**2))
    sharp = fft.irfft2(fft.rfft2(light, shape) / damped, shape)[: light.shape[0], : light.shape[1]]
    sharp[(light <= 0) | ~core[block]] = 0
    highest = ndimage.maximum_filter(sharp, size=2 * _SEED_REACH_PX + 1, mode="constant")
    return np.argwhere((sharp > 0) & (sharp == highest)) + corner


def star_shapes(
    cutouts: NDArray[np.float32], smooth: NDArray[np.float32], fwhm_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Measure DAOFind's statistics of many stars at once.

    The pipeline gives the pixels themselves for the convolved ones where it looks for point
    sources, which photutils' DAOStarFinder can't be told to do.

    Parameters
    ----------
    cutouts, smooth : ndarray, shape (n, 5, 5)
        Around peaks, of the image and of the convolved image.
    fwhm_px : float
        Of the Gaussian whose marginals are fitted.

    Returns
    -------
    sharpness : ndarray, shape (n,)
        Peak less the mean of its neighbours, over the convolved peak.
    roundness : ndarray, shape (n, 2)
        From the symmetry of quadrants, and from the heights of the marginal fits.
    offset : ndarray, shape (n, 2)
        Of the centroid from the peak, x and y, px. NaN where nothing fits.

    Notes
    -----
    Stetson 1987, PASP 99, 191; the fits are those of DAOFIND with its triangular weights.
    """
    data = cutouts.astype(np.float64)
    side = data.shape[-1]
    step = np.arange(side) - side // 2
    near = step[:, None] ** 2 + step**2 <= _REACH_PX**2
    peak = data[:, side // 2, side // 2]
    others = (np.where(near, data, 0).sum(axis=(1, 2)) - peak) / (near.sum() - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sharpness = (peak - others) / smooth[:, side // 2, side // 2]
        height_x, shift_x = _marginal(data, fwhm_px, step)
        height_y, shift_y = _marginal(data.swapaxes(1, 2), fwhm_px, step)
        ground = 2 * (height_x - height_y) / (height_x + height_y)
        roundness = np.column_stack([_symmetry(smooth.astype(np.float64)), ground])
    return sharpness, roundness, np.column_stack([shift_x, shift_y])


def _symmetry(data: NDArray[np.float64]) -> NDArray[np.float64]:
    half = data.shape[-1] // 2
    quads = (
        data[:, : half + 1, half + 1 :],
        data[:, :half, : half + 1],
        data[:, half:, :half],
        data[:, half + 1 :, half:],
    )
    sums = [q.sum(axis=(1, 2)) for q in quads]
    total = np.abs(data).sum(axis=(1, 2)) - np.abs(data[:, half, half])
    lean = -sums[0] + sums[1] - sums[2] + sums[3]
    result: NDArray[np.float64] = np.where(lean == 0, 0.0, 2 * lean / total)
    return result


def _marginal(
    data: NDArray[np.float64], fwhm_px: float, step: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit sky + height * Gaussian to the weighted sums along y; height and shift in x."""
    sigma = fwhm_px / _FWHM_SIGMAS
    weight = step.size // 2 + 1 - np.abs(step)
    gauss = np.exp(-(step**2) / (2 * sigma**2))
    kernel = gauss * (gauss * weight).sum()  # the Gaussian's own weighted sum along y
    slope = -kernel * step
    sums = np.einsum("nyx,y->nx", data, weight)
    total = sums @ weight
    height = (sums * kernel) @ weight - total * (kernel @ weight) / weight.sum()
    height /= (kernel**2) @ weight - (kernel @ weight) ** 2 / weight.sum()
    height[height <= 0] = np.nan
    lean = (kernel * slope) @ weight - ((sums * slope) @ weight - (slope @ weight) * total)
    shift = lean / (height * ((slope**2) @ weight) / sigma**2)
    moment = (sums * step) @ weight / total
    limit = step.size / 2
    shift = np.where(np.abs(shift) > limit, np.where(np.abs(moment) > limit, 0, moment), shift)
    return height, shift
