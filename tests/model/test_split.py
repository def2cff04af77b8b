from __future__ import annotations

import numpy as np
import pytest

from spacekit.errors import TrainingError
from spacekit.model.split import PARTS, group_of, split_groups

VISIT = "hst_{0}_01_acs_wfc_total_j{0}01"
SUFFIXES = ("", "_f606w_all_stat", "_clear1s_f250w_sub_stoc", "_rex_sub_stoc")


def many(proposals: int) -> tuple[list[str], np.ndarray]:
    names = [VISIT.format(10000 + p) + s for p in range(proposals) for s in SUFFIXES]
    return names, np.array([float(bool(s)) for _ in range(proposals) for s in SUFFIXES], "f")


def parts_of(names: list[str], labels: np.ndarray, seed: int = 0) -> dict[str, set[str]]:
    split = split_groups(names, labels, seed)
    return {part: {names[row] for row in getattr(split, part)} for part in PARTS}


@pytest.mark.parametrize("proposals", [8, 12, 200])
def test_nothing_of_a_proposal_is_in_two_parts(proposals: int) -> None:
    names, labels = many(proposals)
    parts = parts_of(names, labels)
    assert set().union(*parts.values()) == set(names)
    groups = [{group_of(name) for name in part} for part in parts.values()]
    assert sum(map(len, groups)) == proposals
    assert all(groups)


def test_a_part_does_not_depend_on_the_other_rows() -> None:
    names, labels = many(300)
    whole = parts_of(names, labels)
    some = parts_of(names[:800], labels[:800])
    for part in PARTS:
        assert some[part] <= whole[part]


def test_shares_and_seed() -> None:
    names, labels = many(400)
    one, two = parts_of(names, labels, 1), parts_of(names, labels, 2)
    assert one["test"] != two["test"]
    assert one == parts_of(names, labels, 1)
    for part, share in PARTS.items():
        assert len(one[part]) / len(names) == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_of_other_makes_lose_their_copy_suffix(suffix: str) -> None:
    assert group_of(f"my_field_a{suffix}") == "my_field_a"


def test_few_groups_are_dealt_and_it_is_said() -> None:
    names, labels = many(4)
    split = split_groups(names, labels, 0)
    assert "dealt" in split.notes[0]
    for part in PARTS:
        rows = getattr(split, part)
        assert set(labels[rows]) == {0, 1}
    assert len({*split.train, *split.tune, *split.calibrate, *split.test}) == len(names)


def test_classes_of_their_own_groups_are_dealt_to_all_parts() -> None:
    names = [VISIT.format(k) for k in range(10)]
    labels = np.array([0, 1] * 5, "f")
    split = split_groups(names, labels, 0)
    assert all(set(labels[getattr(split, part)]) == {0, 1} for part in PARTS)


def test_too_few_groups_share_all_rows_and_it_is_said() -> None:
    names, labels = many(2)
    split = split_groups(names, labels, 0)
    assert "say nothing" in split.notes[0]
    assert np.array_equal(split.train, split.test)


def test_one_class_cannot_be_trained_on() -> None:
    with pytest.raises(TrainingError, match="one class"):
        split_groups(["a", "b"], np.zeros(2, "f"), 0)
