"""How the pictures of a mosaic are called; whoever only looks for them needs nothing else."""

from __future__ import annotations

from typing import Final

__all__ = ["BLINK_KINDS", "FRAME_NAMES"]

#: Suffixes of the three frames of a mosaic, in the order of the stack.
FRAME_NAMES: Final = ("", "_source", "_gaia")

#: Between a mosaic's name and a product's in the names of the pictures that are blinked.
BLINK_KINDS: Final = ("blink", "blinkfield")
