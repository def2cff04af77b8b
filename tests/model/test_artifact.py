from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from spacekit.errors import ModelFileError  # noqa: E402
from spacekit.measure.schema import CATEGORIES  # noqa: E402
from spacekit.model.artifact import INPUTS, Manifest, load_artifact, save_artifact  # noqa: E402
from spacekit.model.branches import NetworkSettings, TableScaling  # noqa: E402
from spacekit.model.calibrate import Calibration, Line  # noqa: E402
from spacekit.model.features import CATEGORICAL, NUMERIC, Features  # noqa: E402
from spacekit.model.infer import Model  # noqa: E402
from spacekit.model.limits import Limits  # noqa: E402
from spacekit.model.network import Ensemble  # noqa: E402

MANIFEST = Manifest(
    numeric=NUMERIC,
    categorical=CATEGORICAL,
    classes={name: CATEGORIES[name] for name in CATEGORICAL},
    frame_size=64,
    calibration=Calibration(
        (Line(1.5, 0.2), Line(0.9), Line(0.7), Line(), Line(0, -5)), (2.0, 1.0, 1.5, 3.0, 3.0), 0.03
    ),
    limits=Limits({"numexp": 12.0}, (1, 3)),
    provenance={"seed": 3},
)


@pytest.fixture(scope="module")
def network() -> Ensemble:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        k = len(NUMERIC) + 1  # the surest sign
        power = np.linspace(-2, 2, k).astype(np.float32)
        two, one, three = (np.full(k, v, "f") for v in (2, 1, 3))
        edges = np.tile(np.linspace(-2, 2, 5, dtype="f"), (k, 1))
        scaling = TableScaling(two, power, one, three, edges)
        ensemble = Ensemble(scaling, NetworkSettings())
        with torch.no_grad():  # answers that differ from one another
            ensemble.table_word[-1].weight *= 30
        ensemble.train()
        ensemble(*tensors(rows(16, 64)))  # batch statistics that aren't 0 and 1
        return ensemble.eval()


@pytest.fixture(scope="module")
def file(network: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    save_artifact(path, network, MANIFEST)
    return path


def rows(count: int, side: int) -> list[np.ndarray]:
    rng = np.random.default_rng(count * side)
    numeric = rng.lognormal(1, 3, (count, len(NUMERIC))).astype(np.float32)
    numeric[rng.random(numeric.shape) < 0.2] = np.nan
    numeric[0, 0], numeric[0, 1] = -3e8, 9e8
    categories = rng.integers(-1, 4, (count, 3))
    frames = rng.integers(0, 256, (count, 3, side, side, 3), dtype=np.uint8)
    frames[0] = 0
    stamps = rng.integers(0, 256, (count, 32, 2, 32, 32), dtype=np.uint8)
    stamps[:, rng.integers(1, 32) :] = 0
    stamps[-1] = 0
    present = (rng.random((count, 1)) < 0.7).astype(np.float32)
    return [numeric, categories, frames, present, stamps]


def tensors(arrays: list[np.ndarray]) -> list[Any]:
    return [torch.from_numpy(a) for a in arrays]


@pytest.mark.parametrize(("count", "side"), [(1, 64), (9, 64), (4, 160), (3, 32)])
def test_onnx_answers_as_torch_does(network: Ensemble, file: Path, count: int, side: int) -> None:
    arrays = rows(count, side)
    with torch.inference_mode():
        expected = network(*tensors(arrays)).numpy()
    session, _ = load_artifact(file)
    names = INPUTS
    got = session.run(None, dict(zip(names, arrays, strict=True)))[0]
    assert np.isfinite(expected).all()
    assert np.abs(got - expected).max() < 1e-5
    assert count == 1 or np.ptp(expected) > 0.01


def test_what_stands_in_the_place_of_missing_frames_changes_nothing(file: Path) -> None:
    model = Model(*load_artifact(file))
    numeric, categories, frames, absent, stamps = rows(4, 64)
    features = Features(numeric, categories, {})
    blank = model.logits(features, None, stamps)
    absent[:] = 0
    session, manifest = load_artifact(file)
    numeric = manifest.limits.bounded(numeric)  # as the model does
    noise = session.run(
        None, dict(zip(INPUTS, (numeric, categories, frames, absent, stamps), strict=True))
    )
    assert np.allclose(blank, noise[0], atol=1e-5)
    assert not np.allclose(blank, model.logits(features, frames, stamps))


def test_order_of_stamps_and_empty_places_change_nothing(file: Path) -> None:
    model = Model(*load_artifact(file))
    numeric, categories, frames, _, stamps = rows(4, 64)
    features = Features(numeric, categories, {})
    straight = model.logits(features, frames, stamps)
    assert np.allclose(straight, model.logits(features, frames, stamps[:, ::-1]), atol=1e-5)
    none = np.zeros_like(stamps)
    assert np.allclose(
        model.logits(features, frames, none), model.logits(features, frames, None), atol=1e-5
    )
    assert not np.allclose(straight[:-1], model.logits(features, frames, none)[:-1])


def test_one_file_that_describes_itself(file: Path) -> None:
    assert [p.name for p in file.parent.iterdir()] == ["m.onnx"]
    _, manifest = load_artifact(file)
    assert manifest == MANIFEST
    assert file.stat().st_size < 1_000_000


def test_file_does_not_depend_on_the_working_directory(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    _, manifest = load_artifact(file)
    assert manifest == MANIFEST
    assert not list(elsewhere.iterdir())


Change = Callable[[Any], None]


def external(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "secret.bin"), ("offset", "0")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    tensor.ClearField("raw_data")


def external_in_a_constant(model: Any) -> None:
    node = next(n for n in model.graph.node if n.op_type == "Constant")
    node.attribute[0].t.data_location = onnx.TensorProto.EXTERNAL


def custom_domain(model: Any) -> None:
    model.opset_import.add().domain = "com.evil"


def custom_node(model: Any) -> None:
    model.graph.node[0].domain = "com.evil"


def odd_operator(model: Any) -> None:
    model.graph.node.add().op_type = "Loop"


def control_flow(model: Any) -> None:
    attribute = model.graph.node[0].attribute.add()
    attribute.name, attribute.type = "body", onnx.AttributeProto.GRAPH
    attribute.g.name = "inner"


def functions(model: Any) -> None:
    model.functions.add().name = "f"


def sparse(model: Any) -> None:
    model.graph.sparse_initializer.add().dims.append(1)


def no_description(model: Any) -> None:
    del model.metadata_props[:]


def missing_input(model: Any) -> None:
    del model.graph.input[3]


def input_without_shape(model: Any) -> None:
    numeric = next(i for i in model.graph.input if i.name == "numeric")
    numeric.type.tensor_type.ClearField("shape")


def described(**changed: Any) -> Change:
    def change(model: Any) -> None:
        content = json.loads(model.metadata_props[0].value)
        model.metadata_props[0].value = json.dumps(content | changed)

    return change


def calibration(slope: float = 1, **changed: Any) -> dict[str, Any]:
    lines = [{"slope": slope, "intercept": 0}] * 5
    return {"lines": lines, "thresholds": [1] * 5, "prevalence": 0.02} | changed


def text(value: str) -> Change:
    def change(model: Any) -> None:
        model.metadata_props[0].value = value

    return change


HOSTILE = {
    "external": (external, "another file"),
    "external constant": (external_in_a_constant, "another file"),
    "domain": (custom_domain, "domain"),
    "node domain": (custom_node, "domain"),
    "operator": (odd_operator, "Loop"),
    "control flow": (control_flow, "control flow"),
    "functions": (functions, "functions"),
    "sparse": (sparse, "sparse"),
    "no description": (no_description, "describe"),
    "missing input": (missing_input, ""),
    "input without shape": (input_without_shape, "fit together"),
    "schema": (described(schema=99), "schema"),
    "truth as feature": (described(numeric=["true_offset_px"]), "true_offset_px"),
    "label as feature": (described(numeric=["label"]), "label"),
    "unknown key": (described(more=1), "sense"),
    "calibration": (described(calibration=7), "sense"),
    "turned around": (described(calibration=calibration(slope=-1)), "sense"),
    "threshold text": (described(calibration=calibration(thresholds="high")), "sense"),
    "threshold": (described(calibration=calibration(thresholds=[float("nan")] * 5)), "sense"),
    "thresholds": (described(calibration=calibration(thresholds=[1])), "sense"),
    "limits": (described(limits={"largest": {"label": 1}, "detectors": []}), "sense"),
    "frame size": (described(frame_size=100_000), "frame_size"),
    "classes": (described(classes={}), "categories"),
    "fewer features": (described(numeric=list(NUMERIC[:-1])), "fit together"),
    "not JSON": (text("{"), "sense"),
    "deep JSON": (text("[" * 100_000), "sense"),
    "other JSON": (text("[1]"), "sense"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_models_are_refused(file: Path, tmp_path: Path, case: str) -> None:
    change, said = HOSTILE[case]
    model = onnx.load(file)
    change(model)
    path = tmp_path / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    (tmp_path / "secret.bin").write_bytes(bytes(1_000_000))
    with pytest.raises(ModelFileError, match=f"hostile.*{said}"):
        load_artifact(path)


def test_a_model_that_answers_nonsense_is_refused(file: Path, tmp_path: Path) -> None:
    model = onnx.load(file)
    last = next(i for i in model.graph.initializer if i.name == "table_word.3.bias")
    last.CopyFrom(onnx.numpy_helper.from_array(np.array([np.inf], np.float32), last.name))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="answer"):
        load_artifact(path)


def test_truncated_and_foreign_files(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    whole = file.read_bytes()
    cuts = [whole[: int(len(whole) * f)] for f in (0.01, 0.3, 0.7, 0.99, 0.9999)]
    for content in (b"", b"\x80\x04pickle", b"PK\x03\x04", b"ORTM" * 50, bytes(300), *cuts):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=r"m\.onnx"):
            load_artifact(path)
    with pytest.raises(ModelFileError, match="can't be read"):
        load_artifact(tmp_path / "absent.onnx")
    with pytest.raises(ModelFileError, match="can't be read"):
        load_artifact(tmp_path)


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with path.open("wb") as sparse_file:
        sparse_file.truncate(50_000_001)
    with pytest.raises(ModelFileError, match="larger"):
        load_artifact(path)


def test_nothing_is_written_where_the_manifest_is_wrong(network: Ensemble, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frame_size"):
        save_artifact(tmp_path / "m.onnx", network, replace(MANIFEST, frame_size=7))
    assert not list(tmp_path.iterdir())
