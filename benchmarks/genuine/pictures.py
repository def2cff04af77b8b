"""Pictures of the same sky, made by the real pipeline and by ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.stats import mad_std
from astropy.visualization import AsinhStretch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from benchmarks.genuine.measures import bright_stars
from benchmarks.genuine.runs import Run
from benchmarks.present import present
from spacekit.visit.drizzled import Drizzled, read_drizzled

SIDE_PX = 190
ZOOM = 2
GREYS = 24


def draw(run: Run, path: Path) -> None:
    """Draw total and weight of a busy place: above the real pipeline's, below ours."""
    theirs, ours = (read_drizzled(present(m.total.drizzled)) for m in run.sides.values())
    there = theirs.footprint
    noise = float(mad_std(theirs.sci[there]))
    x, y = busiest(bright_stars(theirs, noise))
    places = {"real": (x, y), "ours": moved(theirs, ours, x, y)}
    rows = []
    for image, (cx, cy) in zip((theirs, ours), places.values(), strict=True):
        light = AsinhStretch(0.05)(np.clip((cut(image.sci, cx, cy) / noise + 3) / 150, 0, 1))
        weight = cut(image.wht, cx, cy) / np.median(theirs.wht[there]) / 1.1
        rows.append(np.hstack([bordered(light), bordered(np.clip(weight, 0, 1))]))
    picture = np.rint(np.vstack(rows) * (GREYS - 1)) * (255 / (GREYS - 1))
    large = picture.astype(np.uint8).repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(large).save(path, optimize=True)


def busiest(stars: NDArray[np.int_]) -> tuple[int, int]:
    """Give the star with most others around."""
    near = cKDTree(stars).query_ball_point(stars, SIDE_PX / 3, return_length=True)
    x, y = stars[int(np.argmax(near))]
    return int(x), int(y)


def moved(one: Drizzled, other: Drizzled, x: int, y: int) -> tuple[int, int]:
    """Give where a pixel of one mosaic lies on the other."""
    sky = one.wcs.wcs_pix2world(x, y, 0)
    there = other.wcs.wcs_world2pix(*sky, 0)
    return int(np.rint(there[0])), int(np.rint(there[1]))


def cut(pixels: NDArray[np.float32], x: int, y: int) -> NDArray[np.float32]:
    """Cut a square, north up; 0 beyond the image."""
    half = SIDE_PX // 2
    padded = np.pad(np.nan_to_num(pixels), half)
    return padded[y : y + SIDE_PX, x : x + SIDE_PX][::-1]


def bordered(panel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put a white line around a panel."""
    return np.pad(panel, 1, constant_values=1.0)
