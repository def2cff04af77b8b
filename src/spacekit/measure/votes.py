"""Let differences of positions vote for a shift, and judge what chance would do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

__all__ = [
    "MatchSettings",
    "Peak",
    "highest_peak",
    "histogram",
    "likely_shifts",
    "log_trials",
    "surprise",
]

Floats = NDArray[np.float64]

#: Side of the box around a shift that tells how many votes chance gives it, px.
_AROUND_PX = 41


@dataclass(frozen=True)
class MatchSettings:
    """How two lists of positions are matched; lengths in pixels.

    Parameters
    ----------
    search_px : int
        Largest shift looked for in x and in y; the pipeline's own relative fits search 125.
    voters : int
        How many sources of each list vote, the first ones.
    boxes_px : tuple of int
        Odd sides of the boxes votes are summed in; the wide ones are for rotated lists, whose
        shift differs over the field.
    near_px : int
        Shifts up to this are expected, so they need to stand out among fewer alternatives.
    chance : float
        Highest probability, over all shifts looked at, that chance makes such a peak.
    fewest : int
        Matches a result needs.
    warp_fewest : int
        Matches it takes to see a rotation or scale.
    """

    search_px: int = 130
    voters: int = 1000
    boxes_px: tuple[int, ...] = (3, 7, 15)
    near_px: int = 3
    chance: float = 1e-4
    fewest: int = 3
    warp_fewest: int = 10


def histogram(difference: Floats, search_px: int) -> Floats:
    """Count differences in bins of 1 px, shape ``(2 search + 1,) * 2``, row = dy."""
    side = 2 * search_px + 1
    place = np.rint(difference).astype(np.int64) + search_px
    near = ((place >= 0) & (place < side)).all(axis=1)
    flat = place[near, 1] * side + place[near, 0]
    return np.bincount(flat, minlength=side * side).reshape(side, side).astype(np.float64)


def surprise(counts: Floats, expected: Floats) -> Floats:
    """Bound minus the log of the Poisson probability to count as many (Chernoff's bound)."""
    more = np.maximum(counts, expected)
    return more * np.log(more / expected) - (more - expected)


@dataclass(frozen=True)
class Peak:
    """The place of a histogram of differences that stands out most.

    Parameters
    ----------
    shift : ndarray, shape (2,)
        The difference there, to a pixel.
    counts, expected : float
        Votes in the box around it, and how many there are by chance.
    surprise : float
        See `surprise`; it doesn't count how many places were looked at.
    """

    shift: Floats
    counts: float
    expected: float
    surprise: float


def highest_peak(votes: Floats, box_px: int, around_px: int) -> Peak:
    """Find the box whose votes chance explains least, by those in the wider box around it.

    Parameters
    ----------
    votes : ndarray, shape (2 search + 1,) * 2
        From `histogram`.
    box_px, around_px : int
        Odd sides of the two boxes.
    """
    counts = np.rint(uniform_filter(votes, box_px, mode="constant") * box_px**2)
    around = uniform_filter(votes, around_px, mode="nearest") * around_px**2
    rest = (around - counts) / (around_px**2 - box_px**2)
    expected = np.maximum(rest, max(float(votes.mean()), 1 / votes.size)) * box_px**2
    sure = surprise(counts, expected)
    row, column = (int(n) for n in np.unravel_index(int(sure.argmax()), votes.shape))
    shift = np.array([column, row], dtype=float) - (len(votes) - 1) / 2
    at = row, column
    return Peak(shift, float(counts[at]), float(expected[at]), float(sure[at]))


def likely_shifts(
    reference: Floats, positions: Floats, settings: MatchSettings
) -> Iterator[tuple[Floats, int]]:
    """Yield significant peaks of the votes, the surest of each box, surest box first.

    Parameters
    ----------
    reference, positions : ndarray, shape (n, 2) and (m, 2)
        x and y in pixels of one frame, most significant sources first.
    settings : MatchSettings
        How to match.

    Yields
    ------
    shift : ndarray, shape (2,)
        Position minus reference, to about a pixel.
    box : int
        Side of the box whose votes it has.
    """
    votes = _votes(reference[: settings.voters], positions[: settings.voters], settings.search_px)
    # chance makes as many votes as there are around, on average; lists cluster, so not overall
    around = uniform_filter(votes, _AROUND_PX, mode="nearest")
    overall = max(float(votes.mean()), 1 / votes.size)
    found = []
    for box in settings.boxes_px:
        counts = np.rint(uniform_filter(votes, box, mode="constant") * box**2)
        expected = np.maximum(around - counts / _AROUND_PX**2, overall) * box**2
        sure = surprise(counts, expected) - _alternatives(settings)
        row, column = np.unravel_index(int(sure.argmax()), votes.shape)
        if sure[row, column] > -np.log(settings.chance) and counts[row, column] >= 3:
            start = np.array([column, row], dtype=float) - settings.search_px
            found.append((float(sure[row, column]), start, box))
    # a wide box wins only where it holds clearly more than the narrow one inside it
    found.sort(key=lambda peak: -peak[0])
    for _, start, box in found:
        yield start, box


def log_trials(settings: MatchSettings, *, far: bool) -> float:
    """Log of the number of independent places in the plane of shifts, times the boxes."""
    side = 2 * (settings.search_px if far else settings.near_px) + 1
    return math.log(side**2 * len(settings.boxes_px) / min(settings.boxes_px) ** 2)


def _votes(reference: Floats, positions: Floats, search_px: int) -> Floats:
    """Count pairs of two lists by their difference, as `histogram` does."""
    side = 2 * search_px + 1
    votes = np.zeros((side, side))
    # reference sources in blocks, so that the table of differences stays small
    for first in range(0, len(reference), 256):
        difference = positions[None, :, :] - reference[first : first + 256, None, :]
        votes += histogram(difference.reshape(-1, 2), search_px)
    return votes


def _alternatives(settings: MatchSettings) -> Floats:
    """Log of how many independent shifts compete with each, less within `near_px`."""
    axis = np.abs(np.arange(-settings.search_px, settings.search_px + 1))
    far = np.maximum(axis[:, None], axis[None, :]) > settings.near_px
    return np.where(far, log_trials(settings, far=True), log_trials(settings, far=False))
