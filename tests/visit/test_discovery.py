"""Finding mosaics below a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spacekit.errors import VisitError
from spacekit.visit.discovery import find_mosaics

KINDS = ("drz.fits", "point-cat.ecsv", "segment-cat.ecsv", "svm_num_sources.json")


def lay_out(
    folder: Path, ipppss: str = "iza101", detector: str = "ir", kinds: tuple[str, ...] = KINDS
) -> str:
    """Make a visit of empty files; give the name of its total."""
    folder.mkdir(parents=True, exist_ok=True)
    start = f"hst_16901_01_wfc3_{detector}"
    for kind in kinds:
        (folder / f"{start}_total_{ipppss}_{kind}").touch()
    for token in ("f110w", "f160w"):
        (folder / f"{start}_{token}_{ipppss}_drz.fits").touch()
    (folder / f"{start}_f110w_{ipppss}ab_svm_wcs.json").touch()
    return f"{start}_total_{ipppss}"


def test_a_mosaic_has_its_files(tmp_path: Path) -> None:
    index = lay_out(tmp_path)
    (tmp_path / "ref_cat.ecsv").touch()
    own = tmp_path / "hst_16901_01_wfc3_ir_iza_metawcs_all_GAIAeDR3_ref_cat.ecsv"
    own.touch()
    (tmp_path / "hst_16901_01_wfc3_uvis_iza_metawcs_all_GAIAeDR3_ref_cat.ecsv").touch()
    [mosaic], problems = find_mosaics(tmp_path)
    assert problems == []
    assert mosaic.index == index
    assert mosaic.total.drizzled == tmp_path / f"{index}_drz.fits"
    assert mosaic.total.point_catalog == tmp_path / f"{index}_point-cat.ecsv"
    assert mosaic.total.segment_catalog == tmp_path / f"{index}_segment-cat.ecsv"
    assert list(mosaic.total.qa) == ["num_sources"]
    assert [p.name.filter for p in mosaic.filters] == ["f110w", "f160w"]
    assert [p.name.exposure for p in mosaic.exposures] == ["ab"]
    assert mosaic.reference_catalogs == (own, tmp_path / "ref_cat.ecsv")


def test_drc_goes_before_drz(tmp_path: Path) -> None:
    index = lay_out(tmp_path, kinds=("drz.fits", "drc.fits"))
    [mosaic], _ = find_mosaics(tmp_path)
    assert mosaic.total.drizzled == tmp_path / f"{index}_drc.fits"


def test_flat_nested_and_several_detectors(tmp_path: Path) -> None:
    lay_out(tmp_path, "iza101")
    lay_out(tmp_path, "iza102")
    lay_out(tmp_path / "a" / "b", "iza103", "uvis")
    lay_out(tmp_path / "a" / "b", "iza103", "ir")
    lay_out(tmp_path / ".hidden", "iza104")
    mosaics, problems = find_mosaics(tmp_path)
    assert problems == []
    assert [m.index.split("total_")[1] for m in mosaics] == ["iza101", "iza102"] + ["iza103"] * 2
    assert {m.total.name.detector for m in mosaics if m.folder != tmp_path} == {"ir", "uvis"}


def test_ref_cat_in_a_shared_folder_is_nobodys(tmp_path: Path) -> None:
    lay_out(tmp_path, "iza101")
    lay_out(tmp_path, "iza102")
    (tmp_path / "ref_cat.ecsv").touch()
    mosaics, _ = find_mosaics(tmp_path)
    assert [m.reference_catalogs for m in mosaics] == [(), ()]


def test_a_total_without_image_is_a_problem_that_names_it(tmp_path: Path) -> None:
    index = lay_out(tmp_path, kinds=KINDS[1:])
    mosaics, [problem] = find_mosaics(tmp_path)
    assert mosaics == []
    assert problem.index == index
    assert problem.fatal
    assert f"{index}_drz.fits" in problem.reason


def test_a_name_that_is_no_hap_name_is_a_problem(tmp_path: Path) -> None:
    lay_out(tmp_path)
    for name in ("my_total_drz.fits", "hst_x_drc.fits", "a_total_svm_x.json", "iza101010_drz.fits"):
        (tmp_path / name).touch()
    mosaics, problems = find_mosaics(tmp_path)
    assert len(mosaics) == 1
    assert sorted(Path(p.file).name for p in problems) == [
        "a_total_svm_x.json",
        "hst_x_drc.fits",
        "my_total_drz.fits",
    ]
    assert all("not a HAP file name" in p.reason for p in problems)


def test_json_patterns_choose_the_totals_qa(tmp_path: Path) -> None:
    index = lay_out(tmp_path, kinds=(*KINDS, "svm_gaia_sources.json"))
    for pattern, tests in (
        ("*_total*_svm_*.json", ["gaia_sources", "num_sources"]),
        ("*_svm_gaia*.json , nothing", ["gaia_sources"]),
        ("*svm_gaia*.json,*svm_num*.json", ["gaia_sources", "num_sources"]),
        ("", []),
    ):
        [mosaic], _ = find_mosaics(tmp_path, json_pattern=pattern)
        assert mosaic.index == index
        assert list(mosaic.total.qa) == tests


def test_copies_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    total = lay_out(tmp_path / "iza101_f160w_all_stat")
    lay_out(tmp_path / "iza101_clear1s_f250w_sub_stoc")
    lay_out(tmp_path / "iza101")
    lay_out(tmp_path / "iza102_rex_sub_stat")
    mosaics, problems = find_mosaics(tmp_path, corrupted=True)
    assert [m.index for m in mosaics] == [
        f"{total}_clear1s_f250w_sub_stoc",
        f"{total}_f160w_all_stat",
    ]
    assert [Path(p.file).name for p in problems] == ["iza101", "iza102_rex_sub_stat"]
    assert "without --crpt 1" in problems[0].reason
    assert "holds products of iza101" in problems[1].reason


def test_of_two_of_one_name_the_first_stays(tmp_path: Path) -> None:
    lay_out(tmp_path / "iza101")
    lay_out(tmp_path / "iza101_f160w_all_stat")
    lay_out(tmp_path / "other")
    [mosaic], problems = find_mosaics(tmp_path)
    assert mosaic.folder == tmp_path / "iza101"
    assert ["--crpt 1" in p.reason for p in problems] == [True, False]
    assert "another output folder" in problems[1].reason


def test_links_are_followed_to_a_visit_elsewhere_but_no_further(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    lay_out(outside, "iza109")
    lay_out(outside / "below", "iza108")
    (outside / "up").symlink_to(tmp_path, target_is_directory=True)
    root = tmp_path / "root"
    index = lay_out(root / "a")
    (root / "a" / f"{index}_drc.fits").symlink_to(outside / "x.fits")  # dangling
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    (root / "a" / "self").symlink_to(root / "a" / "self")
    (root / "again").symlink_to(root / "a", target_is_directory=True)
    (root / "out").symlink_to(outside, target_is_directory=True)
    (root / "out again").symlink_to(outside, target_is_directory=True)
    linked = root / "b"
    linked.mkdir()
    name = next((outside / "below").glob("*total*_drz.fits")).name
    (linked / name).symlink_to(outside / "below" / name)
    mosaics, problems = find_mosaics(root)
    assert [m.folder.name for m in mosaics] == ["a", "b", "out"]
    assert mosaics[0].total.drizzled == root / "a" / f"{index}_drz.fits"
    assert problems == []


def test_json_of_other_names_is_nobodys_concern(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "iza101_ir_svm_f160w_photometry.json").touch()
    mosaics, problems = find_mosaics(tmp_path, json_pattern="*.json")
    assert len(mosaics) == 1
    assert problems == []


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    index = lay_out(tmp_path, kinds=KINDS[1:])
    os.mkfifo(tmp_path / f"{index}_drz.fits")
    mosaics, problems = find_mosaics(tmp_path)
    assert mosaics == []
    assert len(problems) == 1


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(VisitError, match="no such folder"):
        find_mosaics(tmp_path / "none")
    assert find_mosaics(tmp_path) == ([], [])


def test_pictures_and_offsets_of_a_mosaic_are_no_products(tmp_path: Path) -> None:
    """Prep writes into the working directory, which may be the folder it reads."""
    index = lay_out(tmp_path)
    for kind in (".png", "_source.png", "_offsets.json", "_stamps.png", "_blink_f110w.jpg"):
        folder = tmp_path / "img" / index
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{index}{kind}").touch()
    [mosaic], problems = find_mosaics(tmp_path)
    assert problems == []
    assert mosaic.folder == tmp_path


def a_folder_each(visits: Path, kinds: tuple[str, ...] = KINDS) -> str:
    """A visit as the archive hands it out: each product in a folder of its own."""
    index = lay_out(visits, kinds=kinds)
    for path in [p for p in visits.iterdir() if p.is_file()]:
        product = "_".join(path.name.split("_")[:7])
        (visits / product).mkdir(exist_ok=True)
        path.rename(visits / product / path.name)
    return index


def test_products_in_a_folder_each_are_brought_together(tmp_path: Path) -> None:
    index = a_folder_each(tmp_path)
    start = "hst_16901_01_wfc3_ir"
    catalog = f"{start}_iza_metawcs_all_GAIAeDR3_ref_cat.ecsv"
    (tmp_path / f"{start}_f110w_iza101" / catalog).touch()
    [mosaic], problems = find_mosaics(tmp_path)
    assert problems == []
    assert mosaic.folder == tmp_path / index
    assert [p.name.filter for p in mosaic.filters] == ["f110w", "f160w"]
    name = f"{start}_f160w_iza101"
    assert mosaic.filters[1].drizzled == tmp_path / name / f"{name}_drz.fits"
    assert [p.name.exposure for p in mosaic.exposures] == ["ab"]
    assert [p.name for p in mosaic.reference_catalogs] == [catalog]


def test_what_is_there_already_is_not_brought_again(tmp_path: Path) -> None:
    """A folder of an older run beside the visit's must not go before it."""
    start = "hst_16901_01_wfc3_ir"
    lay_out(tmp_path / "iza101")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / f"{start}_f160w_iza101_drz.fits").touch()
    (tmp_path / "old" / f"{start}_total_iza101_point-cat.ecsv").touch()
    [mosaic], problems = find_mosaics(tmp_path)
    assert {p.drizzled.parent.name for p in mosaic.filters if p.drizzled} == {"iza101"}
    assert mosaic.total.point_catalog == tmp_path / "iza101" / f"{mosaic.index}_point-cat.ecsv"
    (problem,) = problems
    assert Path(problem.file).parent.name == "old"


def test_products_are_not_brought_from_elsewhere(tmp_path: Path) -> None:
    """Nor to one of two totals, nor from a copy's folder."""
    lay_out(tmp_path / "visits" / "one")
    lay_out(tmp_path / "visits" / "two")
    lay_out(tmp_path / "far" / "three", kinds=())
    mosaics, problems = find_mosaics(tmp_path)
    assert [m.folder.name for m in mosaics] == ["one"]
    assert sorted(Path(p.file).parent.name for p in problems if "total" in p.reason) == ["three"]
    lay_out(tmp_path / "copies" / "iza101", detector="uvis")
    lay_out(tmp_path / "copies" / "iza101_f110w_all_stat", detector="uvis", kinds=())
    _, problems = find_mosaics(tmp_path / "copies")
    assert "total drizzled image is missing" in problems[0].reason
