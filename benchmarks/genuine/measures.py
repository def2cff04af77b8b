"""Numbers of drizzled products and catalogs that show how they were made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.stats import mad_std
from astropy.table import Table
from numpy.typing import NDArray
from photutils.psf import fit_fwhm
from scipy.spatial import cKDTree

from benchmarks.present import present
from spacekit.mosaic.background import Sky
from spacekit.mosaic.crossmatch import faint_sources
from spacekit.mosaic.detect import Detection, detect, edge_distance
from spacekit.mosaic.drizzle import PLATE_SCALES_ARCSEC, Stack
from spacekit.mosaic.parameters import settings_for
from spacekit.visit.drizzled import Drizzled, read_drizzled
from spacekit.visit.nouns import Mosaic

#: Stars whose profile and core are looked at, how far apart they must be, px.
STARS = 60
ISOLATED_PX = 8
#: A pixel below this share of the usual weight lost an exposure.
LOST = 0.75


@dataclass(frozen=True)
class Image:
    """What a filter product looks like.

    Parameters
    ----------
    noise : float
        Robust standard deviation of the exposed pixels, electrons/s.
    fwhm_px : float
        Median width of bright isolated stars.
    weight_s : float
        Median weight of the exposed pixels.
    lost : float
        Share of the exposed pixels with less than three quarters of that.
    cores : float
        Share of bright stars with such a pixel among the nine at their core.
    """

    noise: float
    fwhm_px: float
    weight_s: float
    lost: float
    cores: float


def measure_image(path: Path) -> Image:
    """Measure one filter product."""
    image = read_drizzled(path)
    there = image.footprint
    pixels, weight = np.where(there, image.sci, 0), image.wht
    usual = float(np.median(weight[there]))
    noise = float(mad_std(pixels[there]))
    stars = bright_stars(image, noise)
    cores = np.array([weight[y - 1 : y + 2, x - 1 : x + 2].min() for x, y in stars])
    widths = fit_fwhm(pixels, xypos=stars, fit_shape=7) if len(stars) else [np.nan]
    return Image(
        noise=noise,
        fwhm_px=float(np.nanmedian(widths)),
        weight_s=usual,
        lost=float(np.mean(weight[there] < LOST * usual)),
        cores=float(np.mean(cores < LOST * usual)) if len(cores) else np.nan,
    )


def bright_stars(image: Drizzled, noise: float) -> NDArray[np.int_]:
    """Give the pixels of the brightest isolated stars that aren't saturated."""
    detector = str(image.primary["DETECTOR"]).strip().lower()
    fwhm_px = settings_for(detector).fwhm_arcsec / PLATE_SCALES_ARCSEC[detector]
    pixels = np.where(image.footprint, image.sci, 0)
    inside = edge_distance(image.wht) > 20
    found: NDArray[np.int_]
    found = np.rint(faint_sources(pixels, inside, Sky(0.0, 10 * noise), fwhm_px)).astype(int)
    if len(found) < 2:
        return found
    apart = cKDTree(found).query(found, k=2)[0][:, 1] > ISOLATED_PX
    found = found[apart]
    bright = pixels[found[:, 1], found[:, 0]]
    order = np.argsort(-bright)
    return found[order[len(order) // 20 :][:STARS]]  # the very brightest may be saturated


@dataclass(frozen=True)
class Magnitudes:
    """How one filter catalog differs from another: ours minus theirs, of matched sources.

    Parameters
    ----------
    matched : int
        Sources within a pixel of one another.
    magnitude, magnitude_scatter : float
        Median and robust scatter of MagAp2 of sources with a good signal, mag.
    ci, ci_scatter : float
        The same of the concentration index.
    flags : float
        Share of matched sources with the same flag.
    """

    matched: int
    magnitude: float
    magnitude_scatter: float
    ci: float
    ci_scatter: float
    flags: float


def compare_magnitudes(theirs: Path, ours: Path, scale_arcsec: float) -> Magnitudes:
    """Match two catalogs of a filter on the sky and compare their photometry."""
    one, two = Table.read(theirs), Table.read(ours)
    shrink = np.cos(np.radians(one["DEC"][0]))
    sky = [np.column_stack([t["RA"] * shrink, t["DEC"]]) for t in (one, two)]
    distance, index = cKDTree(sky[1] * 3600).query(sky[0] * 3600)
    near = distance < scale_arcsec
    one, two = one[near], two[index[near]]
    good = (one["MagErrAp2"] < 0.05) & (one["MagErrAp2"] > 0) & (two["MagAp2"] > -9000)
    magnitude = np.asarray(two["MagAp2"] - one["MagAp2"])[good]
    ci = np.asarray(two["CI"] - one["CI"])[good]
    return Magnitudes(
        matched=int(near.sum()),
        magnitude=float(np.median(magnitude)),
        magnitude_scatter=float(mad_std(magnitude)),
        ci=float(np.median(ci)),
        ci_scatter=float(mad_std(ci)),
        flags=float(np.mean(np.asarray(one["Flags"] == two["Flags"]))),
    )


@dataclass(frozen=True)
class SamePixels:
    """Our detection on the real pipeline's total.

    Parameters
    ----------
    theirs, ours, common : int
        Sources in each catalog, and of theirs those with one of ours within a pixel.
    """

    theirs: int
    ours: int
    common: int


def detect_on(mosaic: Mosaic) -> dict[str, SamePixels]:
    """Detect on a genuine total and compare with what the real pipeline found on it."""
    found = _detection(read_drizzled(present(mosaic.total.drizzled)))
    ours = {
        "point": found.point,
        "segment": np.column_stack([found.shapes["X-Centroid"], found.shapes["Y-Centroid"]]),
    }
    out = {}
    for kind in ("point", "segment"):
        table = Table.read(getattr(mosaic.filters[0], f"{kind}_catalog"))
        xy = np.column_stack([table.columns[0], table.columns[1]])
        distance, _ = cKDTree(ours[kind]).query(xy)
        out[kind] = SamePixels(len(xy), len(ours[kind]), int((distance < 1).sum()))
    return out


def _detection(total: Drizzled) -> Detection:
    header = total.primary
    detector = str(header["DETECTOR"]).strip().lower()
    settings = settings_for(detector)
    noise = max((header[k] for k in header if k.startswith("READNSE")), default=0.0)
    floor = float(np.sqrt(header["NUMEXP"]) * noise / header["EXPTIME"])
    stack = Stack(np.nan_to_num(total.sci), total.wht, np.zeros((1, 1), np.int32))
    scale = PLATE_SCALES_ARCSEC[detector]
    return detect(stack, settings.for_chips(header["NDRIZIM"]), scale, floor, header["EXPTIME"])
