"""Disk full, a folder that loses its permission, files that vanish, a worker that is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from spacekit.errors import OutputError
from spacekit.files import ensure_folder, write_text
from spacekit.measure.prep import measure_mosaic
from spacekit.measure.settings import PrepSettings
from spacekit.model.images import FolderFrames
from spacekit.parallel import run_jobs, usable_cores
from spacekit.report.pictures import bring_pictures
from spacekit.simulate.corrupt import CorruptionSettings
from spacekit.skopes.hst.svm import corrupt
from spacekit.skopes.hst.svm.prep import run_preprocessing
from spacekit.visit.discovery import find_mosaics

FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv[1:] = sys.argv[2:]
"""
CLI = "from spacekit.cli import main; main()"
STORE = """
import pandas, pathlib
from spacekit.errors import OutputError
from spacekit.measure.store import write_store
try:
    write_store(pathlib.Path(sys.argv[1]), pandas.DataFrame({"index": "x", "point": range(9999)}))
except OutputError as error:
    sys.exit(f"Error: {error}")
"""


def full_disk(code: str, limit: int, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run code that can't write a file beyond so many bytes."""
    line = [sys.executable, "-c", FULL + code, str(limit), *map(str, args)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_prep_ends_with_a_sentence_when_the_disk_is_full(simulated: Path, tmp_path: Path) -> None:
    visit = sorted(simulated.iterdir())[0]
    line = ("svm", "prep", visit, "-o", tmp_path / "out")
    done = full_disk(CLI, 1000, *line)
    assert done.returncode == 2
    assert "can't be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").rglob(".part-*"))
    assert run_preprocessing(visit, output_path=tmp_path / "out", workers=1).problems == ()


def test_a_table_that_finds_no_room_is_not_there(tmp_path: Path) -> None:
    done = full_disk(STORE, 20_000, tmp_path / "x.h5")
    assert done.returncode == 1
    assert "x.h5: can't be written whole; is the disk full?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


PREDICTIONS = """
import pandas, pathlib
from spacekit.errors import OutputError
from spacekit.evaluate.predictions import write_predictions
from spacekit.evaluate.tally import Tally
part = pandas.DataFrame({"index": [f"m{n}" for n in range(150)], "det": 1, "y_pred": 1.0})
part = part.assign(y_proba=0.987654321, rests_on="pixels", unfamiliar="", reason="")
try:
    write_predictions(pathlib.Path(sys.argv[1]), [(part, [])], "group", Tally())
except OutputError as error:
    sys.exit(f"Error: {error}")
"""


def test_predictions_that_find_no_room_leave_those_of_old(tmp_path: Path) -> None:
    names = ("predictions.csv", "compromised.txt", "clf_report.txt", "problems.csv")
    for name in names:
        (tmp_path / name).write_text("of old")
    # room for the names and the report, which are short, but not for the table
    done = full_disk(PREDICTIONS, 3000, tmp_path)
    assert done.returncode == 1, done.stderr
    assert "can't be written (File too large)" in done.stderr
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(names, "of old")
    assert full_disk(PREDICTIONS, 30_000, tmp_path).returncode == 0
    assert {p.name for p in tmp_path.iterdir()} == {*names} - {"problems.csv"}
    assert all(p.read_text() != "of old" for p in tmp_path.iterdir())


@pytest.fixture
def no_root() -> Iterator[Path]:
    """Give a folder to work in as somebody whom permissions bind."""
    folder = Path(tempfile.mkdtemp(prefix="spacekit-test-"))
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_a_folder_that_loses_its_permission(no_root: Path) -> None:
    write_text(no_root / "x.txt", "before")
    no_root.chmod(0o500)
    with pytest.raises(OutputError, match=r"can't write there .*; choose another output folder"):
        ensure_folder(no_root)
    with pytest.raises(OutputError, match=r"x\.txt: can't be written \(Permission denied\)"):
        write_text(no_root / "x.txt", "after")
    assert (no_root / "x.txt").read_text() == "before"
    no_root.chmod(0)
    (problem,) = find_mosaics(no_root)[1]
    assert problem.reason == "can't be entered (Permission denied)"


@pytest.mark.parametrize("what", ["drz.fits", "point-cat.ecsv", "svm_num_sources.json"])
def test_a_file_that_vanishes_after_it_was_listed(
    simulated: Path, tmp_path: Path, what: str
) -> None:
    visit = sorted(simulated.iterdir())[0]
    shutil.copytree(visit, tmp_path / "visit")
    (mosaic,), _ = find_mosaics(tmp_path / "visit")
    (gone,) = (tmp_path / "visit").glob(f"*_total_*_{what}")
    gone.unlink()
    measured = measure_mosaic(mosaic, PrepSettings(draw=False, evidence=False))
    (problem,) = measured.problems
    assert problem.file == str(gone)
    assert "unexpected" not in problem.reason
    assert (measured.row is None) == problem.fatal == (what == "drz.fits")


def test_frames_that_vanish_while_the_page_is_written(toy: Path, tmp_path: Path) -> None:
    index = str(pd.read_csv(toy / "svm_data.csv")["index"][0])
    shutil.copytree(toy / "img" / index, tmp_path / "img" / index)
    frames = FolderFrames(tmp_path / "img")
    bring_pictures(tmp_path / "img", index, tmp_path / "report")
    (tmp_path / "img" / index / f"{index}.png").unlink()
    assert frames.load(index, 64).notes == (f"{tmp_path}/img/{index}/{index}.png: is missing",)
    pictures = bring_pictures(tmp_path / "img", index, tmp_path / "report")
    assert pictures.notes[0].startswith("not there: frame,")


def test_exposures_that_vanish_before_they_are_corrupted(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in sorted(simulated.iterdir())[:2]:
        shutil.copytree(path, tmp_path / "visits" / path.name)
    find = corrupt.find_exposure_folders

    def found_then_lost(source: Path, pattern: str) -> list[Path]:
        folders = find(source, pattern)
        shutil.rmtree(folders[0])
        return folders

    monkeypatch.setattr(corrupt, "find_exposure_folders", found_then_lost)
    made = corrupt.run_corruption(
        tmp_path / "visits", tmp_path / "out", CorruptionSettings("mfi"), seed=1
    )
    assert len(made.copies) == 2
    assert ["holds no exposures any more" in p.reason for p in made.problems] == [True]


def test_cores_are_counted_where_the_system_knows_no_affinity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


class Fatal:
    """Kills the process that unpickles it, as the system does when memory is short."""

    def __reduce__(self) -> tuple[object, ...]:
        return signal.raise_signal, (signal.SIGKILL,)


def test_a_worker_that_is_killed_costs_its_job_only() -> None:
    jobs = [(-1,), (Fatal(),), (-3,), (-4,)]
    results = dict(run_jobs(abs, jobs, 2, lambda job: 99 if isinstance(job[0], Fatal) else -1))
    assert results == {0: 1, 1: 99, 2: 3, 3: 4}


class Doomed:
    """Kills the process that unpickles it, a little later."""

    def __reduce__(self) -> tuple[object, ...]:
        return signal.setitimer, (signal.ITIMER_REAL, 0.3)  # gives a pair


class Pausing(list[tuple[object]]):
    """Jobs of which the last two are handed out when those before are long done."""

    def __iter__(self) -> Iterator[tuple[object]]:
        yield from self[:-2]
        time.sleep(1.5)
        yield from self[-2:]


def test_a_worker_that_dies_between_jobs_costs_none() -> None:
    jobs = Pausing([(Doomed(),), (Doomed(),), ((1, 2, 3),), ((1, 2, 3, 4),)])
    results = dict(run_jobs(len, jobs, 2, lambda job: -1))
    assert results == {0: 2, 1: 2, 2: 3, 3: 4}
