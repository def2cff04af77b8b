"""What the stars of single products show: their shapes, their weights, a second image of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from spacekit.measure.findings import NO_FILTER, Contrast, Findings, ProductShape
from spacekit.measure.turns import surely_turned

__all__ = ["Clue", "disagreeing", "name_of", "shown_by_total"]

#: Weight that stars' cores lack that is worth a word: aligned visits of the real pipeline lack
#: none, of the simulator up to 0.07.
_DEFICIT: Final = 0.08
#: The same for the total alone, which names no culprit.
_DEFICIT_ALONE: Final = 0.04
#: Elongation that stars share that is worth a word: up to 0.05 in aligned visits of the real
#: pipeline, 0.18 in the simulator's (ACS/SBC and HRC, whose fields are distorted most).
_ELLIPTICITY: Final = 0.2
#: The same where another filter's stars are rounder by `_LONGER`.
_LONG_BESIDE: Final = 0.12
_LONGER: Final = 0.08
_LEAST_SIGMAS: Final = 3.0
_FEWEST_STARS: Final = 10
#: How surely stars are elongated along a turn, or a change of scale, before it is worth a word.
_TURNED_SIGMAS: Final = 5.0
#: And how much: astigmatism, which differs over a whole WFC, makes up to 0.02 of that.
_TURNED_ELLIPTICITY: Final = 0.03
#: Share of the sources in pairs of one separation that is worth a word.
_PAIRS: Final = 0.1
#: Significance of a second image of every source that is worth a word: of one fainter than the
#: first, of one as bright, of one that is near. A star's own shape enters the last two, above all
#: that of ACS/SBC: so one in 1,800 aligned visits has any.
_TURNED: Final = 5.0
_CROSSED: Final = 16.0
_NEAR: Final = 40.0
#: Significance of weight that stars lack on one side, or on two, that is worth a word: aligned
#: visits of the simulator reach 3.2.
_LOST: Final = 5.0
#: How much wider, in mean square, sources are in one filter than in another before it is worth a
#: word, less two standard errors: of 285 aligned visits of the simulator one has more (0.22 px^2).
_WIDER_PX2: Final = 0.2
#: Width of the total's stars that is worth a word, and the share of its bright sources that are so
#: wide: galaxies are wider, but not alike.
_WIDE: Final = 1.1
_ALIKE: Final = 0.55


@dataclass(frozen=True)
class Clue:
    """One thing that stands out: who, in words, and how far (dx, dy, length) where known."""

    culprits: tuple[str, ...]
    words: str
    shift_px: tuple[float, float, float] | None = None


def name_of(title: str) -> str:
    """Name a product as people do: "F814W", "exposure aa of F814W"."""
    band, _, exposure = title.partition(" ")
    if band == NO_FILTER:
        return title
    return f"exposure {exposure} of {band.upper()}" if exposure else band.upper()


def disagreeing(findings: Findings) -> list[Clue]:
    """Name filters that show by themselves that their exposures disagree."""
    filters = findings.filter_shapes
    roundest = min((s.ellipticity for s in filters if s.ellipticity >= 0), default=math.nan)
    clues = []
    for shape in filters:
        words = []
        if shape.weight_deficit >= _DEFICIT:
            words.append(
                "star cores are missing from its weight map "
                f"({100 * shape.weight_deficit:.0f}% of the weight)"
            )
        beside = len(filters) > 1 and shape.ellipticity > roundest + _LONGER
        if _is_long(shape, _LONG_BESIDE if beside else _ELLIPTICITY):
            words.append(_elongation("its stars", shape))
        second = next((o for o in findings.filters.offsets if o.title == shape.title), None)
        if second is not None and second.part_sources:
            words.append(
                f"{second.part_sources} of its sources lie ({second.part_dx_px:.1f}, "
                f"{second.part_dy_px:.1f}) px off {name_of(second.reference)}"
            )
        words += _turned("its stars", shape)
        words += _lost("its stars", shape)
        words += _wider(findings.contrast, shape.title)
        words += _second_image("its", shape)
        if words:
            clues.append(
                Clue(
                    (shape.title,),
                    f"exposures of {name_of(shape.title)} disagree: {' and '.join(words)}",
                )
            )
    return clues


def _is_long(shape: ProductShape, least: float) -> bool:
    """Say whether a product's stars are all stretched alike."""
    sure = shape.ellipticity - _LEAST_SIGMAS * shape.ellipticity_sigma > least / 2
    return shape.ellipticity >= least and sure and shape.stars >= _FEWEST_STARS


def _elongation(whose: str, shape: ProductShape) -> str:
    return (
        f"{whose} share an elongation of {shape.ellipticity:.2f} at {shape.angle_deg:.0f} deg "
        f"({shape.stars} stars)"
    )


def shown_by_total(findings: Findings) -> list[str]:
    """Say what the total image shows where nothing stands out between products."""
    words = []
    total = findings.total_shape
    if findings.pair_px is not None and findings.pair_share >= _PAIRS:
        dx, dy = findings.pair_px
        words.append(
            f"{100 * findings.pair_share:.0f}% of the total's sources come in pairs "
            f"({dx:.1f}, {dy:.1f}) px apart"
        )
    if total is not None and total.weight_deficit >= _DEFICIT_ALONE:
        words.append(
            "star cores are missing from the total's weight map "
            f"({100 * total.weight_deficit:.0f}% of the weight)"
        )
    if total is not None and _is_long(total, _LONG_BESIDE):
        words.append(_elongation("stars", total))
    if total is not None:
        words += _wide(total)
        words += _lost("stars", total)
        words += _turned("stars", total)
        words += _second_image("the total's", total)
    return words


def _turned(whose: str, shape: ProductShape) -> list[str]:
    """Tell of an elongation as an exposure makes that is turned or has another scale."""
    sure = surely_turned(shape.turned_sigmas, shape.stars) >= _TURNED_SIGMAS
    if not sure or shape.turned_ellipticity < _TURNED_ELLIPTICITY:
        return []
    return [
        f"{whose} are elongated as by a turn or another scale, by {shape.turned_ellipticity:.2f} "
        f"halfway to the edge ({shape.stars} stars)"
    ]


def _lost(whose: str, shape: ProductShape) -> list[str]:
    """Tell of weight that rejection took beside stars, on one side of them or on two."""
    sure = max(shape.lost_turned, shape.lost_crossed)
    if not sure >= _LOST:
        return []
    sides = "one side" if shape.lost_turned >= shape.lost_crossed else "two sides"
    return [f"{whose} lack weight on {sides} ({sure:.0f} sigma, {shape.lost_sources} stacked)"]


def _wider(contrast: Contrast, title: str) -> list[str]:
    """Tell of a filter whose sources are wider than they are in another."""
    told = contrast.sure_px2 >= _WIDER_PX2 and contrast.sources >= _FEWEST_STARS
    if not told or contrast.wider != title:
        return []
    return [
        f"its sources are wider than in {name_of(contrast.narrower)} by {contrast.px2:.2f} px^2 in "
        f"mean square ({contrast.sources} sources)"
    ]


def _wide(total: ProductShape) -> list[str]:
    """Tell of stars that are wider than detector and filters make them."""
    alike = total.width_share >= _ALIKE and total.width_sources >= _FEWEST_STARS
    if not alike or total.width < _WIDE:
        return []
    return [
        f"stars are {total.width:.2f} times as wide as one should be "
        f"({total.width_sources} sources)"
    ]


def _second_image(whose: str, shape: ProductShape) -> list[str]:
    """Tell of a second image of every source, where there is one."""
    limits = (
        (shape.twin_turned, _TURNED),
        (shape.twin_crossed, _CROSSED),
        (shape.twin_near, _NEAR),
    )
    if not any(value >= least for value, least in limits):
        return []
    return [
        f"{whose} sources have a second image ({shape.twin_dx_px:.0f}, {shape.twin_dy_px:.0f}) px "
        f"away ({shape.twin_sources} stacked)"
    ]
