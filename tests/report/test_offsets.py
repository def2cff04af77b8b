"""Offsets as the page shows them; what may be wrong with their file is tested where it is read."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from spacekit.measure.findings import Absolute, Findings
from spacekit.report.offsets import NO_MATCH, offsets_json

from .runs import FINDINGS

EXPOSURE = FINDINGS.exposures.offsets[0]


def test_groups_and_products_that_match_nowhere() -> None:
    found = offsets_json(FINDINGS)
    filters, exposures = found["groups"]
    assert (filters["reference"], exposures["reference"]) == ("f110w", "f110w aa")
    first, lost = filters["products"]
    assert (first["dx_px"], first["dy_px"], first["n_sources"]) == (3.1, -1.4, 41)
    assert first["method"] == "sources"
    assert "exposure" not in first
    assert lost == {"filter": "f140w", "method": NO_MATCH}
    assert exposures["products"][0]["exposure"] == "ac"
    assert (found["absolute"], found["sources"]) == ([12.3, -3.0], 19)


def test_groups_in_which_nothing_was_compared_are_left_out() -> None:
    assert offsets_json(Findings()) == {"groups": []}


def test_a_part_of_an_exposure_is_a_product_beside_it() -> None:
    part = replace(EXPOSURE, part_dx_px=7.123456, part_dy_px=-1.0, part_sources=6)
    group = replace(FINDINGS.exposures, offsets=(part,))
    shown = offsets_json(replace(FINDINGS, filters=group, exposures=group))["groups"][1]
    whole, beside = shown["products"]
    assert whole["exposure"] == "ac"
    assert (beside["exposure"], beside["dx_px"], beside["n_sources"]) == ("ac, a part", 7.1235, 6)
    assert "sigma_px" not in beside


def test_a_shift_against_the_catalog_is_shortened_or_left_out() -> None:
    known = replace(FINDINGS, absolute=Absolute(12.3456789, -3.0, 1.0, 19))
    assert offsets_json(known)["absolute"] == [12.346, -3.0]
    unknown = offsets_json(replace(FINDINGS, absolute=Absolute(math.nan, -3.0, 1.0, 19)))
    assert not {"absolute", "sources"} & set(unknown)


def test_what_is_no_number_is_left_out() -> None:
    unknown = replace(EXPOSURE, dx_mas=math.nan, dy_mas=math.inf, roll_deg=1.23456789e-4)
    found = offsets_json(
        replace(FINDINGS, exposures=replace(FINDINGS.exposures, offsets=(unknown,)))
    )
    product = json.loads(json.dumps(found, allow_nan=False))["groups"][1]["products"][0]
    assert not {"dx_mas", "dy_mas"} & set(product)
    assert product["roll_deg"] == 1.2346e-4
