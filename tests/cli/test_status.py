"""What a person is told, and what a script sees, when a command is given what can't be."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spacekit.cli import app, launch

Answer = tuple[int, str]


@pytest.fixture
def answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """Give a command as a person does, in an empty folder; its exit status and its stderr."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(*args: str | Path) -> Answer:
        monkeypatch.setattr(sys, "argv", ["spacekit", "svm", *map(str, args)])
        with pytest.raises(SystemExit) as end:
            launch(app)
        assert isinstance(end.value.code, int)
        return end.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "5"), "size is 5; give a whole number from 16 to 4096"),
        (("--size", "4097"), "size is 4097; give a whole number from 16 to 4096"),
        (("-f=.csv",), "'.csv' is no name for a table; give one such as svm_data"),
        (("-f", "a/.."), "'a/..' is no name for a table; give one such as svm_data"),
    ],
)
def test_prep_refuses_a_wrong_option_before_it_looks_for_visits(
    answer: Callable[..., Answer], tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    # there is no such folder, which would be told first if it were looked at first
    status, err = answer("prep", tmp_path / "absent", *options)
    assert (status, err) == (2, f"Error: {said}\n")
    assert not list((tmp_path / "work").iterdir())


def test_prep_takes_the_name_alone_of_a_path(answer: Callable[..., Answer], tmp_path: Path) -> None:
    status, err = answer("prep", tmp_path, "-f", "a/b")
    assert status == 2
    assert "no single-visit mosaic" in err


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0"])
def test_label_refuses_what_is_no_table(
    answer: Callable[..., Answer], tmp_path: Path, content: bytes
) -> None:
    table, visits = tmp_path / "t.csv", tmp_path / "visits"
    visits.mkdir()
    mosaics = {"hst_1_01_wfc3_ir_total_iza101": {"label": 1, "offset_px": 2.0}}
    (visits / "truth.json").write_text(json.dumps({"mosaics": mosaics}))
    table.write_bytes(content)
    status, err = answer("label", table, visits)
    assert status == 2
    assert err.startswith(f"Error: {table}: can't be read as a CSV table")
    assert "give the svm_data.csv of prep" in err
    assert not (tmp_path / "t_labelled.csv").exists()


def test_label_tells_of_truths_that_can_not_be_read(
    answer: Callable[..., Answer], tmp_path: Path
) -> None:
    name = "hst_1_01_wfc3_ir_total_iza101"
    table, visits = tmp_path / "t.csv", tmp_path / "visits"
    visits.mkdir()
    (visits / "truth.json").write_text(
        json.dumps({"mosaics": {name: {"label": 1, "offset_px": 2.0}}})
    )
    table.write_text(f"numexp,index\n4,{name}\n")
    assert answer("label", table, visits) == (
        0,
        "1 misaligned, 0 aligned, 0 ambiguous, 0 without truth\n",
    )
    (visits / "broken").mkdir()
    (visits / "broken" / "truth.json").write_text("{")
    status, err = answer("label", table, visits)
    assert status == 1
    assert err.startswith(f"skipped {visits / 'broken' / 'truth.json'}: ")


@pytest.mark.parametrize(
    ("option", "value"), [("-p", "Rex"), ("-t", "huge"), ("-w", "pip"), ("-e", "some")]
)
def test_corrupt_refuses_an_unknown_choice_and_names_the_known(
    answer: Callable[..., Answer], tmp_path: Path, option: str, value: str
) -> None:
    known = {"-p": "rex", "-t": "major", "-w": "block", "-e": "all"}[option]
    status, err = answer("corrupt", tmp_path, option, value)
    assert status == 2
    assert repr(value) in err
    assert repr(known) in err
    assert not list((tmp_path / "work").iterdir())
