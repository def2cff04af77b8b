"""One number of each kind, from what was found product by product."""

from __future__ import annotations

import dataclasses

import pytest

from spacekit.measure.findings import Findings, Group
from spacekit.measure.summary import summarise

from .test_findings import offset


@pytest.mark.parametrize(("kind", "prefix"), [("filters", ""), ("exposures", "exposure_")])
def test_the_largest_offset_comes_with_its_own_error(kind, prefix):
    """Where it is largest, at the edge, a turn is known less well than at the centre."""
    turned = offset("f814w aa", largest_px=5.0, sigma_px=0.02, largest_sigma_px=0.4, sources=12)
    moved = offset("f555w aa", largest_px=3.1, sigma_px=0.05, largest_sigma_px=0.06, sources=90)
    findings = dataclasses.replace(Findings(), **{kind: Group("f606w", 1.0, (moved, turned))})
    evidence = summarise(3, findings)
    shift = ("offset_px", "offset_sigma_px", "offset_sources")
    assert [getattr(evidence, prefix + name) for name in shift] == [5.0, 0.4, 12]
