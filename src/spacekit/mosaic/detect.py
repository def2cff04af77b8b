"""Find the sources of a total detection image as the pipeline's catalogs do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.background import Sky, depth_of, measure_sky, sky_map
from spacekit.mosaic.drizzle import Stack
from spacekit.mosaic.flattened import Flattened
from spacekit.mosaic.parameters import DetectionSettings
from spacekit.mosaic.points import find_points
from spacekit.mosaic.scratch import release
from spacekit.mosaic.segments import SegmentFinder, Segments, find_segments, segment_shapes
from spacekit.mosaic.strips import strips

__all__ = ["Detection", "detect", "edge_distance"]

#: Border of the exposed part in which nothing is detected, px (drizzlepac erodes by as much),
#: and a wider one for the peaks that point sources start from (that and the box of 11).
_EDGE_PX: Final = 10
_CORE_PX: Final = 21


@dataclass(frozen=True)
class Detection:
    """What was found on a total detection image.

    Parameters
    ----------
    point : ndarray, shape (n, 2), float64
        x and y of point sources, 0-based mosaic pixels.
    labels : ndarray, shape (ny, nx), int32
        Segmentation image: k + 1 for the k-th segment.
    shapes : dict of str to ndarray
        From `segment_shapes`.
    inside : ndarray of bool, shape (ny, nx)
        Where sources were looked for.
    """

    point: NDArray[np.float64]
    labels: NDArray[np.int32]
    shapes: dict[str, NDArray[Any]]
    inside: NDArray[np.bool_]


def edge_distance(weight: NDArray[np.float32]) -> NDArray[np.int32]:
    """Give how many steps along rows and columns lead from a pixel out of the exposed part."""
    exposed = np.pad(weight > 0, 1)
    distance: NDArray[np.int32] = ndimage.distance_transform_cdt(exposed, metric="taxicab")
    return distance[1:-1, 1:-1]


def detect(
    total: Stack,
    settings: DetectionSettings,
    scale_arcsec: float,
    floor_rms: float,
    seconds: float,
) -> Detection:
    """Find point sources and segments on a total detection image.

    Parameters
    ----------
    total : Stack
        Of all exposures.
    settings : DetectionSettings
        Of the detector.
    scale_arcsec : float
        Plate scale.
    floor_rms : float
        Least rms that read noise allows, electrons/s: sqrt(exposures) * read noise / total time.
    seconds : float
        Total exposure time.

    Returns
    -------
    Detection
        Empty where nothing was found.
    """
    inside, core = (np.empty(total.wht.shape, bool) for _ in range(2))
    for rows, own in strips(len(inside), margin=_CORE_PX):
        mine = np.s_[rows.start + own.start : rows.start + own.stop]
        distance = edge_distance(total.wht[rows])[own]
        inside[mine], core[mine] = distance > _EDGE_PX, distance > _CORE_PX
        release(total.wht)
    exposed = int(np.count_nonzero(total.wht > 0))
    release(total.wht)
    if not inside.any():
        none = Segments(np.zeros(total.sci.shape, np.int32), 0, total.sci)
        return Detection(np.empty((0, 2)), none.labels, segment_shapes(none), inside)
    sky = measure_sky(total.sci, inside, settings, floor_rms, seconds)
    release(total.sci)
    depth = depth_of(total.wht, inside, settings.depth_step)
    release(total.wht)
    image = Flattened(total.sci, sky.level, depth)
    point = find_points(image, core, settings.nsigma_point * sky.rms, settings.star_fwhm_px)
    del core
    mapped = not isinstance(sky.level, float)
    finder = SegmentFinder(sky.rms, settings.fwhm_arcsec / scale_arcsec, settings, exposed)

    def other_sky() -> Sky | None:
        return None if mapped else sky_map(total.sci, inside, settings.box_px, sky.lift)

    segments = find_segments(image, finder, other_sky)
    return Detection(point, segments.labels, segment_shapes(segments), inside)
