from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spacekit.evaluate.tally import Tally, foremost, tally_of, verdicts_of
from spacekit.visit.nouns import Problem


def table(count: int, seed: int = 1) -> pd.DataFrame:
    """Make predictions of which some have no answer."""
    rng = np.random.default_rng(seed)
    proba = np.where(rng.random(count) < 0.1, np.nan, rng.random(count).round(2))
    return pd.DataFrame(
        {
            "det": rng.choice([0, 1, 4, 9], count),
            "y_pred": np.where(np.isnan(proba), np.nan, proba >= 0.5),
            "y_proba": proba,
            "index": [f"m{number}" for number in range(count)],
            "rests_on": rng.choice(["table", "table + pixels", "nothing"], count),
            "unfamiliar": rng.choice(["", "point 9e4, training had up to 1e4"], count),
        }
    )


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_parts_count_as_the_whole(rows: int) -> None:
    whole = table(100)
    tally = Tally()
    for first in range(0, 100, rows):
        tally.add(whole[first : first + rows])
    proba = whole["y_proba"]
    assert tally.mean == pytest.approx(proba.mean())
    assert tally.deviation == pytest.approx(proba.std(ddof=0))
    counts = (tally.mosaics, tally.suspicious, tally.aligned, tally.unanswered)
    pred, seen = whole["y_pred"], whole["rests_on"] == "table + pixels"
    assert counts == (100, (pred == 1).sum(), ((pred == 0) & seen).sum(), pred.isna().sum())
    assert tally.untold == ((pred == 0) & ~seen).sum() > 0
    assert tally.histogram.tolist() == np.histogram(proba.dropna(), 20, (0, 1))[0].tolist()
    assert tally.unfamiliar == (whole["unfamiliar"] != "").sum()
    pd.testing.assert_frame_equal(tally.by_detector, tally_of(whole).by_detector)
    pd.testing.assert_frame_equal(tally.foremost, whole)


def test_detectors_are_counted_one_by_one() -> None:
    words = pd.DataFrame({"det": ["ir", "ir", "IR", np.nan], "y_pred": 1.0, "y_proba": 0.9})
    words.loc[1, "y_proba"] = 2.0
    found = tally_of(words).by_detector.set_index("detector")
    assert found.loc["ir"].tolist() == [2, 1, 0, 0, 1]
    assert found.loc["unknown"].tolist() == [2, 2, 0, 0, 0]
    assert tally_of(words.drop(columns="det")).by_detector["detector"].tolist() == ["unknown"]


def test_verdicts_of_strangers() -> None:
    strange = pd.DataFrame({"y_pred": [1, "x", 2, 0], "y_proba": ["0.5", 0.5, 0.5, np.inf]})
    found = verdicts_of(strange)
    assert found["probability"].notna().tolist() == [True, True, True, False]
    assert found["verdict"].tolist() == ["suspicious", *["no answer"] * 3]


@pytest.mark.parametrize(
    ("rests_on", "word"),
    [
        ("table + products + pixels", "aligned"),
        ("one exposure: nothing to compare", "aligned"),
        ("table + frames", "can't tell"),
        ("nothing", "can't tell"),
        ("", "aligned"),
        (np.nan, "aligned"),
    ],
)
def test_nobody_is_told_aligned_where_nobody_looked(rests_on: object, word: str) -> None:
    some = pd.DataFrame({"y_pred": [0.0, 1.0, np.nan], "y_proba": [0.1, 0.9, np.nan]})
    some["rests_on"] = rests_on
    assert verdicts_of(some)["verdict"].tolist() == [word, "suspicious", "no answer"]


def test_the_most_probable_are_chosen_in_the_order_of_the_table() -> None:
    some = pd.DataFrame({"y_pred": 0.0, "y_proba": [0.1, np.nan, 0.3, 0.1, 0.2]})
    assert foremost(some, 3).index.tolist() == [0, 2, 4]
    assert foremost(some, 4).index.tolist() == [0, 2, 3, 4]
    assert foremost(some, 5).index.tolist() == [0, 1, 2, 3, 4]


def test_fatal_problems_are_kept_first() -> None:
    tally = Tally()
    for number in range(100):
        said = [Problem("", "f", str(number), fatal=False)] * 3
        tally.add_problems([*said, Problem("", "f", "worst", fatal=number == 99)])
    assert (len(tally.problems), tally.problems_total) == (200, 400)
    assert [p.fatal for p in tally.problems[:2]] == [True, False]
    assert tally.problems[1].reason == "0"


def test_nothing() -> None:
    tally = Tally()
    assert (tally.mosaics, tally.unanswered, len(tally.by_detector)) == (0, 0, 0)
    assert np.isnan([tally.mean, tally.deviation]).all()
