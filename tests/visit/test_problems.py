from __future__ import annotations

from pathlib import Path

import pytest

from spacekit.visit.nouns import Problem
from spacekit.visit.problems import read_problems, write_problems


def test_problems_are_listed_and_an_old_list_goes(tmp_path: Path) -> None:
    path = tmp_path / "problems.csv"
    assert write_problems(path, [Problem("a", "f", "why, so", False)]) == path
    assert path.read_text() == 'index,file,reason,fatal\na,f,"why, so",0\n'
    assert write_problems(path, []) is None
    assert not path.exists()


def test_a_list_that_is_not_ours_stays(tmp_path: Path) -> None:
    path = tmp_path / "problems.csv"
    path.write_text("exercise,solved\n1,no\n")
    assert write_problems(path, []) is None
    assert path.exists()


def test_problems_come_back_of_all_mosaics_or_some(tmp_path: Path) -> None:
    path = tmp_path / "problems.csv"
    told = [Problem(f"m{n}", "NA", f"is {n},\nso", fatal=n == 1) for n in range(5)]
    write_problems(path, told)
    assert read_problems(path) == told
    assert read_problems(path, ["m1", "m3"]) == [told[1], told[3]]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01"])
def test_problems_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "problems.csv").write_text(text)
    assert read_problems(tmp_path / "problems.csv") == []
