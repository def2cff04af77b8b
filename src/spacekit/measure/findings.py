"""What was measured between and in a mosaic's products, product by product.

The table has one number for all products of a kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = [
    "CORRELATION",
    "NO_FILTER",
    "SOURCES",
    "Absolute",
    "Contrast",
    "Findings",
    "Group",
    "Offset",
    "ProductShape",
    "Repeat",
]

#: Ways an offset was measured.
SOURCES: Final = "sources"
CORRELATION: Final = "correlation"

#: Stands for the filter of an exposure whose filter isn't known.
NO_FILTER: Final = "exposure"


@dataclass(frozen=True)
class Offset:
    """How one filter's (or exposure's) product lies against the reference: its minus reference.

    Parameters
    ----------
    filter, exposure : str
        Whose product ("f814w"); the exposure's two letters, empty for a filter product.
    reference : str
        The reference's filter, with its exposure's letters after a blank where it is one.
    exptime_s : float
        Exposure time of the product.
    dx_px, dy_px : float
        Shift at the centre of the mosaic, along its axes.
    dx_mas, dy_mas : float
        The same in mas, NaN where the scale is unknown.
    sigma_px : float
        Standard error of each.
    sources : int
        Sources matched; 0 where images were correlated.
    largest_px : float
        Length of the shift where it is largest over the product's footprint; longer than
        (dx, dy) where the product is rotated, scaled or skewed.
    largest_sigma_px : float
        Its standard error, per axis: far from the sources a rotation is known less well.
    roll_deg : float
        Rotation from +x to +y, 0 where none is significant.
    scatter_px : float
        Robust standard deviation of single sources, per axis; NaN where images were correlated.
    method : str
        "sources" or "correlation".
    part_dx_px, part_dy_px : float
        A second shift that part of the sources have (a chip that is off, a second image of every
        star), NaN where there is none.
    part_sources : int
        Sources that have it.
    """

    filter: str
    exposure: str
    reference: str
    exptime_s: float
    dx_px: float
    dy_px: float
    dx_mas: float
    dy_mas: float
    sigma_px: float
    sources: int
    largest_px: float
    largest_sigma_px: float
    roll_deg: float
    scatter_px: float
    method: str
    part_dx_px: float = math.nan
    part_dy_px: float = math.nan
    part_sources: int = 0

    @property
    def title(self) -> str:
        """Filter, and the exposure's letters where it is one."""
        return f"{self.filter} {self.exposure}".strip()

    @property
    def length_px(self) -> float:
        """The length that counts: the largest over the footprint, or of a part of an exposure."""
        return max(self.largest_px, math.hypot(self.dx_px, self.dy_px), self._part_px)

    @property
    def led_by_part(self) -> bool:
        """Whether a part of an exposure lies further off than the whole."""
        return self.length_px == self._part_px > 0

    @property
    def sure_px(self) -> float:
        """The length less two standard errors, 0 at least."""
        sigma = self.sigma_px if self.led_by_part else self.largest_sigma_px
        return max(self.length_px - 2 * sigma, 0.0)

    @property
    def _part_px(self) -> float:
        counts = self.part_sources and self.exposure
        return math.hypot(self.part_dx_px, self.part_dy_px) if counts else 0.0


@dataclass(frozen=True)
class Group:
    """Products of one kind against the one in their middle.

    Parameters
    ----------
    reference : str
        Title of the medoid; empty where nothing was compared.
    reference_exptime_s : float
        Its exposure time.
    offsets : tuple of Offset
        One for each other product that could be matched.
    unmatched : tuple of str
        Titles of those with sources enough that match the reference at no shift.
    untold : tuple of str
        Titles of those whose missing match says nothing: too few stars, or too many cosmic rays.
    """

    reference: str = ""
    reference_exptime_s: float = math.nan
    offsets: tuple[Offset, ...] = ()
    unmatched: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductShape:
    """What the stars of one product tell by themselves; NaN: not measured.

    Parameters
    ----------
    title : str
        "total" or a filter.
    ellipticity, angle_deg : float
        Coherent ellipticity of the stars, and its direction from +x to +y.
    ellipticity_sigma : float
        Standard error of the first.
    stars : int
        They were measured on.
    weight_deficit : float
        1 - weight in the stars' cores over weight around.
    spread_px : float
        Largest distance of the filter's exposure products from their mean, px.
    twin_turned, twin_crossed, twin_near : float
        How significant it is that every source has a second image (`spacekit.measure.twins`).
    twin_dx_px, twin_dy_px : float
        Where that lies.
    twin_sources : int
        Sources that were stacked for it.
    turned_ellipticity, turned_sigmas : float
        How elongated stars are along a turn or a change of scale about the middle, at a typical
        distance from it, and that in standard errors (`spacekit.measure.shapes.turned_shape`).
    width, width_share : float
        How wide the stars are in units of what detector and filter make of one, and the share of
        the bright sources that are so wide (`spacekit.measure.widths.StarWidth`).
    width_sources : int
        How many these are.
    lost_turned, lost_crossed : float
        How significant it is that stars lack weight on one side (`spacekit.measure.lost`).
    lost_sources : int
        Stars that were stacked for it.
    """

    title: str
    ellipticity: float
    angle_deg: float
    ellipticity_sigma: float
    stars: int
    weight_deficit: float
    spread_px: float
    twin_turned: float = math.nan
    twin_crossed: float = math.nan
    twin_near: float = math.nan
    twin_dx_px: float = math.nan
    twin_dy_px: float = math.nan
    twin_sources: int = 0
    turned_ellipticity: float = math.nan
    turned_sigmas: float = math.nan
    width: float = math.nan
    width_share: float = math.nan
    width_sources: int = 0
    lost_turned: float = math.nan
    lost_crossed: float = math.nan
    lost_sources: int = 0

    @property
    def twin_px(self) -> float:
        """How far the second image lies, px."""
        return math.hypot(self.twin_dx_px, self.twin_dy_px)


@dataclass(frozen=True)
class Contrast:
    """How much wider sources are in one filter than in another, source by source.

    Parameters
    ----------
    wider, narrower : str
        The filters.
    px2 : float
        The median difference of mean square widths, less what the filters make of a star.
    sigma_px2 : float
        Its standard error.
    sources : int
        It was measured on; 0: none was.
    """

    wider: str = ""
    narrower: str = ""
    px2: float = math.nan
    sigma_px2: float = math.nan
    sources: int = 0

    @property
    def sure_px2(self) -> float:
        """The difference less two standard errors, 0 at least; 0 where there is none."""
        return max(self.px2 - 2 * self.sigma_px2, 0.0) if self.sources else 0.0


@dataclass(frozen=True)
class Repeat:
    """How what cosmic-ray rejection took from an exposure repeats stars, or other exposures.

    Parameters
    ----------
    title : str
        The exposure ("f814w ab").
    surprise : float
        Minus the log of the probability that chance does as much, at any shift; 0: it may.
    dx_px, dy_px : float
        Rejected minus what it repeats, along the mosaic's axes; 0 where chance may do as much.
        Where `surprise` is 0, the shift at the middle that goes with the turn.
    sources : int
        Rejected patches that lie at that shift.
    turned_surprise : float
        The same as `surprise`, of a shift that grows in proportion to the distance from the
        mosaic's middle: an exposure that is turned, or has another scale.
    outward_px, round_px : float
        That shift at `radius_px` from the middle, outward and counterclockwise.
    radius_px : float
        A typical distance from the middle.
    turned_sources : int
        Rejected patches that lie at it.
    """

    title: str
    surprise: float
    dx_px: float
    dy_px: float
    sources: int
    turned_surprise: float = 0.0
    outward_px: float = 0.0
    round_px: float = 0.0
    radius_px: float = 0.0
    turned_sources: int = 0

    @property
    def turned(self) -> bool:
        """Whether the shift that grows from the middle is the surer one."""
        return self.turned_surprise > self.surprise

    @property
    def turned_px(self) -> float:
        """Length of the shift of a turned exposure at `radius_px` from the middle, about."""
        beside = 0.0 if self.surprise else self.length_px
        return math.hypot(beside, self.outward_px, self.round_px)

    @property
    def roll_deg(self) -> float:
        """By how much the exposure is turned about the middle; 0 where that isn't known."""
        return math.degrees(self.round_px / self.radius_px) if self.radius_px > 0 else 0.0

    @property
    def length_px(self) -> float:
        """Length of the shift, px."""
        return math.hypot(self.dx_px, self.dy_px)


@dataclass(frozen=True)
class Absolute:
    """How the total lies against the reference catalog: total minus catalog, mosaic's axes.

    An error of the visit as a whole: reported, no sign of misalignment.

    Parameters
    ----------
    dx_mas, dy_mas : float
        Shift at the centre of the mosaic.
    sigma_mas : float
        Standard error of each.
    sources : int
        Catalog sources matched.
    """

    dx_mas: float
    dy_mas: float
    sigma_mas: float
    sources: int


@dataclass(frozen=True)
class Findings:
    """All that the pixels of one mosaic say, product by product.

    Parameters
    ----------
    filters, exposures : Group
        Filter products, and exposure products where there are any.
    shapes : tuple of ProductShape
        The total's first, then the filters'.
    pair_share : float
        Share of the total's sources that have a partner at one common separation.
    pair_sources : int
        How many these are.
    pair_px : tuple of float or None
        That separation (dx, dy), its sign unknown.
    repeats : tuple of Repeat
        One for each exposure of the total, the highest `surprise` first, those that are told by
        their turn alone last; empty where they can't be told.
    contrast : Contrast
        The two filters whose sources differ most in width.
    absolute : Absolute or None
        None where there is no reference catalog, or it matches nowhere.
    scale_mas : float
        Side of the mosaic's pixels, mas.
    reasons : tuple of str
        Why something could not be measured, a sentence each.
    """

    filters: Group = Group()
    exposures: Group = Group()
    shapes: tuple[ProductShape, ...] = ()
    pair_share: float = math.nan
    pair_sources: int = 0
    pair_px: tuple[float, float] | None = None
    repeats: tuple[Repeat, ...] = ()
    contrast: Contrast = Contrast()
    absolute: Absolute | None = None
    scale_mas: float = math.nan
    reasons: tuple[str, ...] = ()

    @property
    def total_shape(self) -> ProductShape | None:
        """What the total's own stars tell."""
        return next((shape for shape in self.shapes if shape.title == "total"), None)

    @property
    def filter_shapes(self) -> tuple[ProductShape, ...]:
        """What each filter's stars tell."""
        return tuple(shape for shape in self.shapes if shape.title != "total")
