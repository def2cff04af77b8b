"""What prep is asked for, apart from what measures: who hands out work needs no more."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["FrameSettings", "PrepSettings"]


@dataclass(frozen=True)
class FrameSettings:
    """How frames are drawn.

    Parameters
    ----------
    size_px : int
        Long side of a frame.
    black_percentile : float
        Percentile of the exposed pixels that becomes black: a little below the sky.
    white_percentile : float
        Percentile that becomes white.
    least_range : float
        White is at least this many times the noise above black, so that noise stays dark.
    most_range : float
        White is at most this many times the noise above black, so that one saturated star
        doesn't darken all others.
    linear_range : float
        The asinh is linear up to about this many times the noise.
    radius_fraction : float
        Radius of the circles over the long side.
    """

    size_px: int = 512
    black_percentile: float = 2.0
    white_percentile: float = 99.98
    least_range: float = 50.0
    most_range: float = 5000.0
    linear_range: float = 4.0
    radius_fraction: float = 1 / 100


@dataclass(frozen=True)
class PrepSettings:
    """What is measured of each mosaic.

    Parameters
    ----------
    draw : bool
        Whether to render frames.
    evidence : bool
        Whether to measure our own columns from the pixels; NaN without.
    blink : bool
        Whether to draw the products for blinking, beside the frames.
    labelled : bool
        Whether the mosaics are corrupted copies, whose label is recorded in their folder.
    frames : FrameSettings
        How frames are drawn.
    """

    draw: bool = True
    evidence: bool = True
    blink: bool = True
    labelled: bool = False
    frames: FrameSettings = field(default_factory=FrameSettings)
