"""One number of each kind, from what was found product by product."""

from __future__ import annotations

import dataclasses
import math

import pytest

from spacekit.measure.findings import Absolute, Findings, Group, ProductShape, Repeat
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
        pair_share=0.5,
        absolute=Absolute(1.0, 1.0, 1.0, 9),
    )
    columns = summarise(2, findings, moving=0.0)
    assert {c.name for c in (*EVIDENCE, *REPORTED)} - set(columns) == {"fit_fresh"}
    assert [name for name, value in columns.items() if math.isnan(value)] == []


def test_of_nothing_there_are_no_numbers() -> None:
    columns = summarise(2, Findings())
    assert {name for name, value in columns.items() if not math.isnan(value)} == {"filters"}
