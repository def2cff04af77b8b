"""What is hidden in training is what is missing where the products are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spacekit.measure.evidence import measure_evidence
from spacekit.measure.summary import Evidence
from spacekit.model.features import NUMERIC
from spacekit.model.regimes import (
    REGIMES,
    VIEWS,
    measured,
    regimes_of,
    told_only,
    told_stamps,
)
from spacekit.visit.discovery import find_mosaics


def numeric(evidence: Evidence) -> np.ndarray:
    return pd.Series(evidence.columns).reindex(NUMERIC).to_numpy(np.float32)[None]


def test_hidden_products_leave_what_the_others_say(hap) -> None:
    mosaic = next(m for m in find_mosaics(hap)[0] if m.total.name.ipppss == "iza301")
    everything = numeric(measure_evidence(mosaic))
    filters = numeric(measure_evidence(replace(mosaic, exposures=())))
    total = numeric(measure_evidence(replace(mosaic, exposures=(), filters=())))
    assert np.isfinite(everything).sum() > np.isfinite(filters).sum() > np.isfinite(total).sum()
    assert np.array_equal(VIEWS["filters"].hide(everything), filters, equal_nan=True)
    assert np.array_equal(VIEWS["total"].hide(everything), total, equal_nan=True)
    assert np.array_equal(VIEWS["total"].hide(filters), total, equal_nan=True)
    assert [REGIMES[regimes_of(x)[0]] for x in (everything, filters, total)] == [
        "exposures",
        "filters",
        "total",
    ]


def test_a_published_table_has_no_evidence() -> None:
    rows = np.full((2, len(NUMERIC)), 2, np.float32)
    alone = VIEWS["table"].hide(rows)
    assert np.isfinite(alone).sum() == 2 * 7  # the published numbers
    assert [REGIMES[r] for r in regimes_of(alone)] == ["table", "table"]
    assert np.isfinite(rows).all()


@pytest.mark.parametrize(
    ("name", "regime"), [("offset_px", "filters"), ("exposures_unmatched", "exposures")]
)
def test_one_shift_is_enough_to_rest_on_products(name: str, regime: str) -> None:
    row = np.full((1, len(NUMERIC)), np.nan, np.float32)
    row[0, NUMERIC.index(name)] = 1
    assert REGIMES[regimes_of(row)[0]] == regime


@pytest.mark.parametrize(("name", "value"), [("filters", 1), ("ellipticity", 0.1), ("point", 9)])
def test_one_exposure_is_a_regime_of_its_own(name: str, value: float) -> None:
    row = np.full((1, len(NUMERIC)), np.nan, np.float32)
    row[0, [NUMERIC.index("numexp"), NUMERIC.index(name)]] = 1, value
    assert REGIMES[regimes_of(row)[0]] == "single"


@pytest.mark.parametrize(
    ("name", "value"), [("filters", 2), ("exposure_offset_px", 3), ("rejected_surprise", 0)]
)
def test_a_header_that_says_one_exposure_against_the_rest_is_not_believed(
    name: str, value: float
) -> None:
    row = np.full((1, len(NUMERIC)), np.nan, np.float32)
    row[0, [NUMERIC.index("numexp"), NUMERIC.index(name)]] = 1, value
    assert REGIMES[regimes_of(row)[0]] != "single"


def test_a_blank_field_rests_on_the_table() -> None:
    row = np.full((1, len(NUMERIC)), np.nan, np.float32)
    for name in ("numexp", "filters"):
        row[0, NUMERIC.index(name)] = 2
    for name in ("exposures_unmatched", "unmatched", "rejected_surprise"):
        row[0, NUMERIC.index(name)] = 0
    assert REGIMES[regimes_of(row)[0]] == "table"
    assert not measured(row).any()
    stamps = np.ones((1, 4, 2, 8, 8), np.uint8)
    assert not told_stamps(row, stamps).any()
    row[0, NUMERIC.index("gaia")] = 3
    assert np.array_equal(told_only(row), VIEWS["table"].hide(row), equal_nan=True)
    assert told_only(row)[0, NUMERIC.index("gaia")] == 3
    row[0, NUMERIC.index("ellipticity")] = 0.1
    assert np.array_equal(told_only(row), row, equal_nan=True)
    assert np.array_equal(told_stamps(row, stamps), stamps)
