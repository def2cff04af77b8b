from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException
from PIL import Image

from spacekit.errors import ModelFileError, OptionError, TableError
from spacekit.model.features import NUMERIC, Features, feature_arrays, read_table
from spacekit.model.images import FolderFrames
from spacekit.model.infer import Model, load_model
from spacekit.model.limits import Limits, find_limits


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return load_model(trained / "models" / "svm_align.onnx")


def test_answers(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")
    done = []
    answers = model.predict_table(
        table, FolderFrames(toy / "img"), batch_size=7, progress=lambda n, of: done.append((n, of))
    )
    proba = answers.table["y_proba"].to_numpy()
    assert ((proba >= 0) & (proba <= 1)).all()
    threshold = model.manifest.calibration.probability_thresholds()["filters"]
    assert np.array_equal(answers.table["y_pred"], proba >= threshold)
    assert set(answers.table["rests_on"]) == {"table + products + pixels + frames"}
    assert set(answers.table["unfamiliar"]) == {""}
    assert answers.problems == ()
    assert done[-1] == (60, 60)
    even = model.predict_table(table, FolderFrames(toy / "img"), prevalence=0.5).table
    assert np.array_equal(even["y_pred"], answers.table["y_pred"])
    assert (even["y_proba"] > proba).all()
    assert even["y_proba"][1::2].mean() > even["y_proba"][::2].mean() + 0.2  # the odd ones are bad


def test_order_and_batches_change_nothing(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")
    source = FolderFrames(toy / "img")
    straight = model.predict_table(table, source).table["y_proba"]
    shuffled = table.sample(frac=1, random_state=4)
    again = model.predict_table(shuffled, source, batch_size=1).table["y_proba"]
    assert np.allclose(straight, again.loc[straight.index], atol=1e-6)
    assert again.index.tolist() == shuffled.index.tolist()


def test_both_spellings_of_no_fit_answer_alike(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")
    source = FolderFrames(toy / "img")
    minus = model.predict_table(table.assign(rms_ra=-1.0, rms_dec=-1.0, nmatches=0), source).table
    zero = model.predict_table(table.assign(rms_ra=0.0, rms_dec=0.0, nmatches=0), source).table
    assert np.array_equal(minus["y_proba"], zero["y_proba"])


def test_a_margin_moves_no_probability(model: Model, toy: Path, tmp_path: Path) -> None:
    table = read_table(toy / "svm_data.csv")[:6]
    for name in table["index"]:
        (tmp_path / name).mkdir()
        for path in (toy / "img" / name).iterdir():
            picture = np.pad(np.asarray(Image.open(path)), ((20, 9), (40, 4), (0, 0)))
            framed = np.pad(picture, ((6, 6), (6, 6), (0, 0)), constant_values=255)
            Image.fromarray(framed).save(tmp_path / name / path.name)
    plain, margin = (
        model.predict_table(table, FolderFrames(root)).table["y_proba"]
        for root in (toy / "img", tmp_path)
    )
    assert np.abs(plain - margin).max() < 1e-6


def test_rows_without_frames_answer_from_the_table(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")
    table.loc[1, "index"] = "../../etc"
    table.loc[2, "index"] = None
    answers = model.predict_table(table, FolderFrames(toy / "img"))
    assert answers.table["rests_on"].tolist()[:4] == [
        "table + products + pixels + frames",
        "table + products + pixels",
        "table + products + pixels",
        "table + products + pixels + frames",
    ]
    assert answers.table["y_proba"].notna().all()
    assert [p.index for p in answers.problems] == ["../../etc", ""]
    whole = model.predict_table(table, None)
    assert set(whole.table["rests_on"]) == {"table + products + pixels"}
    assert np.isclose(whole.table["y_proba"][1], answers.table["y_proba"][1], atol=1e-6)


def test_rows_with_nothing_get_no_answer(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")[:3].astype(object)
    values = [c for c in table.columns if c not in ("index", "label")]
    table.loc[[0, 1], values] = np.nan
    table.loc[1, "index"] = "absent"
    answers = model.predict_table(table, FolderFrames(toy / "img"))
    assert answers.table["rests_on"].tolist() == [
        "frames",
        "nothing",
        "table + products + pixels + frames",
    ]
    assert answers.table["y_proba"].isna().tolist() == [False, True, False]
    assert answers.table["y_pred"].isna().tolist() == [False, True, False]
    assert [p.fatal for p in answers.problems] == [False, True]


def test_nothing_rests_on_frames_that_do_not_count(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")[:2].astype(object)
    table.loc[1, [c for c in table.columns if c not in ("index", "label")]] = np.nan
    idle = Model(model._session, replace(model.manifest, frames_count=False))
    answers = idle.predict_table(table, FolderFrames(toy / "img")).table
    assert answers["rests_on"].tolist() == ["table + products + pixels", "nothing"]
    assert answers["y_proba"].isna().tolist() == [False, True]


def test_the_bundled_model_says_whether_its_frames_count() -> None:
    model, rng = load_model(), np.random.default_rng(1)
    rows = Features(np.full((1, len(NUMERIC)), np.nan, np.float32), np.full((1, 3), -1), {})
    frames = rng.integers(0, 256, (1, 3, 64, 64, 3), dtype=np.uint8)
    moved = model.logits(rows, frames, None) != model.logits(rows, None, None)
    assert moved == model.manifest.frames_count


def test_stamps_alone_are_nothing_to_rest_on(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")[:1].astype(object)
    table.loc[:, [c for c in table.columns if c not in ("index", "label")]] = np.nan
    features = feature_arrays(table)
    answer = model.answers(features, np.zeros(1), np.array([[True, False]]), 0.02)
    assert answer["rests_on"].tolist() == ["nothing"]
    assert answer[["y_proba", "y_pred"]].isna().all(axis=None)


def test_a_feature_that_was_always_0_is_bounded_and_may_be_a_few(model: Model, toy: Path) -> None:
    limits = Limits({"exposures_unmatched": 0.0})
    table = read_table(toy / "svm_data.csv")[:3].assign(exposures_unmatched=[0.0, 2.0, 40.0])
    features = feature_arrays(table)
    column = NUMERIC.index("exposures_unmatched")
    assert limits.bounded(features.numeric)[:, column].tolist() == [0, 0, 0]
    assert [bool(words) for words in limits.unfamiliar(features)] == [False, False, True]
    assert find_limits(features, np.array([0])).largest["exposures_unmatched"] == 0


def test_a_long_shift_is_no_less_a_sign() -> None:
    limits = Limits({"offset_px": 10.0, "rms_ra": 10.0})
    numeric = np.full((4, len(NUMERIC)), np.nan, np.float32)
    numeric[:3, NUMERIC.index("offset_px")] = (29, 120, 5000)
    numeric[3, NUMERIC.index("rms_ra")] = 31
    told = limits.unfamiliar(Features(numeric, np.zeros((4, 3), np.int64), {}))
    assert [bool(words) for words in told] == [False, False, True, True]


def test_evidence_may_be_missing_but_published_columns_may_not(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")
    published = table.drop(columns=["offset_px", "filters", "fit_fresh", "offset_sources"])
    assert model.predict_table(published, None).table["y_proba"].notna().all()
    with pytest.raises(TableError, match="point"):
        model.predict_table(table.drop(columns="point"), None)


def test_truth_in_the_table_changes_nothing(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")
    told = table.assign(true_offset_px=9.0, label=1.0)
    a, b = (model.predict_table(t, None).table["y_proba"] for t in (table, told))
    assert np.array_equal(a, b)


def test_real_mosaics(model: Model, real: Path) -> None:
    table = read_table(real / "labelled.csv")
    answers = model.predict_table(table, FolderFrames(real / "img"))
    assert answers.problems == ()
    assert answers.table["y_proba"].between(0, 1).all()
    assert set(answers.table["rests_on"]) == {"table + frames"}


def test_what_training_never_saw_is_told_and_counts_half(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")[:4]
    known = model.predict_table(table, None).table
    far = table.assign(numexp=[*table["numexp"][:2], 9e4, 9e4], det=[1, 0, 1, 1])
    answers = model.predict_table(far, None).table
    assert answers["unfamiliar"].map(bool).tolist() == [False, True, True, True]
    assert "detector hrc" in answers["unfamiliar"][1]
    assert "numexp 9e+04" in answers["unfamiliar"][2]
    prior = model.manifest.calibration.prevalence
    assert answers["y_proba"][0] == pytest.approx(known["y_proba"][0])
    bold = model.manifest.calibration.log_ratio(np.array([1e9]), np.array([0]))[0] / 2
    odds = answers["y_proba"] / (1 - answers["y_proba"]) / (prior / (1 - prior))
    assert np.abs(np.log(odds[1:])).max() <= bold + 1e-6


def test_a_richer_field_counts_as_the_richest_of_training(model: Model, toy: Path) -> None:
    table = read_table(toy / "svm_data.csv")[:3]
    most = model.manifest.limits.largest["gaia"]
    rich = table.assign(gaia=[most, 64 * most, 1e4 * most])
    answers = model.predict_table(pd.concat([rich, rich.assign(gaia=most)]), None).table
    assert answers["unfamiliar"].map(bool).tolist() == [False, False, True, *[False] * 3]
    proba = answers["y_proba"].to_numpy()
    assert np.allclose(proba[:2], proba[3:5], atol=1e-6)


def test_a_graph_that_gives_up_later_says_why(model: Model, toy: Path) -> None:
    class Greedy:
        def run(self, *_: object) -> None:
            raise RuntimeException("Available memory of 3 is smaller than requested bytes of 4")

    greedy = Model(Greedy(), model.manifest)  # type: ignore[arg-type]
    with pytest.raises(ModelFileError, match=r"3 mosaics at once .*more than 2 GB of memory"):
        greedy.predict_table(read_table(toy / "svm_data.csv")[:3], None)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -3, float("nan")])
def test_a_prevalence_is_a_share(model: Model, toy: Path, prevalence: float) -> None:
    with pytest.raises(OptionError, match="prevalence"):
        model.predict_table(read_table(toy / "svm_data.csv"), None, prevalence=prevalence)
