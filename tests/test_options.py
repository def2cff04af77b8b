from __future__ import annotations

import numpy as np
import pytest

from spacekit.errors import OptionError
from spacekit.options import switch, whole_number


@pytest.mark.parametrize(
    ("value", "on"),
    [(0, False), (1, True), ("0", False), ("1", True), (False, False), (np.int64(1), True)],
)
def test_a_switch_is_what_it_looks_like(value: object, on: bool) -> None:
    assert switch("crpt", value) is on


@pytest.mark.parametrize("value", [2, -1, "yes", "", None, 0.5])
def test_no_switch(value: object) -> None:
    with pytest.raises(OptionError, match=r"crpt is .*; give 0 or 1"):
        switch("crpt", value)


@pytest.mark.parametrize("value", [128, "128", np.int64(128)])
def test_a_whole_number(value: object) -> None:
    assert whole_number("size", value, 16, 128) == 128


@pytest.mark.parametrize("value", [15, 129, "large", 64.5, None, True])
def test_no_whole_number(value: object) -> None:
    with pytest.raises(OptionError, match=r"size is .*; give a whole number from 16 to 128"):
        whole_number("size", value, 16, 128)
