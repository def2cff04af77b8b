"""Tables of text, as the pages of the documentation hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["markdown"]


def markdown(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lay out a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
