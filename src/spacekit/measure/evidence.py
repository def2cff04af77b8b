"""Measure on a mosaic's own pixels whether its exposures lie on one another.

Evidence lies in shifts of sources between products, in the shapes of stars, in the weight that
cosmic-ray rejection took from stars, and in what it took from which exposure. Positions come
from the pixels, never from the pipeline's catalogs, whose filters are forced to the total's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from spacekit.errors import ProductError
from spacekit.measure.absolute import against_catalog
from spacekit.measure.findings import Contrast, Findings, Group, ProductShape, Repeat
from spacekit.measure.looks import Frame, Look, Notes, look_at
from spacekit.measure.offsets import Comparison, compare, spread_px
from spacekit.measure.pairs import find_pairs
from spacekit.measure.rejected import find_holes
from spacekit.measure.repeats import find_repeats
from spacekit.measure.shapes import (
    FEWEST_STARS,
    bright_stars,
    coherent_shape,
    compact,
    turned_shape,
    weight_deficit,
)
from spacekit.measure.sheet import Stamps
from spacekit.measure.stamps import cut_stamps
from spacekit.measure.summary import Evidence, summarise
from spacekit.measure.widths import star_width, width_contrast
from spacekit.visit.catalogs import ReferenceCatalog
from spacekit.visit.drizzled import Read, read_drizzled
from spacekit.visit.nouns import Mosaic, Product

__all__ = ["measure_evidence"]


#: Sources that may be partners have this signal-to-noise.
_PAIR_SNR = 10.0
#: So many exposure products are looked at; each costs as much as a filter's.
_EXPOSURE_LIMIT = 48


def measure_evidence(
    mosaic: Mosaic, reference: ReferenceCatalog | None = None, read: Read = read_drizzled
) -> Evidence:
    """Measure shifts between products, shapes and weights of stars in one mosaic.

    Parameters
    ----------
    mosaic : Mosaic
        Products that are missing, unreadable or without sources are done without; why is
        told in the findings' `reasons`.
    reference : ReferenceCatalog, optional
        What the total is compared with for its absolute shift.
    read : callable, optional
        Opens the products' images.

    Returns
    -------
    Evidence
        With NaN for what could not be measured.
    """
    notes = Notes([], {})
    total, frame, stamps, repeats = _total(mosaic.total, notes, read)
    filters: list[Look] = []
    for product in mosaic.filters:
        look, pixels = look_at(product, frame, notes, read)
        if frame is None and pixels is not None:  # no total: the first filter's grid is as good
            frame = Frame(pixels.wcs, pixels.shape)
        filters += [look] if look else []
        del pixels
    chosen = _chosen(mosaic.exposures, notes)
    exposures = [look for p in chosen if (look := look_at(p, frame, notes, read)[0])]
    if total:
        exposures = [look.confirmed_by(total) for look in exposures]

    by_filter = by_exposure = None
    if frame is not None:
        by_filter = compare([look for look in filters if len(look.sources)], frame)
        by_exposure = compare([look for look in exposures if len(look.sources)], frame)
    notes.reasons += _no_filters(by_filter)
    findings = _with_pairs(Findings(), total)
    looks = ([total] if total else []) + filters
    # no frame, no looks
    shapes = [_shape(look, by_filter, by_exposure, frame) for look in looks if frame is not None]
    if total:
        notes.reasons += _few_stars(shapes[0])
    findings = replace(
        findings,
        filters=by_filter.group() if by_filter else Group(),
        exposures=by_exposure.group() if by_exposure else Group(),
        shapes=tuple(shapes),
        repeats=repeats,
        contrast=width_contrast(by_filter) if by_filter else Contrast(),
        absolute=against_catalog(total, frame, reference) if total and frame else None,
        scale_mas=frame.scale_mas if frame else math.nan,
        reasons=tuple(dict.fromkeys([*notes.reasons, *notes.faults.values()])),
    )
    moving = float(looks[0].moving) if looks else math.nan
    return Evidence(
        summarise(len(mosaic.filters), findings, moving),
        findings,
        stamps,
        tuple(notes.faults.items()),
    )


def _chosen(exposures: Sequence[Product], notes: Notes) -> list[Product]:
    """Choose the exposures to look at: as many of each filter, where there are too many of all."""
    # most visits keep none of the exposures' images, so a missing one is no news
    drizzled = [p for p in exposures if p.drizzled is not None]
    if len(drizzled) <= _EXPOSURE_LIMIT:
        return drizzled
    notes.reasons.append(
        f"{len(drizzled) - _EXPOSURE_LIMIT} of {len(drizzled)} exposure products were not looked at"
    )
    seen: Counter[str] = Counter()
    turns = []
    for product in drizzled:
        turns.append(seen[product.name.filter])
        seen[product.name.filter] += 1
    first = sorted(range(len(drizzled)), key=turns.__getitem__)[:_EXPOSURE_LIMIT]
    return [drizzled[k] for k in sorted(first)]


def _total(
    product: Product, notes: Notes, read: Read
) -> tuple[Look | None, Frame | None, Stamps | None, tuple[Repeat, ...]]:
    """Look at the total, whose grid is the mosaic's, and at all that its pixels show alone."""
    look, drizzled = look_at(product, None, notes, read)
    if look is None or drizzled is None:
        return None, None, None, ()
    frame = Frame(drizzled.wcs, drizzled.shape)
    repeats: tuple[Repeat, ...] = ()
    try:
        repeats = find_repeats(find_holes(drizzled), look.sources, frame.centre)
    except ProductError as error:
        reason = str(error).removeprefix(f"{drizzled.path}: ")
        notes.reasons.append(f"rejected pixels can't be told from the total: {reason}")
    stamps = cut_stamps(drizzled.sci, drizzled.wht, look.sources)
    return look, frame, stamps, repeats


def _no_filters(compared: Comparison | None) -> list[str]:
    """Say why filters could not be compared."""
    if compared is None:
        return ["shifts between filters need two filter products with sources"]
    return [
        f"{look.title}: {len(look.sources)} sources match the "
        f"{len(compared.reference.sources)} of {compared.reference.title} at no shift"
        + (
            ""
            if compared.says_something(look)
            else " (too few stars in what both show, or too many cosmic rays, to tell)"
        )
        for look in compared.unmatched
    ]


def _few_stars(shape: ProductShape) -> list[str]:
    if shape.stars >= FEWEST_STARS:
        return []
    return [f"shapes need {FEWEST_STARS} bright compact sources in the total, it has {shape.stars}"]


def _shape(
    look: Look,
    filters: Comparison | None,
    exposures: Comparison | None,
    frame: Frame,
) -> ProductShape:
    name = look.product.name
    # what the total says must not depend on which other products there are
    compared = None if name.is_total else filters
    sources = compared.seen_twice(look) if compared else look.sources
    stars = bright_stars(sources)
    shape = coherent_shape(stars)
    spread = math.nan if exposures is None or name.is_total else spread_px(exposures, name.filter)
    found = ProductShape(
        look.title,
        shape.ellipticity,
        shape.angle_deg,
        shape.sigma,
        len(stars),
        weight_deficit(sources),
        spread,
    )
    twins = asdict(look.twins) if look.twins else {}
    turned, sigmas = turned_shape(stars, frame.centre)
    wide = star_width(sources, look.star_px)
    found = replace(
        found,
        turned_ellipticity=turned,
        turned_sigmas=sigmas,
        width=wide.width,
        width_share=wide.share,
        width_sources=wide.sources,
    )
    lost = asdict(look.lost) if look.lost else {}
    found = replace(found, **{f"lost_{name}": value for name, value in lost.items()})
    return replace(found, **{f"twin_{name}": value for name, value in twins.items()})


def _with_pairs(findings: Findings, total: Look | None) -> Findings:
    """Add how many of the total's sources come in pairs of one separation."""
    if total is None or total.moving:  # a planet's spots are no stars
        return findings
    # spikes of bright stars break up into elongated pieces at common separations
    single = compact(total.sources, _PAIR_SNR)
    pairs = find_pairs(np.column_stack([single.x, single.y]), single.flux)
    if pairs is None:
        return findings
    # where there are no more pairs than by chance they have no separation
    separation = (pairs.dx_px, pairs.dy_px) if pairs.share > 0 else None
    return replace(findings, pair_share=pairs.share, pair_sources=pairs.sources, pair_px=separation)
