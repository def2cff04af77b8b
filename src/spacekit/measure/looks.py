"""Look at one product of a mosaic: its sources, where they lie in the mosaic's frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.errors import ProductError
from spacekit.measure.bodies import on_body
from spacekit.measure.ghosts import ghosts_among
from spacekit.measure.lost import LostWeight, find_lost
from spacekit.measure.matching import Places, match_positions
from spacekit.measure.peaks import ROUNDEST_TRACK
from spacekit.measure.rejected import filters_of
from spacekit.measure.shift import Shift
from spacekit.measure.sources import Sources, find_sources
from spacekit.measure.star_sizes import star_size_px
from spacekit.measure.twins import Twins, find_twins
from spacekit.visit.drizzled import Drizzled, Read, read_drizzled
from spacekit.visit.nouns import Product
from spacekit.visit.values import as_number, card

__all__ = [
    "OUTLINE_WAYS",
    "TWO_CHIPS",
    "Frame",
    "Look",
    "Notes",
    "look_at",
    "reproject",
    "same_grid",
]

Floats = NDArray[np.float64]

#: Centroid error of a point source of signal-to-noise 1, and of the brightest, px.
_ERROR_PX = 0.8
_ERROR_FLOOR_PX = 0.03
#: Size of a point source, as `Sources.size_px`; larger ones have larger errors.
_POINT_SIZE_PX = 1.1
#: A hot pixel, drizzled, is smaller than any star, or has more of its flux in one pixel; where in
#: doubt, look at sure ones. Stars of WFC3/IR, the sharpest, have 0.7 px and at most 0.35.
_SMALL_PX = 0.65
_SHARP = 0.38
_SURE_SNR = 8.0
#: A source of the total this near to one of an exposure confirms it.
_CONFIRMED_PX = 3.0
#: So many matches with the total tell where an exposure lies.
_SURE_SOURCES = 10
#: Products whose WCSs agree to this everywhere share a pixel grid, px.
_SAME_GRID_PX = 0.005
#: Detectors of two chips.
TWO_CHIPS = frozenset(("uvis", "wfc"))
#: Detectors whose filters' ghosts are found as sources; those of the CCDs are too wide and faint.
_WITH_GHOSTS = frozenset(("sbc",))
#: The footprint's outline is read from every so many pixels.
_OUTLINE_STEP = 4
#: Directions in which, and against which, its outermost pixels are sought.
OUTLINE_WAYS = np.array([(1, 0), (0, 1), (1, 1), (1, -1)], dtype=np.float64)


@dataclass(frozen=True)
class Frame:
    """The pixel grid that all products of a mosaic are compared on: the total's.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial.
    shape : tuple of int
        (ny, nx).
    """

    wcs: WCS
    shape: tuple[int, int]

    @property
    def centre(self) -> Floats:
        """Where shifts are quoted, (x, y) in 0-based px."""
        return np.array([(self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2])

    @cached_property
    def scale_mas(self) -> float:
        """Side of a pixel, mas; NaN where the WCS doesn't tell."""
        area = abs(float(np.linalg.det(self.wcs.pixel_scale_matrix)))
        return math.sqrt(area) * 3.6e6 if area > 0 else math.nan


@dataclass
class Notes:
    """What couldn't be measured and why, collected along the way.

    Parameters
    ----------
    reasons : list of str
        A sentence each.
    faults : dict of str to str
        A product's file that is there but can't be used, to what is wrong with it.
    """

    reasons: list[str]
    faults: dict[str, str]


@dataclass(frozen=True)
class Look:
    """What one product shows.

    Parameters
    ----------
    product : Product
        Whose it is.
    path : Path
        Its drizzled file.
    sources : Sources
        Positions in the mosaic's frame; none on a body that moves.
    same_grid : bool
        Whether the file's own pixels are those of the frame.
    outline : ndarray, shape (k, 2)
        Outermost exposed pixels in eight directions, px of the frame; none without footprint.
    middle : ndarray, shape (2,)
        Centroid of the footprint, px of the frame.
    exptime_s, start_mjd : float
        Exposure time, 1 where unknown; start of the first exposure, 0 where unknown.
    single : bool
        Whether it is made of one exposure.
    struck : bool
        Whether cosmic rays are still in it.
    moving : bool
        Whether the telescope tracked something that moves against the stars.
    twins : Twins or None
        What stands beside every source; not looked for in exposures, nor where the target moves,
        whose own spots are no stars.
    lost : LostWeight or None
        Where stars lack weight; looked for where twins are.
    star_px : float
        The size that its detector and filters make of a star; NaN where that isn't known, or
        not looked for, as twins aren't.
    against : Shift or None
        How an exposure lies against the total, where that was asked and found.
    unconfirmed : Look or None
        The same with all its sources, where some were left out.
    """

    product: Product
    path: Path
    sources: Sources
    same_grid: bool
    outline: Floats
    middle: Floats
    exptime_s: float
    start_mjd: float
    single: bool
    struck: bool
    moving: bool
    twins: Twins | None = None
    lost: LostWeight | None = None
    star_px: float = math.nan
    against: Shift | None = None
    unconfirmed: Look | None = None

    @property
    def title(self) -> str:
        """Filter, and the exposure's letters where it is one."""
        return f"{self.product.name.filter} {self.product.name.exposure}".strip()

    @cached_property
    def places(self) -> Places:
        """Positions of all sources with their errors."""
        return _places(self.sources)

    @cached_property
    def round_places(self) -> Places:
        """Positions of those that don't look like a cosmic ray's track."""
        return _places(self.sources.select(_is_round(self.sources)))

    @cached_property
    def star_places(self) -> Places:
        """Positions of those that have a star's extent, which hot pixels don't."""
        sources = self.sources
        extended = (sources.size_px >= _SMALL_PX) & (sources.sharpness <= _SHARP)
        return _places(sources.select(_is_round(sources) & extended & (sources.snr >= _SURE_SNR)))

    def on_chip(self, number: float) -> Look:
        """Keep the sources that lie on one chip."""
        return replace(self, sources=self.sources.select(self.sources.chip == number))

    def confirmed_by(self, other: Look) -> Look:
        """Keep the sources that another product shows too, here or at one shift.

        A single exposure's cosmic rays and hot pixels outnumber its stars; in the total they
        have been rejected. Where fewer than three are kept, all are.
        """
        radius = _CONFIRMED_PX
        tree = cKDTree(other.places.xy) if len(other.sources) else None
        if tree is None or not len(self.sources):
            return self
        kept = np.isfinite(tree.query(self.places.xy, distance_upper_bound=radius)[0])
        shift = match_positions(other.places, self.round_places)
        if shift is not None:
            back = self.places.xy - shift.at(self.places.xy)
            kept |= np.isfinite(tree.query(back, distance_upper_bound=radius)[0])
        sources = self.sources.select(kept) if kept.sum() >= 3 else self.sources
        sure = shift is not None and shift.sources >= _SURE_SOURCES
        against = shift if sure else None
        return replace(self, sources=sources, against=against, unconfirmed=self)


def _is_round(sources: Sources) -> NDArray[np.bool_]:
    elongation: NDArray[np.bool_] = np.hypot(sources.e1, sources.e2) <= ROUNDEST_TRACK
    return elongation


def _places(sources: Sources) -> Places:
    size = np.nan_to_num(np.maximum(sources.size_px / _POINT_SIZE_PX, 1.0), nan=2.0)
    errors = np.hypot(_ERROR_FLOOR_PX, _ERROR_PX * size / sources.snr)
    return Places(np.column_stack([sources.x, sources.y]), errors)


def look_at(
    product: Product, frame: Frame | None, notes: Notes, read: Read = read_drizzled
) -> tuple[Look, Drizzled] | tuple[None, None]:
    """Find one product's sources.

    Parameters
    ----------
    product : Product
        Which.
    frame : Frame or None
        The mosaic's frame; None where this product makes it.
    notes : Notes
        Told why where it can't be done.
    read : callable, optional
        Opens the product's image.

    Returns
    -------
    Look and Drizzled, or None and None
        The latter holds its pixels until it is let go.
    """
    title = f"{product.name}"
    if product.drizzled is None:
        notes.reasons.append(f"{title}: no drizzled image")
        return None, None
    try:
        drizzled = read(product.drizzled)
        look = _look(product, product.drizzled, drizzled)
    except ProductError as error:
        notes.faults[str(product.drizzled)] = str(error)
        return None, None
    if not len(look.sources):
        notes.reasons.append(f"{title}: no sources")
    if frame is not None and not same_grid(drizzled, frame.wcs):
        moved = _in_frame(look, drizzled, frame)
        if moved is None:
            fault = f"{title}: its WCS doesn't lead into the total's image"
            notes.faults[str(product.drizzled)] = fault
            return None, None
        look = moved
    return look, drizzled


def _look(product: Product, path: Path, drizzled: Drizzled) -> Look:
    """Look at a product in its own pixels."""
    sources = find_sources(drizzled.sci, drizzled.wht)
    if product.name.detector in _WITH_GHOSTS:
        sources = sources.select(~ghosts_among(sources.x, sources.y, sources.flux))
    if product.name.exposure and product.name.detector in TWO_CHIPS:
        sources = _on_chips(sources, drizzled)
    twins, lost, star_px = None, None, math.nan
    moving = card(drizzled.primary, "MTFLAG") in ("T", True)
    if moving:
        spots = on_body(drizzled.sci, drizzled.wht, sources.x, sources.y)
        sources = sources.select(~spots)
    elif not product.name.exposure:
        twins = find_twins(drizzled.sci, drizzled.wht, sources)
        lost = find_lost(drizzled.wht, sources)
        name = product.name
        bands = filters_of(drizzled.primary) if name.is_total else (name.filter,)
        star_px = star_size_px(name.detector, bands)
    outline, middle = _outline(drizzled.wht)
    return Look(
        product,
        path,
        sources,
        same_grid=True,
        outline=outline,
        middle=middle[0],
        exptime_s=_positive(drizzled, "EXPTIME", 1.0),
        start_mjd=_positive(drizzled, "EXPSTART", 0.0),
        single=_is_single(drizzled),
        struck=_is_struck(drizzled),
        moving=moving,
        twins=twins,
        lost=lost,
        star_px=star_px,
    )


def _on_chips(sources: Sources, drizzled: Drizzled) -> Sources:
    """Tell on which chip each source of an exposure lies, where its context image does."""
    try:
        context = drizzled.context_at(
            np.rint(sources.y).astype(int), np.rint(sources.x).astype(int)
        )
    except ProductError:  # none, or none that can be read: then chips can't be told apart
        return sources
    # bit k: input chip k; one that both chips reach is on neither
    return replace(sources, chip=np.select([context[0] == 1, context[0] == 2], [1.0, 2.0], 0.0))


def _positive(drizzled: Drizzled, key: str, otherwise: float) -> float:
    """Give a number of the primary header, `otherwise` where it makes no sense."""
    value = as_number(card(drizzled.primary, key))
    return value if value is not None and value > 0 else otherwise


def _is_struck(drizzled: Drizzled) -> bool:
    """Say whether cosmic rays couldn't be rejected: a CCD's product of one exposure.

    IR exposures are rid of them by their ramps, SBC counts photons.
    """
    detector = str(card(drizzled.primary, "DETECTOR")).strip().lower()
    return _is_single(drizzled) and detector in {"uvis", "wfc", "hrc"}


def _is_single(drizzled: Drizzled) -> bool:
    return as_number(card(drizzled.primary, "NUMEXP")) == 1


def _outline(wht: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Give the outermost exposed pixels in eight directions, (8, 2), and the centroid, (1, 2).

    Without footprint there are none, and the centroid is that of the array.
    """
    ny, nx = wht.shape
    exposed = wht > 0
    y, x = np.nonzero(exposed[::_OUTLINE_STEP, ::_OUTLINE_STEP])
    if not len(x):
        return np.empty((0, 2)), np.array([[(nx - 1) / 2, (ny - 1) / 2]])
    across, along = (exposed.sum(axis=axis, dtype=np.float64) for axis in (0, 1))
    middle = np.array([[np.arange(nx) @ across, np.arange(ny) @ along]]) / across.sum()
    # ends of the rows are all that can be outermost
    first = np.flatnonzero(np.diff(y, prepend=-1))
    ends = np.concatenate([first, np.append(first[1:], len(y)) - 1])
    place = np.column_stack([x[ends], y[ends]]).astype(np.float64) * _OUTLINE_STEP
    reach = place @ np.vstack([OUTLINE_WAYS, -OUTLINE_WAYS]).T
    outline: Floats = place[reach.argmax(axis=0)]
    return outline, middle


def _corners(drizzled: Drizzled) -> Floats:
    ny, nx = drizzled.shape
    return np.array([[0.0, 0.0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1]])


def same_grid(drizzled: Drizzled, wcs: WCS) -> bool:
    """Say whether a product lies on another's grid, as the pipeline drizzles them."""
    corners = _corners(drizzled)
    moved = reproject(corners, drizzled.wcs, wcs)
    return moved is not None and float(np.abs(moved - corners).max()) < _SAME_GRID_PX


def _in_frame(look: Look, drizzled: Drizzled, frame: Frame) -> Look | None:
    """Put a look's positions on the mosaic's grid; None where the WCS can't do that."""
    corners = _corners(drizzled)
    moved = reproject(corners, drizzled.wcs, frame.wcs)
    if moved is None or np.abs(moved - corners).max() > 20 * max(drizzled.shape):
        return None
    sources = look.sources
    places = np.column_stack([sources.x, sources.y])
    both = reproject(np.vstack([places, look.outline, look.middle]), drizzled.wcs, frame.wcs)
    if both is None:
        return None
    places, outline, middle = np.split(both, [len(places), len(both) - 1])
    sources = replace(sources, x=places[:, 0], y=places[:, 1])
    return replace(look, sources=sources, same_grid=False, outline=outline, middle=middle[0])


def reproject(places: Floats, wcs: WCS, frame: WCS) -> Floats | None:
    """Send pixels of one WCS to pixels of another, shape (n, 2); None where one isn't celestial."""
    if not (wcs.has_celestial and frame.has_celestial):
        return None
    if not len(places):
        return places
    try:
        sky = wcs.wcs_pix2world(places, 0)
        moved: Floats = frame.wcs_world2pix(sky, 0)
    except ValueError:
        # wcslib's errors inherit from it: a singular matrix, coordinates beyond the projection
        return None
    return moved if np.isfinite(moved).all() else None
