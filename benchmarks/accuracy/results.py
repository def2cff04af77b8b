"""Rows that a step found out about a model, with which model that was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacekit.files import write_json

__all__ = ["Results", "digest_of", "read_results", "write_results"]


@dataclass(frozen=True)
class Results:
    """What a step found out.

    Parameters
    ----------
    rows : list of dict
        As the step wrote them.
    current : bool
        Whether they are of the model that was asked for; else it has been trained anew since.
    """

    rows: list[dict[str, Any]]
    current: bool


def digest_of(model_file: Path) -> str:
    """Tell a model from others: a checksum of its file, 12 hexadecimal digits."""
    return hashlib.sha256(model_file.read_bytes()).hexdigest()[:12]


def write_results(path: Path, rows: Sequence[Mapping[str, Any]], model_file: Path) -> None:
    """Write rows found out about a model."""
    write_json(path, {"model": digest_of(model_file), "rows": list(rows)})


def read_results(path: Path, model_file: Path) -> Results | None:
    """Read rows that `write_results` wrote; None where the step was never run."""
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return Results(content["rows"], content["model"] == digest_of(model_file))
