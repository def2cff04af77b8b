from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spacekit.errors import TableError
from spacekit.model.features import (
    CATEGORICAL,
    NUMERIC,
    check_features,
    feature_arrays,
    read_labels,
    read_table,
)

ROW = {
    **{"numexp": 4, "rms_ra": 8.0, "rms_dec": 9.0, "nmatches": 20, "point": 100, "segment": 200},
    **{"gaia": 30, "det": 1, "wcs": 0, "cat": 4, "index": "hst_1_01_wfc3_ir_total_iabc01"},
}


def table(**changed: object) -> pd.DataFrame:
    return pd.DataFrame([ROW | changed])


def value(name: str, frame: pd.DataFrame) -> float:
    return float(feature_arrays(frame).numeric[0, NUMERIC.index(name)])


@pytest.mark.parametrize(
    "spelling",
    [
        {"rms_ra": -1, "rms_dec": -1, "nmatches": 0},
        {"rms_ra": 0.0, "rms_dec": 0.0, "nmatches": 0},
        {"rms_ra": 0.0, "rms_dec": 5.0},
        {"nmatches": -1},
        {"rms_ra": np.nan},
    ],
)
def test_no_fit_masks_all_three(spelling: dict[str, float]) -> None:
    frame = table(**spelling)
    assert all(np.isnan(value(name, frame)) for name in ("rms_ra", "rms_dec", "nmatches"))
    assert value("gaia", frame) == 30
    assert feature_arrays(frame).notes == {}


def test_missing_evidence_is_masked_and_missing_published_named() -> None:
    assert np.isnan(value("offset_px", table()))
    with pytest.raises(TableError, match="gaia, cat"):
        feature_arrays(table().drop(columns=["gaia", "cat"]))


@pytest.mark.parametrize(
    ("bad", "said"), [(np.inf, "inf"), (-3, "-3"), (1e12, "1e+12"), (10**400, "inf")]
)
def test_impossible_values_are_masked_with_a_note(bad: float, said: str) -> None:
    features = feature_arrays(table(point=bad))
    assert np.isnan(features.numeric[0, NUMERIC.index("point")])
    assert features.notes == {0: f"point is {said}, taken as missing"}


def test_text_is_refused_with_its_row() -> None:
    frame = pd.concat([table(), table(det="wfc")], ignore_index=True)
    with pytest.raises(TableError, match="det holds 'wfc' in row 2"):
        feature_arrays(frame)


@pytest.mark.parametrize("unknown", [9, -2, 1.5, np.nan])
def test_unknown_category_is_no_class(unknown: float) -> None:
    features = feature_arrays(table(det=unknown))
    assert features.categories[0, CATEGORICAL.index("det")] == -1


def test_target_class_u_is_no_class() -> None:
    categories = feature_arrays(pd.concat([table(cat=7), table(cat=0)])).categories
    assert categories[:, CATEGORICAL.index("cat")].tolist() == [-1, 0]


@pytest.mark.parametrize("name", ["true_offset_px", "label", "index"])
def test_the_answer_is_refused_as_feature(name: str) -> None:
    with pytest.raises(TableError, match=name):
        check_features(["gaia", name])


def test_unknown_feature_is_refused() -> None:
    with pytest.raises(TableError, match="moonphase"):
        check_features(["moonphase"])


def test_labels() -> None:
    frame = pd.DataFrame({"label": [0, 1, np.nan]})
    assert read_labels(frame).tolist()[:2] == [0, 1]
    assert np.isnan(read_labels(frame)[2])
    for wrong in (pd.DataFrame({"label": [2]}), pd.DataFrame({"label": [np.inf]}), table()):
        with pytest.raises(TableError, match="label"):
            read_labels(wrong)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        b"index,gaia\n",
        b"index,gaia,gaia\na,1,2\n",
        b"index,\xff\xfe\n1,2\n",
        b'index,a\n"unclosed,2\n',
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"t\.csv"):
        read_table(path)


def test_index_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("gaia,index\n1,007\n")
    assert read_table(path)["index"].tolist() == ["007"]
    with pytest.raises(TableError, match="svm_data"):
        read_table(tmp_path / "absent.csv")
