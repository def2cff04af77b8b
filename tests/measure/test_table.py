"""The tables and the HDF5 store."""

from __future__ import annotations

import math
import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from spacekit.errors import TableError
from spacekit.measure.schema import EVIDENCE, PUBLISHED
from spacekit.measure.store import KEY, read_store, write_store
from spacekit.measure.table import raw_table, ready_table, with_classes

TEN = [c.name for c in PUBLISHED]


def row(index: str, **changes):
    """One scraped row."""
    values = {
        "index": index,
        "cat": "U",
        "cat_from": "default",
        **{c.name: math.nan for c in EVIDENCE},
        **{"numexp": 4, "rms_ra": 9.5, "rms_dec": 8.5, "nmatches": 20.0},
        **{"point": 7, "segment": 9, "gaia": 2, "det": "ir", "wcs": "a priori", "fit_fresh": 1.0},
        **{"targname": "SIM-1", "proposal": "16901", "wcsname": "", "wcstype": ""},
        **{"ra_targ": 1.0, "dec_targ": 2.0},
    }
    values |= {f"{n}_from": "qa" for n in TEN if n != "cat"}
    return {**values, **changes}


def test_the_ready_table_has_the_published_order_and_codes() -> None:
    raw = raw_table([row("a", label=1.0), row("b", det="wfc", wcs="not aligned", label=math.nan)])
    ready = ready_table(raw)
    assert list(ready)[:12] == [*TEN, "label", "index"]
    assert list(ready)[12:] == [c.name for c in EVIDENCE]
    assert ready[["det", "wcs", "cat"]].to_numpy().tolist() == [[1, 1, 7], [4, 3, 7]]
    text = ready.to_csv(index=False).splitlines()
    assert text[1].startswith("4,9.5,8.5,20,7,9,2,1,1,7,1,a,")
    assert text[2].startswith("4,9.5,8.5,20,7,9,2,4,3,7,,b,")
    assert list(ready_table(raw_table([row("a")])))[10] == "index"


def test_the_scraped_table_keeps_words_and_origins() -> None:
    raw = raw_table([row("a")])
    assert raw.loc[0, "wcs"] == "a priori"
    assert list(raw)[-10:] == [f"{n}_from" for n in TEN]
    assert {"targname", "ra_targ", "dec_targ", "proposal", "wcsname", "wcstype"} <= set(raw)


def test_unknown_counts_are_empty_cells() -> None:
    ready = ready_table(raw_table([row("a", point=math.nan), row("b")]))
    assert ready["point"].isna().tolist() == [True, False]
    assert ready.to_csv(index=False).splitlines()[1].startswith("4,9.5,8.5,20,,9,")


@pytest.mark.parametrize("count", [1e300, math.inf, -1e19])
def test_counts_beyond_all_numbers_stay_as_they_are(count: float) -> None:
    raw = raw_table([row("a")]).assign(point=count)
    assert ready_table(raw)["point"].tolist() == [count]


def test_encoded_columns_stay_and_strange_ones_are_refused() -> None:
    encoded = raw_table([row("a", det="1", wcs=0, cat=7.0)])
    assert ready_table(encoded)[["det", "wcs", "cat"]].to_numpy().tolist() == [[1, 0, 7]]
    without = raw_table([row("a", cat="nan"), row("b", cat=math.nan), row("c", cat="G")])
    assert ready_table(without)["cat"].tolist() == [7, 7, 1]
    with pytest.raises(TableError, match="column det holds"):
        ready_table(raw_table([row("a", det="pc")]))
    with pytest.raises(TableError, match="column gaia"):
        ready_table(raw_table([row("a", gaia="many")]))
    with pytest.raises(TableError, match="lacks the columns rms_ra, index"):
        ready_table(raw_table([row("a")]).drop(columns=["rms_ra", "index"]))


def test_classes_fill_only_what_is_open() -> None:
    raw = raw_table([row("a"), row("b", targname="M31", cat="G", cat_from="targets"), row("c")])
    raw.loc[2, "targname"] = "other"
    told = with_classes(raw, {"SIM-1": "S", "M31": "SC"}, "archive")
    assert told["cat"].tolist() == ["S", "G", "U"]
    assert told["cat_from"].tolist() == ["archive", "targets", "default"]
    assert raw["cat"].tolist() == ["U", "G", "U"]


def test_the_store_opens_with_pandas_and_comes_back_without(tmp_path: Path) -> None:
    raw = raw_table([row("a", targname="é"), row("bb", point=math.nan, targname="")])
    path = tmp_path / "svm_data.h5"
    write_store(path, raw)
    stored = pd.read_hdf(path, KEY)
    assert stored.index.tolist() == ["a", "bb"]
    assert stored["rms_ra"].tolist() == [9.5, 9.5]
    with h5py.File(path) as file:
        assert set(file[f"{KEY}/table"].dtype.names) == set(raw.columns)
    back = read_store(path)[list(raw.columns)]
    assert back["targname"].tolist() == ["é", ""]
    assert np.isnan(back["point"][1])
    pd.testing.assert_frame_equal(ready_table(back), ready_table(raw))


def test_a_nullable_table_can_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    write_store(path, ready_table(raw_table([row("a", point=math.nan), row("b")])))
    assert read_store(path)["point"].isna().tolist() == [True, False]


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_nothing_in_a_stored_file_is_unpickled(tmp_path: Path) -> None:
    import pickle

    path, mark = tmp_path / "x.h5", tmp_path / "mark"
    write_store(path, raw_table([row("a")]))
    with h5py.File(path, "a") as file:
        bomb = np.void(pickle.dumps(Trap(mark), protocol=0))
        for place in (KEY, f"{KEY}/table"):
            for name in list(file[place].attrs):
                file[place].attrs[name] = bomb
    assert read_store(path)["index"].tolist() == ["a"]
    assert not mark.exists()


def test_files_of_another_make_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        read_store(tmp_path / "none.h5")
    path = tmp_path / "x.h5"
    path.write_text("index,a\n")
    with pytest.raises(TableError, match="HDF5"):
        read_store(path)
    plain = pd.DataFrame({"a": [1.0]}, index=["x"])
    for make in ({"format": "fixed"}, {"format": "table"}):
        path.unlink()
        with pd.HDFStore(path, "w") as store:
            store.put(KEY, plain, track_times=False, **make)
        with pytest.raises(TableError, match="no table that prep wrote"):
            read_store(path)
    whole = tmp_path / "whole.h5"
    write_store(whole, raw_table([row("a")]))
    path.write_bytes(whole.read_bytes()[:4000])
    with pytest.raises(TableError, match=r"x\.h5"):
        read_store(path)


def test_a_small_file_that_unpacks_to_very_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    kinds = np.dtype([("index", "S400"), ("numexp", "f8")])
    with h5py.File(path, "w") as file:
        file.create_dataset(f"{KEY}/table", (2_000_000,), kinds, chunks=True, compression="gzip")
    assert path.stat().st_size < 100_000
    with pytest.raises(TableError, match="too large"):
        read_store(path)


def test_links_into_other_files_are_not_followed(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.h5", tmp_path / "x.h5"
    write_store(whole, raw_table([row("a")]))
    with h5py.File(path, "w") as file:
        file[KEY] = h5py.ExternalLink(str(whole), KEY)
    with pytest.raises(TableError, match="no table that prep wrote"):
        read_store(path)
