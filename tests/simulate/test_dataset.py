"""Scenes as folders: whole or not at all, once, and the same however they are made."""

from __future__ import annotations

import json

import pytest
from astropy.io import fits

from spacekit.errors import OutputError
from spacekit.simulate import dataset, scene
from spacekit.simulate.dataset import claim_folder, longest_first, simulate_many
from spacekit.simulate.draw import DrawSettings, draw_spec
from spacekit.simulate.settings import SimulationSettings

SETTINGS = SimulationSettings(
    draw=DrawSettings(detectors={"ir": 1.0}, sizes={160: 1.0}, modes=("one-filter",)),
    exposures=True,
)
SEED = 4


def _scene():
    """Give a small scene with a matched pair."""
    specs = ((k, draw_spec(SEED, k, SETTINGS.draw)) for k in range(200))
    clear = ((k, s) for k, s in specs if s.offset_px > 1 and not s.fit_enabled)
    return next(k for k, s in clear if s.mode == "one-filter" and sum(s.counts) == 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    return out, simulate_many(out, [_scene()], SEED, SETTINGS)


def test_both_members_get_a_folder_with_products_and_truth(made):
    out, (result,) = made
    assert result.reason == ""
    names = draw_spec(SEED, _scene(), SETTINGS.draw).members
    assert [f.name for f in result.folders] == list(names)
    assert {p.name for p in out.iterdir()} == {*names, "simulation.json"}
    for folder, mode in zip(result.folders, ("one-filter", "aligned"), strict=True):
        truth = json.loads((folder / "truth.json").read_text())
        ((index, entry),) = truth["mosaics"].items()
        assert list(folder.glob(f"{index}_dr?.fits"))
        assert entry["mode"] == mode
        assert len(list((folder / "exposures").glob("*_flt.fits"))) == 3
        assert len(list((folder / "exposures").glob("*_input.out"))) == 1


def test_the_total_is_told_apart_from_filters_that_it_leaves_out(made):
    _, (result,) = made
    for folder in result.folders:
        ((_, entry),) = json.loads((folder / "truth.json").read_text())["mosaics"].items()
        (total,) = folder.glob("*_total_*_drz.fits")
        header = fits.getheader(total)
        inputs = {header[f"D{n:03d}DATA"].split("_")[4] for n in range(1, header["NDRIZIM"] + 1)}
        assert len(inputs) == 1  # two exposures of one filter; the other's one isn't there
        assert entry["total_offset_px"] <= 0.25
    worst = max(
        next(iter(json.loads((f / "truth.json").read_text())["mosaics"].values()))["offset_px"]
        for f in result.folders
    )
    assert worst > 0.5


def test_finished_visits_are_left_alone(made, monkeypatch):
    out, (result,) = made
    monkeypatch.setattr(scene, "simulate_pair", None)
    again = simulate_many(out, [_scene()], SEED, SETTINGS)
    assert again == [result]


def test_number_of_workers_does_not_matter(made, tmp_path):
    _, (result,) = made
    seen = []
    (other,) = simulate_many(tmp_path, [_scene()], SEED, SETTINGS, workers=2, progress=seen.append)
    assert seen == [other]
    for one, two in zip(result.folders, other.folders, strict=True):
        assert (one / "truth.json").read_text() == (two / "truth.json").read_text()
        name = next(one.glob("*_total_*_dr?.fits")).name
        a, b = fits.getdata(one / name, "SCI"), fits.getdata(two / name, "SCI")
        assert a.tobytes() == b.tobytes()


def test_the_largest_scenes_come_first():
    draw = DrawSettings(detectors={"ir": 1.0}, sizes={160: 0.5, None: 0.5})
    numbers = longest_first(range(20), SEED, draw)
    assert sorted(numbers) == list(range(20))
    full = [draw_spec(SEED, k, draw).size is None for k in numbers]
    assert full == sorted(full, reverse=True)
    assert any(full)
    assert not all(full)


def test_failure_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("no stars tonight")

    monkeypatch.setattr(scene, "process_visit", fail)
    (result,) = simulate_many(tmp_path, [_scene()], SEED, SETTINGS)
    assert result.folders == ()
    assert "no stars tonight" in result.reason
    assert [p.name for p in tmp_path.iterdir()] == ["simulation.json"]


def test_full_disk_ends_the_run(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scene, "process_visit", fail)
    with pytest.raises(OutputError, match="No space left"):
        simulate_many(tmp_path, [_scene()], SEED, SETTINGS)
    assert [p.name for p in tmp_path.iterdir()] == ["simulation.json"]


def test_a_folder_of_another_set_is_refused(made):
    out, _ = made
    before = {p.name for p in out.iterdir()}
    with pytest.raises(OutputError, match="another seed"):
        simulate_many(out, [_scene()], SEED + 1, SETTINGS)
    with pytest.raises(OutputError, match="another settings"):
        simulate_many(out, [_scene()], SEED, SimulationSettings())
    assert {p.name for p in out.iterdir()} == before


def test_a_set_of_other_code_is_not_gone_on_with(tmp_path, monkeypatch):
    """Two simulators can have one version: while it is worked on."""
    for name in ("simulate", "mosaic", "measure"):
        (tmp_path / "code" / name).mkdir(parents=True)
        (tmp_path / "code" / name / "part.py").write_text(f"{name} = 1")
    out = tmp_path / "out"
    monkeypatch.setattr(dataset, "__file__", str(tmp_path / "code" / "simulate" / "dataset.py"))
    claim_folder(out, SEED, SETTINGS, measured=False)
    claim_folder(out, SEED, SETTINGS, measured=False)
    (tmp_path / "code" / "measure" / "part.py").write_text("measure = 2")
    claim_folder(out, SEED, SETTINGS, measured=False)
    with pytest.raises(OutputError, match="another simulator"):
        claim_folder(out, SEED, SETTINGS, measured=True)
    (tmp_path / "code" / "mosaic" / "part.py").write_text("mosaic = 2")
    with pytest.raises(OutputError, match=r"another simulator.*take another folder"):
        claim_folder(out, SEED, SETTINGS, measured=False)


def test_measured_sets_are_of_the_code_that_measures(tmp_path, monkeypatch):
    (tmp_path / "measure").mkdir()
    monkeypatch.setattr(dataset, "__file__", str(tmp_path / "simulate" / "dataset.py"))
    claim_folder(tmp_path / "out", SEED, SETTINGS)
    (tmp_path / "measure" / "more.py").write_text("")
    with pytest.raises(OutputError, match="another simulator"):
        claim_folder(tmp_path / "out", SEED, SETTINGS)


def test_the_sources_are_found_where_the_package_is():
    found = {dataset._fingerprint(names) for names in (("simulate",), ("mosaic",), ("measure",))}
    assert len(found | {dataset._fingerprint(())}) == 4


@pytest.mark.parametrize("content", ["older", "[1]", "{", ""])
def test_a_folder_that_does_not_tell_its_simulator_is_refused(tmp_path, content):
    record = tmp_path / "simulation.json"
    claim_folder(tmp_path, SEED, SETTINGS)
    if content == "older":
        told = json.loads(record.read_text())
        del told["simulator"]
        content = json.dumps(told)
    record.write_text(content)
    with pytest.raises(OutputError, match=r"another.* simulator.*take another folder"):
        claim_folder(tmp_path, SEED, SETTINGS)
    assert record.read_text() == content
