"""The benchmark of speed: its counts and its sums, never its times."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.speed.children import FailedError, run
from benchmarks.speed.floor import add_up, find_planes, multiply_adds
from benchmarks.speed.inputs import name_of, repeat_rows
from benchmarks.speed.summary import Row, Spread, draw_plot, format_table, number

from spacekit.visit.names import split_file_name


def test_spreads_and_ratios_are_of_medians_and_extremes() -> None:
    slow, fast = Spread.of([8.0, 10.0, 12.0]), Spread.of([4.0, 1.0, 2.0])
    assert slow == Spread(10, 8, 12, 3)
    assert slow.over(fast) == Spread(5, 2, 12, 3)
    assert Spread.of([2.0], 1000).median == 2000
    with pytest.raises(ValueError, match="no repetition"):
        Spread.of([])


@pytest.mark.parametrize(
    ("against", "goal", "ratio", "reached"),
    [
        ("original", 5.0, 5.0, True),
        ("original", 5.1, 5.0, False),
        ("floor", 0.3, 0.2, True),
        ("floor", 0.1, 0.2, False),
        ("original", None, 5.0, None),
    ],
)
def test_goals(against: str, goal: float | None, ratio: float, reached: bool | None) -> None:
    row = Row("x", "s", Spread.of([2.0]), Spread.of([10.0]), against, goal)
    assert row.ratio is not None
    assert row.ratio.median == pytest.approx(ratio)
    assert row.reached is reached


def test_what_cannot_run_reaches_nothing_and_is_said() -> None:
    rows = [
        Row("a", "s", Spread.of([1.0]), None, "original", 5.0, "why"),
        Row("b", "MB", Spread.of([390.0, 410.0, 420.0]), goal=400.0),
    ]
    assert [row.reached for row in rows] == [None, False]
    table = format_table(rows)
    assert "original: can't run" in table
    assert "410 (390 to 420)" in table
    assert "at most 400, **missed**" in table
    assert "- a: why" in table


def test_numbers_have_three_digits() -> None:
    assert [number(v) for v in (0.012345, 1.2345, 123.45, 12345.6)] == [
        "0.0123",
        "1.23",
        "123",
        "12,346",
    ]


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_plot([Row("x", "s", Spread.of([1.0, 2.0]), Spread.of([9.0]), "original", 5.0)],
              tmp_path / "x.png")  # fmt: skip
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_multiply_adds_of_a_small_network() -> None:
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = [
        helper.make_tensor("w", kinds.FLOAT, (4, 3, 5, 5), np.zeros(300)),
        helper.make_tensor("v", kinds.FLOAT, (7, 4), np.zeros(28)),
        helper.make_tensor("u", kinds.FLOAT, (7, 2), np.zeros(14)),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "v"], ["d"], transB=1),
        helper.make_node("MatMul", ["d", "u"], ["y"]),
    ]
    given = helper.make_tensor_value_info("x", kinds.FLOAT, ("rows", 3, "h", "w"))
    made = helper.make_tensor_value_info("y", kinds.FLOAT, ("rows", 2))
    model = helper.make_model(helper.make_graph(nodes, "g", [given], [made], weights))
    # 13 - 5 over 2 gives 5 x 5 places of 4 channels, each a sum of 75
    once = 25 * 4 * 75 + 7 * 4 + 2 * 7
    assert multiply_adds(model, {"x": (1, 3, 13, 13)}) == once
    assert multiply_adds(model, {"x": (3, 3, 13, 13)}) == 3 * once


def test_a_pass_reads_both_planes(tmp_path: Path) -> None:
    from astropy.io import fits

    values = {"CTX": 5, "WHT": 2, "SCI": 1}
    planes = [fits.ImageHDU(np.full((30, 40), v, np.float32), name=n) for n, v in values.items()]
    path = tmp_path / "x.fits"
    fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(path)
    assert add_up(path, find_planes(path)) == [1200, 2400]


def test_repeated_rows_have_names_and_frames_of_their_own(tmp_path: Path) -> None:
    old = name_of(20001)
    (tmp_path / "made/img" / old).mkdir(parents=True)
    (tmp_path / "made/img" / old / f"{old}_gaia.png").write_bytes(b"x")
    row = {"numexp": 4, "point": 100, "segment": 90, "offset_px": 0.1, "index": old}
    pd.DataFrame([row]).to_csv(tmp_path / "made/svm_data.csv", index=False)
    table = pd.read_csv(repeat_rows(tmp_path / "made", tmp_path / "many", 5, labelled=True))
    assert table["label"].tolist() == [0, 1, 0, 1, 0]
    published = pd.read_csv(tmp_path / "many/published.csv")
    assert list(published) == ["numexp", "point", "segment", "label", "index"]
    assert table["index"].nunique() == 5
    for label, name in zip(table["label"], table["index"], strict=True):
        assert split_file_name(f"{name}_drz.fits")[0].is_total
        assert (tmp_path / "many/img" / str(label) / name / f"{name}_gaia.png").is_file()


def test_a_process_that_raises_is_told_by_its_last_words(tmp_path: Path) -> None:
    used = run([sys.executable, "-c", "x = sum(range(10**6))"], tmp_path)
    assert used.cpu_s > 0
    assert used.rss_mb > 1
    with pytest.raises(FailedError, match="ValueError: no such thing"):
        run([sys.executable, "-c", "raise ValueError('no such thing')"], tmp_path)
