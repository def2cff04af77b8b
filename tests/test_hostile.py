"""Files that are broken on purpose: what readers do with them, and what the fuzzer found.

`python -m benchmarks.fuzz` gives each reader thousands; here each gets a few.
"""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table
from benchmarks.fuzz.material import make_material
from benchmarks.fuzz.readers import READERS
from benchmarks.fuzz.run import Task, fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spacekit.errors import (
    FrameError,
    ModelFileError,
    NameFormatError,
    ProductError,
    SpacekitError,
    TableError,
)
from spacekit.evaluate.results import read_result
from spacekit.measure.findings_file import read_findings
from spacekit.measure.prep import measure_mosaic
from spacekit.measure.sheet import read_stamps
from spacekit.measure.truths import read_truths
from spacekit.model import images
from spacekit.model.artifact import load_artifact
from spacekit.model.features import feature_arrays, read_table
from spacekit.model.images import open_frames
from spacekit.mosaic.exposure_io import read_exposure
from spacekit.simulate.corrupt import CorruptionSettings
from spacekit.skopes.hst.svm.corrupt import run_corruption
from spacekit.skopes.hst.svm.label import label_simulated
from spacekit.visit.catalogs import read_reference
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import read_drizzled
from spacekit.visit.names import parse_corrupted_folder, split_file_name
from spacekit.visit.poller import read_poller
from spacekit.visit.qa import read_qa, read_source_counts

few = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("material"))


def one(folder: Path, pattern: str) -> Path:
    return sorted(folder.rglob(pattern))[0]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is taken from /proc")
@pytest.mark.parametrize("name", list(READERS))
def test_a_reader_answers_or_refuses(name: str, material: Path, tmp_path: Path) -> None:
    if name == "model":
        pytest.importorskip("onnx", reason="models are broken with the train extra's onnx")
    outcomes = dict(fuzz(Task(name, material, tmp_path, seed=0), range(12)))
    assert len(outcomes) == 12
    assert {n: said for n, said in outcomes.items() if said not in {"accepted", "refused"}} == {}


@few
@given(
    st.text(max_size=80)
    | st.from_regex(r"hst_\w{1,8}_\w\w_wfc3_ir_total_\w{6}(_\w{4,20})?")
    | st.from_regex(r"\w{6}_\w{2,9}_(all|sub)_(stat|stoc)")
)
def test_any_name_is_parsed_back_or_refused(name: str) -> None:
    for parse in (split_file_name, parse_corrupted_folder):
        try:
            parsed = parse(name)
        except NameFormatError as error:
            assert str(error).isprintable()
        else:
            assert name.startswith(str(parsed[0]))


@few
@given(trees, trees)
def test_any_json_is_qa_or_refused(tmp_path: Path, tree: Any, counts: Any) -> None:
    path = tmp_path / "x.json"
    sections = {"number_of_sources": {"data": counts}}
    for content in (tree, {"header": tree, "data": sections}, {"header": {}, "data": sections}):
        path.write_text(json.dumps(content))
        try:
            point, segment = read_source_counts(read_qa(path))
        except ProductError:
            continue
        assert point >= 0
        assert segment >= 0


@few
@given(st.sampled_from(["format", "index", "filters", "shapes", "pair_px", "reasons"]), trees)
def test_any_json_is_findings_or_refused(
    material: Path, tmp_path: Path, key: str, tree: Any
) -> None:
    content = json.loads(one(material, "*_offsets.json").read_text())
    path = tmp_path / "x_offsets.json"
    path.write_text(json.dumps({**content, key: tree}))
    try:
        assert read_findings(path) is not None
    except ProductError as error:
        assert "run prep again" in str(error)


_CARDS = (
    "CRVAL1",
    "CD1_1",
    "CTYPE1",
    "CRPIX2",
    "RMS_RA",
    "NMATCHES",
    "WCSNAME",
    "LONPOLE",
    "A_ORDER",
    "WCSAXES",
    "WCSAXESO",
)


@few
@given(
    st.sampled_from(_CARDS),
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aB1 -/é", max_size=9),
)
def test_any_card_is_read_or_refused(material: Path, tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "x_drz.fits"
    with fits.open(one(material / "visit", "*_total_*_drz.fits")) as hdus:
        try:
            hdus["SCI"].header[key] = value
            hdus.writeto(path, overwrite=True, output_verify="ignore")
        except ValueError:  # no card can hold it
            return
    try:
        image = read_drizzled(path)
    except ProductError:
        return
    assert np.isfinite(image.wcs.all_pix2world([[0, 0]], 0)).all()


@few
@given(st.lists(st.text(max_size=12) | st.floats().map(str), min_size=2, max_size=2))
def test_any_cell_is_read_or_refused(material: Path, tmp_path: Path, cells: list[str]) -> None:
    table = pd.read_csv(material / "labelled.csv", dtype=str)
    path = tmp_path / "svm_data.csv"
    table.assign(numexp=cells[0], wcs=cells[1]).to_csv(path, index=False)
    try:
        numbers = feature_arrays(read_table(path)).numeric
    except TableError:
        return
    assert not np.isinf(numbers).any()


# what the fuzzer found


def test_an_error_is_one_printable_line() -> None:
    assert str(SpacekitError("a\x1b[31m\nb\r\u202e.fits")) == "a [31m b  .fits"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"NAXIS   =                    2", b"NAXIS   =           2147483648"),
        (b"BITPIX  =                  -32", b"BITPIX  =                 -1.5"),
        (b"XTENSION= 'IMAGE   '", b"XTENSION= 'BINTABLE'"),
        (b"CTYPE1  = 'RA---TAN", b"CTYPE1  = 5         "),
        (b"GCOUNT  =", b"CONTINUE="),
        (b"GCOUNT  =                    1", b"GCOUNT  =                   -1"),
        (b"WCSAXES =                    2", b"WCSAXES =                65536"),
        (b"WCSAXES =                    2", b"WCSAXESA=                 3000"),
        (b"WCSAXES =                    2", b"A_ORDER =                65536"),
    ],
)
def test_headers_of_exposures_that_can_not_be(
    material: Path, tmp_path: Path, old: bytes, new: bytes
) -> None:
    source = material / "visit" / "exposures"
    visit = tmp_path / "visit"
    visit.mkdir()
    for path in source.iterdir():
        (visit / path.name).write_bytes(path.read_bytes())
    broken = one(visit, "*_flt.fits")
    content = broken.read_bytes()
    assert old in content
    broken.write_bytes(content.replace(old, new))
    made = run_corruption(visit, tmp_path / "out", CorruptionSettings("mfi"), seed=1)
    assert len(made.copies) == 1
    (problem,) = made.problems
    assert str(broken) in problem.reason
    with pytest.raises(ProductError, match=r"broken|no image|celestial|no SCI"):
        read_exposure(broken)
    with pytest.raises(ProductError, match=r"broken|no image|celestial|no SCI|no WHT"):
        read_drizzled(broken)


def _with_unparsable_cards(content: bytes, *keys: bytes) -> bytes:
    for key in keys:
        start = content.index(key.ljust(8) + b"=")
        content = content[:start] + key.ljust(8) + b"= 1 2 'x".ljust(72) + content[start + 80 :]
    return content


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("EXPTIME", "long", "exposure time of 'long' s"),
        ("EXPTIME", -1.0, "exposure time of -1.0 s"),
        ("PIXVALUE", "much", "no PIXVALUE"),
        ("PIXVALUE", 3.0, None),
    ],
)
def test_an_exposure_may_not_be_described_by_words(
    material: Path, tmp_path: Path, key: str, value: Any, said: str | None
) -> None:
    source = one(material / "visit", "*_flt.fits")
    path = tmp_path / source.name
    with fits.open(source) as hdus:
        if key == "PIXVALUE":
            hdus["DQ"].data = None
            hdus["DQ"].header[key] = value
        else:
            hdus[0].header[key] = value
        hdus.writeto(path)
    if said is None:
        assert (read_exposure(path).chips[0].dq == value).all()
        return
    with pytest.raises(ProductError, match=said):
        read_exposure(path)


def _without_cd(header: fits.Header) -> None:
    for key in ("CD1_1", "CD1_2", "CD2_1", "CD2_2"):
        header.remove(key, ignore_missing=True)
    header["CDELT1"], header["CDELT2"] = -1e-5, 1e-5


def _cube(header: fits.Header) -> None:
    header["NAXIS"] = 3
    header.insert("NAXIS2", ("NAXIS3", 1), after=True)


@pytest.mark.parametrize(("change", "said"), [(_without_cd, "no CD matrix"), (_cube, "3 axes")])
def test_exposures_that_can_not_be_moved_are_problems(
    material: Path, tmp_path: Path, change: Callable[[fits.Header], None], said: str
) -> None:
    visit = tmp_path / "visit"
    shutil.copytree(material / "visit" / "exposures", visit)
    broken = one(visit, "*_flt.fits")
    content = broken.read_bytes()
    header = fits.getheader(broken, "SCI")
    whole = header.tostring().encode()
    change(header)
    changed = header.tostring().encode()
    assert len(changed) == len(whole)
    assert whole in content
    broken.write_bytes(content.replace(whole, changed))
    made = run_corruption(visit, tmp_path / "out", CorruptionSettings("mfi"), seed=1)
    assert len(made.copies) == 1
    (problem,) = made.problems
    assert said in problem.reason


def test_cards_that_can_not_be_parsed_are_as_good_as_none(material: Path, tmp_path: Path) -> None:
    source = one(material / "visit", "*_flt.fits")
    path = tmp_path / source.name
    path.write_bytes(_with_unparsable_cards(source.read_bytes(), b"EXPSTART"))
    exposure = read_exposure(path)
    assert "EXPSTART" not in exposure.header
    assert len(exposure.header) == len(read_exposure(source).header) - 1
    path.write_bytes(_with_unparsable_cards(source.read_bytes(), b"EXPTIME"))
    with pytest.raises(ProductError, match="lacks EXPTIME"):
        read_exposure(path)


def test_evidence_is_measured_though_a_card_can_not_be_parsed(
    material: Path, tmp_path: Path
) -> None:
    visit = tmp_path / "visit"
    shutil.copytree(material / "visit", visit)
    total = one(visit, "*_total_*_drz.fits")
    total.write_bytes(
        _with_unparsable_cards(total.read_bytes(), b"NUMEXP", b"DETECTOR", b"EXPTIME")
    )
    (mosaic,), _ = find_mosaics(visit)
    measured = measure_mosaic(mosaic)
    assert measured.row is not None
    assert measured.row["ellipticity_sources"] >= 0
    assert not any("unexpected" in problem.reason for problem in measured.problems)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\x1f\x8b\x08\0", b"\xff\xfe", b'index\n"a', b"a,b\n1,2,3\n4"]
)
def test_a_table_to_label_that_is_none(material: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "svm_data.csv"
    path.write_bytes(content)
    with pytest.raises(TableError):
        label_simulated(path, material / "visit")
    assert [left.name for left in tmp_path.iterdir()] == ["svm_data.csv"]


def test_archives_are_not_unpacked(material: Path, tmp_path: Path) -> None:
    exposure = one(material / "visit", "*_flt.fits")
    catalog = one(material / "visit", "*ref_cat.ecsv")
    reads = ((exposure, read_exposure), (catalog, read_reference))
    for path, read in (*reads, (material / "labelled.csv", read_table)):
        packed = tmp_path / f"{path.name}.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        with pytest.raises(SpacekitError):
            read(packed)


def test_an_exposure_may_not_promise_more_pixels_than_it_has(
    material: Path, tmp_path: Path
) -> None:
    content = one(material / "visit", "*_flt.fits").read_bytes()
    path = tmp_path / "iza101aaq_flt.fits"
    path.write_bytes(
        content.replace(b"NAXIS1  =                  128", b"NAXIS1  =           1000000000")
    )
    with pytest.raises(ProductError, match="cut short"):
        read_exposure(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("datatype: float64", "datatype: U999999999", "U999999999"),
        (
            "datatype: float64",
            "datatype: string, subtype: 'float64[99999,99999]'",
            "no ECSV number",
        ),
        ("datatype: float64", "datatype: float64, format: '2147483647f'", None),
    ],
)
def test_a_catalog_may_not_ask_for_memory(
    tmp_path: Path, old: str, new: str, said: str | None
) -> None:
    path = tmp_path / "ref_cat.ecsv"
    Table({"RA": [1.0], "DEC": [2.0]}).write(path)
    path.write_text(path.read_text().replace(old, new))
    if said is None:
        assert len(read_reference(path)) == 1
        return
    with pytest.raises(ProductError, match=said):
        read_reference(path)


def npz(path: Path, members: dict[str, bytes], way: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", way) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def npy(text: str, data: bytes = b"") -> bytes:
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


_INDEX = npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"a\0\0\0")
_IMAGES = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", b"\0")


@pytest.mark.parametrize(
    "members",
    [
        {"index.npy": _INDEX, "images.npy": _IMAGES},
        {"index.npy": npy("{'descr': '''"), "images.npy": _IMAGES},
        {"index.npy": npy("{'descr': '<U9', 'fortran_order': False, 'shape': (10**15,), }")},
        {"index.npy": _INDEX[:9], "images.npy": _IMAGES},
        {"index.npy": _INDEX, "images.npy/x": b""},
    ],
)
def test_arrays_of_another_make_are_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = npz(tmp_path / "x.npz", {"images.npy": _IMAGES, **members})
    with pytest.raises(FrameError, match=r"x\.npz"), open_frames(path):
        pass


def test_arrays_whose_names_are_no_text_are_refused(tmp_path: Path) -> None:
    index = npy("{'descr': '|S1', 'fortran_order': False, 'shape': (1,), }", b"\xff")
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3, 8, 8, 3), }"
    path = npz(tmp_path / "x.npz", {"index.npy": index, "images.npy": npy(head, bytes(576))})
    with pytest.raises(FrameError, match="no names"), open_frames(path):
        pass


def test_archives_in_place_of_arrays_are_refused(tmp_path: Path) -> None:
    inner = npz(tmp_path / "inner.npz", {"index.npy": _INDEX}).read_bytes()
    for members in ({"index.npy": inner}, {"images.npy": inner}):
        path = npz(tmp_path / "x.npz", {"index.npy": _INDEX, "images.npy": _IMAGES} | members)
        with pytest.raises(FrameError, match="is no array"), open_frames(path):
            pass


def test_arrays_packed_wrongly_are_refused(tmp_path: Path) -> None:
    path = npz(tmp_path / "x.npz", {"index.npy": _INDEX, "images.npy": _IMAGES}, zipfile.ZIP_LZMA)
    content = bytearray(path.read_bytes())
    content[60:70] = b"\xff" * 10
    path.write_bytes(content)
    with pytest.raises(FrameError, match="can't be read as arrays"), open_frames(path):
        pass


@pytest.mark.parametrize("limit", ["LARGEST_INDEX", "UNPACKED_FREELY"])
def test_arrays_that_unpack_to_too_much_are_refused(
    tmp_path: Path, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = npz(tmp_path / "x.npz", {"index.npy": bytes(2**20), "images.npy": bytes(2**21)})
    monkeypatch.setattr(images, limit, 2**20 - 1)
    with pytest.raises(FrameError, match="unpacks to"), open_frames(path):
        pass


def test_arrays_for_which_there_is_no_room_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = npz(tmp_path / "x.npz", {"index.npy": _INDEX, "images.npy": _IMAGES})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(FrameError, match="make room or set TMPDIR"), open_frames(path):
        pass


def test_a_contact_sheet_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x_stamps.png"
    Image.new("1", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 20_000, 20_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(FrameError, match="too large"):
        read_stamps(path)


@pytest.mark.parametrize("change", ["metadata", "name", "threshold"])
def test_a_model_that_describes_itself_badly(material: Path, tmp_path: Path, change: str) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string((material / "model.onnx").read_bytes())
    entry = model.metadata_props[0]
    if change == "threshold":
        told = json.loads(entry.value)
        told["calibration"]["thresholds"] = [10**400] * 5
        entry.value = json.dumps(told)
    marked = entry if change != "name" else None
    if change == "metadata":
        marked.value = "MARK" + marked.value
    if change == "name":
        model.graph.node[0].input[0] = "MARKnowhere"
    path = tmp_path / "x.onnx"
    path.write_bytes(model.SerializeToString().replace(b"MARK", b"\xff\xfe\xff\xfe"))
    with pytest.raises(ModelFileError, match=r"x\.onnx"):
        load_artifact(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("filter", ""), ("reference", ""), ("exposure", 3), ("method", "magic"), ("sources", -1)],
)
def test_offsets_without_names_are_refused(
    material: Path, tmp_path: Path, key: str, value: Any
) -> None:
    content = json.loads(one(material, "*_offsets.json").read_text())
    group = content["filters"]
    (group if key == "reference" else group["offsets"][0])[key] = value
    path = tmp_path / "x_offsets.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ProductError, match="run prep again"):
        read_findings(path)


def test_results_with_a_prevalence_beyond_all_numbers(material: Path, tmp_path: Path) -> None:
    for path in (material / "result").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    told = json.loads((tmp_path / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps({**told, "prevalence": 10**400}))
    with pytest.raises(TableError, match=r"metrics\.json: prevalence"):
        read_result(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"notes": 3}',
        '{"notes": [[], 1], "prevalence": "often"}',
        '{"prevalence": [0.5]}',
        "[" * 100_000,
        '{"name": 1',
    ],
)
def test_results_that_describe_themselves_badly(
    material: Path, tmp_path: Path, content: str
) -> None:
    shutil.copytree(material / "result", tmp_path, dirs_exist_ok=True)
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(TableError):
        read_result(tmp_path)


@pytest.mark.parametrize("name", ["a" * 4000, "..", "\0", "x\ny", "-rf", '"' + "x" * 200_000, "é"])
def test_a_poller_file_with_names_that_are_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "x_input.out").write_text(f'{name},1,iza,01,1.0,F110W,IR,"x"\n')
    with pytest.raises(ProductError, match=r"x_input\.out"):
        read_poller(tmp_path)


def test_a_truth_without_a_label_is_skipped(tmp_path: Path) -> None:
    good = {"mosaics": {"hst_1_01_wfc3_ir_total_iza101": {"label": 1, "offset_px": 2.0}}}
    for number, content in enumerate((good, {"mosaics": {"x": {"mode": "pair"}}})):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "truth.json").write_text(json.dumps(content))
    truths = read_truths(tmp_path)
    assert len(truths.rows) == 1
    assert "label" in truths.skipped[0]
