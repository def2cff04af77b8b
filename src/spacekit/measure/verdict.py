"""Findings in words: which product is off, by how much, from which, and how that is known.

The words say what was measured; whether a mosaic is called misaligned is the model's to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from spacekit.errors import ProductError
from spacekit.measure.clues import Clue, disagreeing, name_of, shown_by_total
from spacekit.measure.findings import NO_FILTER, SOURCES, Findings, Group, Offset, Repeat
from spacekit.measure.findings_file import find_findings, read_findings
from spacekit.visit.nouns import Problem
from spacekit.visit.truth import ALIGNED_PX

__all__ = ["Verdict", "judge", "reasons_of"]

#: Columns that `reasons_of` makes.
_REASON_COLUMNS: Final = ("culprit", "culprit_dx_px", "culprit_dy_px", "culprit_mas", "reason")

#: An offset is said to be one from here on, if it is above `ALIGNED_PX` by two sigma; few
#: sources tell less than their scatter says.
_OFF_PX: Final = 0.4
_OFF_OF_FEW_PX: Final = 0.5
_FEW_SOURCES: Final = 8
#: Offsets nearer to each other than this are the same.
_SAME_PX: Final = 0.35
#: Two sides whose exposure times differ by less than this share are as good as equal.
_EVEN: Final = 0.1
#: Scatter of single sources beyond which the exposures of one of two filters disagree.
_MIXED_PX: Final = 0.15
#: How surely patches that rejection took repeat others before it is worth a word, and how many
#: there are; fewer may be defects of the detector.
_REPEATS: Final = 6.0
_FEWEST_REPEATS: Final = 5
#: Nearer to a star than this, rejection takes the far side of its second image only: the patch
#: lies further off than the exposure (2.3 px seem 3.4).
_PATCHES_APART_PX: Final = 4.0
#: More products than this are counted, not named.
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Verdict:
    """What the findings on one mosaic come to.

    Parameters
    ----------
    culprits : tuple of str
        Products that are off, or whose exposures disagree, as `Offset.title`; both where
        neither of two can be told to be the one. Empty where none stands out.
    dx_px, dy_px, offset_mas : float
        The largest offset of a culprit; NaN where none was measured between products.
    reason : str
        The same in a sentence or two.
    """

    culprits: tuple[str, ...]
    dx_px: float
    dy_px: float
    offset_mas: float
    reason: str


def judge(findings: Findings) -> Verdict:
    """Say what the findings on a mosaic come to.

    Exposures are asked first, or what rejection took from each where their products are
    missing, then filters, then the shapes and weights of each filter's stars, and what the
    total shows alone.

    Parameters
    ----------
    findings : Findings
        As measured, or read back.
    """
    # exposures that were compared say better how they disagree than what rejection took
    compared = _compared(findings.exposures)
    repeated = _repeated(findings.repeats, compared)
    blamed = _filters(repeated.culprits) if repeated else set()
    exposures = _between(findings.exposures)
    # where exposures are off, they tell of their filters too
    told = _filters(compared) if exposures else set()
    between = _between(findings.filters, blamed, told)
    clues = [c for c in (exposures, repeated, between) if c]
    measured = [c.shift_px for c in (exposures, between) if c and c.shift_px]
    if repeated and repeated.shift_px and not measured:
        measured = [repeated.shift_px]
    clues += _unmatched(Group() if clues else findings.exposures)
    clues += _unmatched(findings.filters)
    # and both better than the shapes of their filter's stars, where all of its exposures tell
    blamed |= _filters(compared) - _filters(_not_compared(findings.exposures))
    clues += [c for c in disagreeing(findings) if not blamed.intersection(c.culprits)]
    words = [c.words for c in clues] or _told_by_total(findings)
    shift = max(measured, key=lambda xyr: xyr[2]) if measured else (math.nan,) * 3
    return Verdict(
        culprits=tuple(dict.fromkeys(title for c in clues for title in c.culprits)),
        dx_px=shift[0],
        dy_px=shift[1],
        offset_mas=shift[2] * findings.scale_mas,
        reason="; ".join(words),
    )


def _is_off(offset: Offset) -> bool:
    few = offset.method == SOURCES and offset.sources < _FEW_SOURCES
    length = offset.length_px
    least = _OFF_OF_FEW_PX if few else _OFF_PX
    return length >= least and offset.sure_px > ALIGNED_PX


def _between(
    group: Group, blamed: Set[str] = frozenset(), told: Set[str] = frozenset()
) -> Clue | None:
    """Say which products of one kind are off the reference, but for those told of already.

    Where neither of two sides can be told to be the culprit, filters that are blamed for
    something else are.
    """
    off = [o for o in group.offsets if _is_off(o) and o.title not in told]
    if not off:
        return None
    worst = max(off, key=lambda o: o.length_px)
    right = [o for o in group.offsets if not _is_off(o)]
    rest = [group.reference, *(o.title for o in right), *_not_compared(group)]
    culprits = _titles(off, rest)
    words, shift = _told(culprits, off, worst), _shift(worst)
    if not _even(group, off, right):
        return Clue(culprits, words, shift)
    others = [*(o.title for o in off), *_not_compared(group)]
    sides = culprits + _titles(right, others, group.reference)
    guilty = tuple(title for title in sides if title.split()[0] in blamed)
    if not guilty or guilty == sides:
        several = "sides " if len(off) + len(right) > 1 else ""
        return Clue(sides, f"{words}; either of the two {several}may be at fault", shift)
    if not set(guilty) & set(culprits):
        # told of the one side, it is the other that moved, the other way
        shift = (-shift[0], -shift[1], shift[2])
    return Clue(guilty, words, shift)


def _told(culprits: Sequence[str], off: Sequence[Offset], worst: Offset) -> str:
    """Say who is off, and how far the worst of them is."""
    verb = "is" if len(culprits) == 1 else "are"
    most = "" if _alike(off) else "up to "
    where = f"{_size(worst)} from {name_of(worst.reference)}{_basis(worst)}"
    return f"{_names(culprits)} {verb} off by {most}{where}"


def _shift(offset: Offset) -> tuple[float, float, float]:
    """Give the shift that decides, and its length."""
    if offset.led_by_part:
        return offset.part_dx_px, offset.part_dy_px, offset.length_px
    return offset.dx_px, offset.dy_px, offset.length_px


def _compared(group: Group) -> set[str]:
    """Name the products that were measured against each other."""
    return {group.reference, *(o.title for o in group.offsets)} if group.offsets else set()


def _not_compared(group: Group) -> tuple[str, ...]:
    """Name the products that match nothing."""
    return group.unmatched + group.untold


def _filters(titles: Iterable[str]) -> set[str]:
    """Give the filters of products."""
    return {title.split()[0] for title in titles}


def _repeated(repeats: Sequence[Repeat], compared: Set[str]) -> Clue | None:
    """Say whose stars cosmic-ray rejection took for cosmic rays, but for exposures compared.

    Of a filter's two exposures, or where most of a filter's are struck, none can be told to be
    the culprit.
    """
    told = [
        r
        for r in repeats
        if _sure(r) >= _REPEATS and _patches(r) >= _FEWEST_REPEATS and r.title not in compared
    ]
    if not told:
        return None
    first = max(told, key=_sure)
    struck = [r.title for r in told if _patches(r) >= _patches(first) / 2]
    members: dict[str, list[str]] = {}
    for repeat in repeats:
        members.setdefault(repeat.title.split()[0], []).append(repeat.title)
    culprits: list[str] = []
    for band in dict.fromkeys(title.split()[0] for title in struck):
        mine = [title for title in struck if title.split()[0] == band]
        few = len(mine) <= len(members[band]) / 2 and len(members[band]) > 2
        culprits += mine if few or band == NO_FILTER else [band]
    words = (
        f"rejection took stars of {_names(culprits)} for cosmic rays: {_patches(first)} patches it "
        f"took from {name_of(first.title)} repeat others "
    )
    if first.turned:
        return Clue(tuple(culprits), words + _turn(first))
    digits = 1 if first.length_px >= 2 else 2
    words += f"({first.dx_px:.{digits}f}, {first.dy_px:.{digits}f}) px away"
    shift = (first.dx_px, first.dy_px, first.length_px)
    return Clue(tuple(culprits), words, shift if first.length_px >= _PATCHES_APART_PX else None)


def _turn(repeat: Repeat) -> str:
    """Tell a shift that grows with the distance from the middle."""
    round_about = abs(repeat.round_px) > abs(repeat.outward_px)
    how = f"turned by {repeat.roll_deg:.2f} deg" if round_about else "at another scale"
    away = (
        ""
        if repeat.surprise or not repeat.length_px
        else (f"({repeat.dx_px:.1f}, {repeat.dy_px:.1f}) px away, ")
    )
    length = math.hypot(repeat.outward_px, repeat.round_px)
    return f"{away}{how} about the middle ({length:.1f} px at {repeat.radius_px:.0f} px from it)"


def _sure(repeat: Repeat) -> float:
    return max(repeat.surprise, repeat.turned_surprise)


def _patches(repeat: Repeat) -> int:
    return repeat.turned_sources if repeat.turned else repeat.sources


def _even(group: Group, off: Sequence[Offset], right: Sequence[Offset]) -> bool:
    """Say whether the two sides weigh the same, so that neither is the culprit.

    Of two filters, one whose shift differs over the field or from source to source has
    exposures of its own that disagree, or the other has: their exposure times don't tell.
    """
    if any(o.part_sources for o in off):
        return False
    time = sum(o.exptime_s for o in right) + group.reference_exptime_s
    mixed = (
        len(off) == 1
        and not right
        and not off[0].exposure
        and (off[0].roll_deg != 0 or off[0].scatter_px > _MIXED_PX)
    )
    return mixed or (_alike(off) and sum(o.exptime_s for o in off) >= (1 - _EVEN) * time)


def _alike(off: Sequence[Offset]) -> bool:
    """Say whether products are displaced by one and the same shift."""
    first = off[0]
    return all(
        math.hypot(o.dx_px - first.dx_px, o.dy_px - first.dy_px) <= _SAME_PX for o in off[1:]
    )


def _titles(
    some: Sequence[Offset], rest: Sequence[str], reference: str | None = None
) -> tuple[str, ...]:
    """Name products; a filter whose exposures are all among them by its own name."""
    titles = [o.title for o in some] + ([reference] if reference else [])
    elsewhere, filters = _filters(rest), _filters(titles)
    whole = filters - elsewhere if elsewhere - filters else set()
    return tuple(dict.fromkeys(t.split()[0] if t.split()[0] in whole else t for t in titles))


def _names(titles: Sequence[str]) -> str:
    return " and ".join(
        filter(None, [", ".join(name_of(t) for t in titles[:-1]), name_of(titles[-1])])
    )


def _size(offset: Offset) -> str:
    """Tell a shift in px and in mas, and how far it grows towards the edge."""
    digits = 1 if offset.length_px >= 2 else 2
    if offset.led_by_part:
        return (
            f"({offset.part_dx_px:.{digits}f}, {offset.part_dy_px:.{digits}f}) px "
            f"in a part with {offset.part_sources} sources"
        )
    words = f"({offset.dx_px:.{digits}f}, {offset.dy_px:.{digits}f}) px"
    if math.isfinite(offset.dx_mas):
        words += f" = {math.hypot(offset.dx_mas, offset.dy_mas):.0f} mas"
    if offset.largest_px > 1.2 * math.hypot(offset.dx_px, offset.dy_px):
        turned = f"turned by {offset.roll_deg:.2f} deg, " if abs(offset.roll_deg) >= 0.005 else ""
        words += f" ({turned}{offset.largest_px:.1f} px at the edge)"
    return words


def _basis(offset: Offset) -> str:
    if offset.method == SOURCES:
        return f" ({offset.sources} sources)"
    return " (from correlating the images)"


def _unmatched(group: Group) -> list[Clue]:
    """Tell of products whose sources match those of the reference nowhere.

    No culprits: what cosmic rays leave in two exposures of a CCD matches nowhere either.
    """
    return [
        Clue((), f"sources of {name_of(title)} match {name_of(group.reference)} at no shift")
        for title in group.unmatched
    ]


def _told_by_total(findings: Findings) -> list[str]:
    """Say how well products agree and what the total shows all the same, or the latter alone."""
    shown = shown_by_total(findings)
    compared = findings.exposures.offsets or findings.filters.offsets
    return [_agreement(findings), *shown] if compared or not shown else shown


def _agreement(findings: Findings) -> str:
    """Say how well products agree, or that there is nothing to go by."""
    for group, kind in ((findings.exposures, "exposures"), (findings.filters, "filters")):
        if group.offsets:
            worst = max(group.offsets, key=lambda o: o.length_px)
            but = _but(_not_compared(group))
            if len(group.offsets) == 1:
                who = f"{name_of(worst.title)} lies within {worst.length_px:.2f} px"
                return f"{who} of {name_of(worst.reference)}{_basis(worst)}{but}"
            return f"{kind} agree to {worst.length_px:.2f} px{_basis(worst)}{but}"
    total = findings.total_shape
    if total is not None and math.isfinite(total.ellipticity):
        lost = f"{100 * total.weight_deficit:.0f}%" if total.weight_deficit >= 0 else "unknown"
        return (
            f"no products to compare; the total's {total.stars} stars share an elongation of "
            f"{total.ellipticity:.2f}, weight missing from their cores: {lost}"
        )
    return "no sources to compare"


def _but(lost: Sequence[str]) -> str:
    """Say who could not be compared."""
    if not lost:
        return ""
    who = _names(lost) if len(lost) <= _MOST_NAMED else f"{len(lost)} others"
    return f", but {who} could not be compared"


def reasons_of(indices: Sequence[str], images: Path) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """Give the verdict of each mosaic from the offsets that prep left beside its frames.

    Parameters
    ----------
    indices : sequence of str
        Names of the mosaics.
    images : Path
        The folder of frames; an array file holds no offsets.

    Returns
    -------
    table : DataFrame
        `_REASON_COLUMNS`, a row an index; culprits with a plus between, empty: none.
    problems : tuple of Problem
        Files of offsets that are there but can't be read.
    """
    rows, problems = [], []
    for index in indices:
        found: Findings | None = None
        path = find_findings(images, index)
        try:
            found = read_findings(path) if path else None
        except ProductError as error:
            reason = str(error).removeprefix(f"{path}: ")
            problems.append(Problem(index, str(path), f"{reason}; no reason given", fatal=False))
        verdict = judge(found) if found else _UNTOLD
        offset = (verdict.dx_px, verdict.dy_px, verdict.offset_mas)
        rows.append((" + ".join(verdict.culprits), *offset, verdict.reason))
    return pd.DataFrame(rows, columns=list(_REASON_COLUMNS)), tuple(problems)


_UNTOLD: Final = Verdict(
    (),
    math.nan,
    math.nan,
    math.nan,
    "no offsets beside the frames: prep leaves them there where it draws (-d 1)",
)
