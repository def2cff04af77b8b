"""Simulated visits as folders: many scenes, in several processes.

Who hands out scenes needs nothing that simulates them, so that its workers start at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from spacekit import __version__
from spacekit.errors import OutputError
from spacekit.files import ensure_folder, write_json
from spacekit.parallel import run_jobs
from spacekit.simulate.detectors import find_detector
from spacekit.simulate.draw import DrawSettings, draw_spec
from spacekit.simulate.settings import SimulationSettings

__all__ = ["SceneResult", "claim_folder", "longest_first", "simulate_many"]

_log = logging.getLogger(__name__)

#: File in a set's folder that tells what its scenes are drawn from.
_RECORD = "simulation.json"
#: Packages whose code decides what a simulated visit's products are, and what is measured of them.
_SIMULATE = ("simulate", "mosaic")
_MEASURE = ("measure",)


@dataclass(frozen=True)
class SceneResult:
    """What became of a scene.

    Parameters
    ----------
    number : int
        Its k.
    folders : tuple of Path
        The visits' folders, finished now or before; empty where it failed.
    reason : str
        Why it failed; empty where it didn't.
    """

    number: int
    folders: tuple[Path, ...]
    reason: str = ""


def _one(out: Path, k: int, seed: int, settings: SimulationSettings) -> SceneResult:
    """Simulate a scene; a failure is told, not raised, so that the others go on."""
    from spacekit.simulate.scene import simulate_to

    try:
        return SceneResult(k, simulate_to(out, k, seed, settings))
    except OutputError:
        raise
    except Exception as error:  # noqa: BLE001 - one scene's failure must not end the set
        _log.exception("scene %d of seed %d failed", k, seed)
        return SceneResult(k, (), f"{type(error).__name__}: {error}")


def simulate_many(  # noqa: PLR0913, PLR0917
    out: Path,
    numbers: Iterable[int],
    seed: int,
    settings: SimulationSettings | None = None,
    workers: int = 1,
    progress: Callable[[SceneResult], None] | None = None,
) -> list[SceneResult]:
    """Simulate many scenes; what there is of an earlier run is kept.

    Parameters
    ----------
    out : Path
        Where the visits' folders go.
    numbers : iterable of int
        Scenes.
    seed : int
        Of the set.
    settings : SimulationSettings or None
        What to draw and to write.
    workers : int
        Processes; the result does not depend on it.
    progress : callable or None
        Called with each result as it comes.

    Returns
    -------
    list of SceneResult
        In order of the scenes' numbers.

    Raises
    ------
    OutputError
        If `out` can't be written.
    """
    settings = settings or SimulationSettings()
    claim_folder(out, seed, settings, measured=False)
    jobs = [(out, k, seed, settings) for k in longest_first(numbers, seed, settings.draw)]
    results = []
    for _, result in run_jobs(_one, jobs, workers, _died):
        results.append(result)
        if progress:
            progress(result)
    return sorted(results, key=lambda r: r.number)


def longest_first(numbers: Iterable[int], seed: int, draw: DrawSettings) -> list[int]:
    """Put the scenes with the most pixels first, lest one keep the last worker long."""

    def exposed_px(number: int) -> int:
        spec = draw_spec(seed, number, draw)
        chips = spec.aperture.shapes(find_detector(spec.detector))
        return len(spec.members) * sum(spec.counts) * sum(ny * nx for ny, nx in chips)

    return sorted(numbers, key=exposed_px, reverse=True)


def _died(job: tuple[Path, int, int, SimulationSettings]) -> SceneResult:
    return SceneResult(job[1], (), "its process died (out of memory?); try fewer workers")


def claim_folder(
    out: Path, seed: int, settings: SimulationSettings, *, measured: bool = True
) -> None:
    """Make a folder a set's own: ``simulation.json`` says what its scenes are drawn from.

    A set goes on by the numbers of its scenes; those of another seed, of other settings or of
    another simulator would be taken for its own. A version may be many simulators while it is
    worked on: what tells them apart is a checksum of their sources.

    Parameters
    ----------
    out : Path
        The folder.
    seed : int
        Of the set.
    settings : SimulationSettings
        What is drawn and written.
    measured : bool
        Whether what is kept are measurements, not the visits: then their code counts too.

    Raises
    ------
    OutputError
        If `out` can't be written, or holds another set.
    """
    path = ensure_folder(out) / _RECORD
    content = {
        "spacekit": __version__,
        "simulator": _fingerprint((*_SIMULATE, *_MEASURE) if measured else _SIMULATE),
        "seed": seed,
        "settings": asdict(settings),
    }
    # as it comes back: JSON has no tuples, and only text for keys
    mine = json.loads(json.dumps(content))
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_json(path, mine)
        return
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(
            f"{path}: can't be read ({error}), so that it may be of another simulator; "
            "take another folder"
        ) from error
    if there != mine:
        known = there if isinstance(there, dict) else {}
        other = [k for k in mine if known.get(k) != mine[k]]
        raise OutputError(
            f"{out}: holds visits simulated with another {' and '.join(other)} (see {_RECORD}); "
            "take another folder for these, or delete this one to simulate all of them anew"
        )


def _fingerprint(packages: Iterable[str]) -> str:
    """Give the sha256 of the sources of packages of spacekit: names, sorted, and bytes."""
    root = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(file for name in packages for file in (root / name).rglob("*.py")):
        source = path.read_bytes()
        found.update(f"{path.relative_to(root).as_posix()} {len(source)}\n".encode())
        found.update(source)
    return found.hexdigest()
