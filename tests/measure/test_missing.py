from __future__ import annotations

import numpy as np
import pandas as pd

from spacekit.measure.missing import FIT, measured_values


def test_what_the_table_lacks_or_leaves_empty_is_missing() -> None:
    values, impossible = measured_values(pd.DataFrame({"gaia": [3, np.nan]}), ["gaia", "point"])
    assert np.array_equal(values["gaia"], [3, np.nan], equal_nan=True)
    assert values["point"].isna().all()
    assert not impossible.to_numpy().any()


def test_what_cant_be_is_missing_and_told() -> None:
    table = pd.DataFrame({"gaia": [1, -1, np.inf, "<b>", 2e9], "offset_px": [-1.0, 0, 1, 2, None]})
    values, impossible = measured_values(table, ["gaia", "offset_px"])
    assert values["gaia"].tolist()[0] == 1
    assert values["gaia"].isna().tolist() == impossible["gaia"].tolist() == [False, *[True] * 4]
    assert not impossible["offset_px"].any()
    assert values["offset_px"].notna().sum() == 4


def test_a_fit_is_judged_by_the_columns_that_are_there() -> None:
    whole = pd.DataFrame({"rms_ra": [5.0, 5.0, -1.0], "rms_dec": 6.0, "nmatches": [9, 0, 9]})
    assert measured_values(whole, FIT)[0].notna().all(axis=1).tolist() == [True, False, False]
    assert measured_values(whole, FIT)[0].isna().all(axis=1).tolist() == [False, True, True]
    part = whole[["rms_ra"]]
    assert measured_values(part, FIT)[0]["rms_ra"].notna().tolist() == [True, True, False]


def test_rows_keep_their_numbers() -> None:
    table = pd.DataFrame({"point": [1, 2]}, index=[7, 7])
    assert measured_values(table, ["point"])[0].index.tolist() == [7, 7]
