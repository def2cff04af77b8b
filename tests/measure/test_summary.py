"""One number of each kind, from what was found product by product."""

from __future__ import annotations

import dataclasses
import math

import pytest

from spacekit.measure.findings import (
    Absolute,
    Contrast,
    Findings,
    Group,
    ProductShape,
    Repeat,
)
from spacekit.measure.schema import EVIDENCE, REPORTED
from spacekit.measure.summary import summarise

from .test_findings import offset


@pytest.mark.parametrize(("kind", "prefix"), [("filters", ""), ("exposures", "exposure_")])
def test_the_largest_offset_comes_with_its_own_error(kind, prefix):
    """Where it is largest, at the edge, a turn is known less well than at the centre."""
    turned = offset("f814w aa", largest_px=5.0, sigma_px=0.02, largest_sigma_px=0.4, sources=12)
    moved = offset("f555w aa", largest_px=3.1, sigma_px=0.05, largest_sigma_px=0.06, sources=90)
    findings = dataclasses.replace(Findings(), **{kind: Group("f606w", 1.0, (moved, turned))})
    columns = summarise(3, findings)
    shift = ("offset_px", "offset_sigma_px", "offset_sources")
    assert [columns[prefix + name] for name in shift] == [5.0, 0.4, 12]


def shape(title: str) -> ProductShape:
    """Everything that a product can tell by itself."""
    told = {f.name: 1 for f in dataclasses.fields(ProductShape)}
    return ProductShape(**told | {"title": title})


def test_each_measured_column_is_filled_where_all_was_found() -> None:
    shapes = tuple(shape(title) for title in ("total", "f606w", "f814w"))
    findings = Findings(
        filters=Group("f606w", 1.0, (offset(),)),
        exposures=Group("f606w aa", 1.0, (offset("f606w ab"),)),
        shapes=shapes,
        repeats=(Repeat("f606w ab", 2.0, 1.0, 1.0, 3),),
        contrast=Contrast("f814w", "f606w", 0.2, 0.01, 12),
        pair_share=0.5,
        absolute=Absolute(1.0, 1.0, 1.0, 9),
    )
    columns = summarise(2, findings, moving=0.0)
    assert {c.name for c in (*EVIDENCE, *REPORTED)} - set(columns) == {"fit_fresh"}
    assert [name for name, value in columns.items() if math.isnan(value)] == []


def test_the_widest_filter_comes_with_its_own_sources() -> None:
    shapes = tuple(
        dataclasses.replace(shape(title), width=width, width_share=share, width_sources=sources)
        for title, width, share, sources in (
            ("total", 3.0, 0.1, 1),
            ("f606w", 1.3, 0.7, 40),
            ("f814w", 1.0, 0.9, 60),
            ("f850lp", math.nan, math.nan, 0),
        )
    )
    columns = summarise(3, Findings(shapes=shapes))
    widest = ("filter_star_width", "filter_star_width_share", "filter_star_width_sources")
    assert [columns[name] for name in widest] == [1.3, 0.7, 40]
    assert columns["star_width"] == 3.0
    assert math.isnan(columns["width_contrast_px2"])


def test_of_nothing_there_are_no_numbers() -> None:
    columns = summarise(2, Findings())
    assert {name for name, value in columns.items() if not math.isnan(value)} == {"filters"}
