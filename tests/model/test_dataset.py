from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spacekit.errors import TrainingError
from spacekit.measure.missing import FIT
from spacekit.model import dataset
from spacekit.model.dataset import augment_frames, batches, build_dataset, drop_features
from spacekit.model.features import CATEGORICAL, NUMERIC, read_table
from spacekit.model.images import FolderFrames
from spacekit.model.regimes import VIEWS


def test_ambiguous_rows_are_left_out_and_frames_stay_with_their_rows(
    toy: Path, tmp_path: Path
) -> None:
    table = read_table(toy / "svm_data.csv")
    table.loc[3, "index"] = "hst_20001_01_wfc3_ir_total_absent"
    source = FolderFrames(toy / "img")
    data = build_dataset(table, source, 64, tmp_path)
    assert data.ambiguous == 1
    assert len(data) == len(table) - 1
    assert data.has_frames.tolist() == [float(i != 3) for i in range(len(data))]
    assert [p.index for p in data.problems] == ["hst_20001_01_wfc3_ir_total_absent"]
    for row in (0, 2, 4, 58):
        assert np.array_equal(data.frames[row], source.load(data.index[row], 64).pixels)
        assert data.labels[row] == table["label"][row]


def test_no_label_at_all(toy: Path, tmp_path: Path) -> None:
    table = read_table(toy / "svm_data.csv").assign(label=np.nan)
    with pytest.raises(TrainingError, match="no row"):
        build_dataset(table, FolderFrames(toy / "img"), 64, tmp_path)


def test_batches_cover_all_rows_once_without_a_lonely_one(toy: Path, tmp_path: Path) -> None:
    table: pd.DataFrame = read_table(toy / "svm_data.csv")[:17]
    data = build_dataset(table, FolderFrames(toy / "img"), 64, tmp_path)
    rows = np.arange(17)
    for rng in (None, np.random.default_rng(0)):
        got = list(batches(data, rows, 8, rng))
        assert sorted(np.concatenate([b.rows for b in got])) == rows.tolist()
        for b in got:
            assert np.array_equal(b.labels, data.labels[b.rows])
            assert b.frames.shape[1:] == (3, 64, 64, 3)
            assert b.has_frames.shape == (len(b.rows), 1)
    assert min(len(b.rows) for b in batches(data, rows, 8, np.random.default_rng(0))) > 1


def test_target_class_is_hidden_in_half_of_the_rows_and_the_fit_as_one() -> None:
    numeric = np.ones((4000, len(NUMERIC)), np.float32)
    categories = np.ones((4000, len(CATEGORICAL)), np.int64)
    hidden, classes, alone = drop_features(numeric, categories, np.random.default_rng(0))
    assert alone.mean() == pytest.approx(0.3, abs=0.03)
    assert np.isnan(hidden[alone][:, NUMERIC.index("offset_px")]).all()
    assert np.mean(classes[:, CATEGORICAL.index("cat")] == -1) == pytest.approx(0.5, abs=0.03)
    gone = np.isnan(hidden)[:, np.isin(NUMERIC, FIT)]
    assert np.array_equal(gone.any(axis=1), gone.all(axis=1))
    assert 0.2 < gone[:, 0].mean() < 0.45
    assert np.isfinite(numeric).all()


def test_a_view_is_told_by_what_it_says_not_by_which_it_is(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = build_dataset(
        read_table(toy / "svm_data.csv")[:9], FolderFrames(toy / "img"), 32, tmp_path
    )
    data = replace(data, stamps=np.ones_like(data.stamps))
    assert data.seen_as(replace(VIEWS["total"], name="another")).stamps.all()
    assert not data.seen_as(replace(VIEWS["table"], name="another")).stamps.any()
    rows = (np.ones((500, len(NUMERIC)), np.float32), np.ones((500, len(CATEGORICAL)), np.int64))
    monkeypatch.setattr(dataset, "WITHOUT", ((replace(VIEWS["total"], name="another"), 1.0),))
    assert drop_features(*rows, np.random.default_rng(0))[2].all()
    monkeypatch.setattr(dataset, "WITHOUT", ((VIEWS["filters"], 1.0),))
    assert not drop_features(*rows, np.random.default_rng(0))[2].any()


def test_who_sees_the_total_alone_learns_what_the_total_shows(toy: Path, tmp_path: Path) -> None:
    table = read_table(toy / "svm_data.csv")[:20].assign(label=[0, 1, 1, 1] * 5)
    source = FolderFrames(toy / "img")
    assert build_dataset(table, source, 32, tmp_path).shown is None
    table["true_total_offset_px"] = [0.0, 3.0, 0.1, 0.6] * 5
    data = build_dataset(table, source, 32, tmp_path)
    assert np.array_equal(data.shown_by_total, [0, 1, 0, np.nan] * 5, equal_nan=True)
    seen: dict[int, set[float | str]] = {}
    for seed in range(20):
        for batch in batches(data, np.arange(20), 8, np.random.default_rng(seed)):
            assert np.array_equal(batch.shown, data.shown_by_total[batch.rows], equal_nan=True)
            for row, label in zip(batch.rows % 4, batch.labels, strict=True):
                seen.setdefault(int(row), set()).add("none" if np.isnan(label) else float(label))
    assert seen == {0: {0.0}, 1: {1.0}, 2: {0.0, 1.0}, 3: {1.0, "none"}}


def test_augmentation_treats_the_three_frames_alike() -> None:
    rng = np.random.default_rng(5)
    frame = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    frame[:20] = 0
    for _ in range(40):
        stack = augment_frames(np.stack([frame] * 3), rng)
        assert stack.shape == (3, 64, 64, 3)
        assert stack.dtype == np.uint8
        assert np.array_equal(stack[0], stack[1])
        assert np.array_equal(stack[0], stack[2])
        assert (stack[0] == 0).mean() >= 0.25  # what is outside stays outside
