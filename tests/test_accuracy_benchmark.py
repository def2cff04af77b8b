"""The benchmark's own arithmetic: what it says of answers that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy.bounds import CHANGES, Span, bounds_table
from benchmarks.accuracy.results import Results, read_results, write_results
from benchmarks.accuracy.score import by_disagreement, by_group, share, summary, threshold_at
from benchmarks.accuracy.sets import SETS
from benchmarks.accuracy.truths import _row, between_filters

from spacekit.simulate.draw import ALIGNED, draw_spec


def answers(good: int = 1000, bad: int = 100) -> pd.DataFrame:
    """Answers: one good visit in a hundred looks bad, one bad one in ten good."""
    label = np.repeat([0.0, 1.0], [good, bad])
    ratio = np.where(label == 0, -3.0, 5.0)
    ratio[: good // 100] = 6.0
    ratio[good : good + bad // 10] = -3.0
    count = good + bad
    return pd.DataFrame(
        {
            "label": label,
            "log_ratio": ratio + np.linspace(0, 1e-3, count),
            "y_pred": (ratio >= 2).astype(float),
            "y_proba": 1 / (1 + np.exp(-ratio) * 49),
            "offset_px": np.where(label == 0, 0.1, 3.0),
            "total_offset_px": np.where(label == 0, 0.1, np.linspace(0, 6, count)),
            "usable": np.where(np.arange(count) % 2, 50, 3),
            "mode": np.where(label == 0, "aligned", "pair"),
            "detector": "IR",
            "gaia": 5,
            "wcs": "a priori",
            "filters": 2,
            "exposures": np.where(np.arange(count) % 4, 4, 1),
            "format": np.where(np.arange(count) % 7, "512 px", "full"),
            "fit": np.where(np.arange(count) % 2, "accepted", "not accepted"),
        }
    )


def test_scores_of_known_answers() -> None:
    found = summary(answers(), prevalence=0.02)
    assert found["false-positive rate at the stored thresholds"].startswith("0.010 (")
    assert found["the same, several exposures"].endswith("n=750)")
    assert found["recall there"].startswith("0.900 (")
    # 0.5% of the good may lie above: the ten good ones with ratio 6 stand in the way
    assert found["recall at a false-positive rate of 0.5%"].startswith("0.000 (")
    precision = 0.02 * 0.9 / (0.02 * 0.9 + 0.98 * 0.01)
    assert found["precision at 2%, stored thresholds"].startswith(f"{precision:.2f} (")


def test_an_interval_knows_that_few_good_visits_make_its_limit() -> None:
    told = answers()
    good = told["label"] == 0
    # one in two hundred good ones, and half of the bad ones, lie between two levels
    told["log_ratio"] = np.where(good, 0.0, 2.0) + np.linspace(0, 1e-3, len(told))
    told.loc[told[good].index[-5:], "log_ratio"] = 3.0
    told.loc[told[~good].index[::2], "log_ratio"] = 4.0
    row = "its 95% where the good ones are drawn anew too"
    low, high = (float(end) for end in summary(told, 0.02)[row].split("-"))
    assert low < 0.65 and high == 1.0


def test_ambiguous_visits_are_told_apart() -> None:
    told = answers()
    told.loc[told.index[-5:], "label"] = np.nan
    told.loc[told.index[-5:], "offset_px"] = 0.3
    found = summary(told, 0.02)
    assert found["flagged of those 0.25 to 0.5 px off"].endswith("n=5)")
    assert found["recall there"].endswith("n=95)")


def test_groups_hold_every_visit_once() -> None:
    for title, table in by_group(answers()):
        cells = [line.split("|") for line in table.splitlines()[2:]]
        good = 0 if title == "true offset" else 1000  # good visits have none of these
        for column, count in ((2, 100), (4, good)):
            numbers = [
                int(c[column].split("n=")[1].strip()[:-1]) for c in cells if "n=" in c[column]
            ]
            assert sum(numbers) == count, title


def test_groups_tell_formats_and_fits() -> None:
    tables = dict(by_group(answers()))
    for title, keys in (
        ("format", ["512 px", "full"]),
        ("fit", ["accepted", "not accepted"]),
    ):
        rows = [line.split("|")[1].strip() for line in tables[title].splitlines()[2:]]
        assert rows == keys


@pytest.mark.parametrize(
    ("size", "method", "told"),
    [(512, "relative", ("512 px", "accepted")), (None, "", ("full", "not accepted"))],
)
def test_format_and_fit_are_what_the_truth_says(
    size: int | None, method: str, told: tuple[str, str]
) -> None:
    spec = {"counts": [2], "scene": "stars", "absolute_arcsec": [0, 0], "filters": ["f606w"]}
    truth = {"offset_px": 0.1, "total_offset_px": 0.1, "filters": {}, "mode": "aligned"}
    truth |= {"usable_sources": 20, "fit_method": method}
    truth["spec"] = spec | {"size": size, "number": 1, "seed": 1}
    row = _row({"index": "a", "label": 0, "det": 3, "wcs": 0, "gaia": 20}, truth)
    assert (row["format"], row["fit"]) == told


def test_the_test_set_has_good_visits_in_full_format() -> None:
    seeds = {name: seed for name, seed, *_ in SETS["test"].parts}
    assert seeds == {"pairs": 3601, "single": 3602, "full": 3603}
    _, seed, visits, settings = SETS["test"].parts[-1]
    assert visits == 24
    specs = [draw_spec(seed, k, settings.draw) for k in range(visits)]
    assert {(spec.size, spec.mode) for spec in specs} == {(None, ALIGNED)}


def test_what_the_total_can_show_is_counted_by_what_it_is_made_of() -> None:
    told = answers()
    many = told[(told["label"] == 1) & (told["usable"] >= 10)]
    rows = [
        line.split("|")
        for line in by_disagreement(told, "total_offset_px", "apart", (2, 10)).splitlines()[2:]
    ]
    counts = {
        row[1].strip(): int(row[2].split("n=")[1].strip()[:-1]) for row in rows if "n=" in row[2]
    }
    between = counts.pop("**2 to 10 px**")
    assert between == many["total_offset_px"].between(2, 10).sum()
    assert sum(counts.values()) == len(many)


def test_threshold_leaves_the_share_above() -> None:
    told = answers()
    for fpr in (0.0, 0.005, 0.02):
        good = told.loc[told["label"] == 0, "log_ratio"]
        assert (good > threshold_at(told, fpr)).mean() <= fpr


def test_share_has_an_exact_interval() -> None:
    assert share(np.zeros(100)) == "0.000 (0.000-0.036, n=100)"
    assert share(np.array([])) == "-"


def test_no_scene_is_in_two_sets() -> None:
    seeds = [seed for one in SETS.values() for _, seed, *_ in one.parts]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("name", ["calibrate", "test"])
def test_sets_measure_a_rate_of_false_alarms(name: str) -> None:
    assert SETS[name].single + SETS[name].paired // 2 >= 800


def test_filters_lie_apart_by_their_largest_distance() -> None:
    filters = [{"dxdy_px": place} for place in ([0.0, 0.0], [3.0, 4.0], [1.0, 1.0])]
    assert between_filters(filters) == 5
    assert between_filters(filters[:1]) == 0


def test_missed_visits_are_picked_by_what_bounds_them() -> None:
    answers = pd.DataFrame(
        {
            "label": [1, 1, 1, 1, 0, np.nan],
            "usable": [10, 40, 9, 40, 40, 40],
            "total_offset_px": [2.0, 5.0, 5.0, 11.0, 5.0, 5.0],
            "y_pred": [0, 1, 0, 0, 0, 0],
        }
    )
    span = Span("total", "the total", "total_offset_px", 2, 10)
    told = span.of(answers)
    assert list(told.index) == [0, 1]
    assert list(span.missed(told).index) == [0]


def test_a_change_counts_where_the_visit_is_still_misaligned() -> None:
    def row(change: str, flagged: bool, misaligned: bool = True) -> dict[str, object]:
        told = {"span": "the total", "of": 9, "missed": 5, "change": change}
        return told | {"flagged": flagged, "misaligned": misaligned}

    rows = [row("nothing", False), row("nothing", False)]
    rows += [row("no cosmic rays", True), row("no cosmic rays", False, misaligned=False)]
    line = bounds_table(rows).splitlines()[-1]
    assert line.startswith("| the total | 5 of 9 | 0.000 (")
    assert "1.000 (0.025-1.000, n=1)" in line


def test_results_say_whether_the_model_was_trained_anew_since(tmp_path: Path) -> None:
    path, model = tmp_path / "bounds.json", tmp_path / "svm.onnx"
    assert read_results(path, model) is None
    model.write_bytes(b"one")
    write_results(path, [{"missed": 3}], model)
    assert read_results(path, model) == Results([{"missed": 3}], current=True)
    model.write_bytes(b"another")
    assert read_results(path, model) == Results([{"missed": 3}], current=False)


def test_every_change_makes_a_visit_that_can_be_drawn() -> None:
    # not every error is possible among fewer exposures; then it is told and left out
    spec = next(s for k in range(99) if (s := draw_spec(7, k)).mode == "roll" and max(s.counts) > 2)
    for name, change in CHANGES.items():
        changed = change(spec)
        assert (changed == spec) == (name == "nothing")
        assert changed.number == spec.number
