"""Measurements that tell an error by themselves."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from spacekit.model.features import NUMERIC  # noqa: E402
from spacekit.model.signs import SIGNS, surest, with_surest  # noqa: E402


def row(**values: float) -> np.ndarray:
    numbers = np.full((1, len(NUMERIC)), np.nan, np.float32)
    for name, value in values.items():
        numbers[0, NUMERIC.index(name)] = value
    return numbers


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, 0.0),
        ({"sure_px": 0.6, "offset_sources": 10}, 1.5),
        ({"sure_px": 0.6, "offset_sources": 9}, 0.0),
        ({"sure_px": 0.6}, 0.0),
        ({"sure_px": 0.2, "offset_sources": 400}, 0.5),
        ({"rejected_surprise": 0.0, "twin_turned": 3.0}, 0.75),
        ({"rejected_turned": 40.0}, 2.0),
        ({"turned_sigmas": 30.0, "turned_ellipticity": 0.02}, 0.0),
        ({"turned_sigmas": 30.0, "turned_ellipticity": 0.05}, 2.0),
        ({"turned_sigmas": 30.0, "turned_ellipticity": 0.05, "moving": 0.0}, 2.0),
        ({"turned_sigmas": 30.0, "turned_ellipticity": 0.05, "moving": 1.0}, 0.0),
        ({"exposure_part_share": -1.0}, 0.0),
    ],
)
def test_the_largest_counts(values: dict[str, float], told: float) -> None:
    found = surest(torch.from_numpy(row(**values)))
    assert found.shape == (1, 1)
    assert float(found) == pytest.approx(told)


def test_it_is_one_column_more() -> None:
    numeric = np.concatenate([row(twin_crossed=9.0), row(numexp=4.0)])
    wide = with_surest(torch.from_numpy(numeric)).numpy()
    np.testing.assert_array_equal(wide[:, :-1], numeric)
    assert wide[:, -1].tolist() == [1.5, 0.0]


def test_signs_are_of_the_table_and_not_of_the_published_columns() -> None:
    named = {name for sign in SIGNS for name in (sign.column, sign.beside) if name}
    assert named <= set(NUMERIC[7:])
