"""How large strangers' pictures may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from spacekit.errors import FrameError
from spacekit.visit.pictures import LARGEST_SIDE_PX, is_copy, read_png


def test_the_largest_frame_that_prep_draws_can_be_read(tmp_path: Path) -> None:
    side = LARGEST_SIDE_PX  # which test_status.py holds prep to
    Image.new("1", (side, side)).save(tmp_path / "a.png")
    assert read_png(tmp_path / "a.png").size == (side, side)
    Image.new("1", (side, side + 1)).save(tmp_path / "b.png")
    with pytest.raises(FrameError, match=r"b\.png: 4096 x 4097 px, too large .*4096 x 4096 px"):
        read_png(tmp_path / "b.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipes = [tmp_path / "a.png", tmp_path / "b.png"]
    for pipe in pipes:
        os.mkfifo(pipe)
    with pytest.raises(FrameError, match=r"a\.png: is no file"):
        read_png(pipes[0])
    assert not is_copy(*pipes)
