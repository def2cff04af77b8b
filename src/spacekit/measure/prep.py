"""Measure one mosaic: a pure function that a pool maps over many."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from spacekit.errors import ProductError, SpacekitError
from spacekit.measure.blink import Blink, render_blinks
from spacekit.measure.evidence import measure_evidence
from spacekit.measure.features import Features, measure_features, read_catalogs
from spacekit.measure.findings import Findings
from spacekit.measure.frames import Frames, render_frames
from spacekit.measure.schema import EVIDENCE, INDEX, LABEL, REPORTED, Row
from spacekit.measure.settings import PrepSettings
from spacekit.measure.sheet import Stamps
from spacekit.measure.summary import Evidence
from spacekit.visit.corruption import label_of_copy
from spacekit.visit.drizzled import reading_headers_once
from spacekit.visit.nouns import Mosaic, Problem

__all__ = ["Measurement", "measure_mosaic"]

_Extra = TypeVar("_Extra")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measurement:
    """Everything prep knows about one mosaic.

    Parameters
    ----------
    index : str
        Its name in the table.
    row : dict or None
        The row of the scraped table, detector, WCS and class in words; None when the mosaic
        can't be measured at all.
    frames : Frames or None
        Its pictures, where they were asked for and could be rendered.
    findings : Findings or None
        What the pixels say, product by product, where they were measured and pictures were
        asked for: it goes beside them.
    stamps : Stamps or None
        Cutouts, under the same conditions.
    blinks : tuple of Blink
        Pictures of its products to be shown in turn, under the same conditions.
    problems : tuple of Problem
        What went wrong; one is fatal when there is no row.
    """

    index: str
    row: Row | None
    frames: Frames | None = None
    findings: Findings | None = None
    stamps: Stamps | None = None
    blinks: tuple[Blink, ...] = ()
    problems: tuple[Problem, ...] = ()


def measure_mosaic(mosaic: Mosaic, settings: PrepSettings | None = None) -> Measurement:
    """Measure one mosaic from its files alone.

    The class of its target is left unidentified: it isn't in the files.

    Parameters
    ----------
    mosaic : Mosaic
        As found by `spacekit.visit.discovery.find_mosaics`.
    settings : PrepSettings, optional
        What to measure.

    Returns
    -------
    Measurement
        Never raises for what is in the files: what is broken is among the problems.
    """
    settings = settings or PrepSettings()
    path = mosaic.total.drizzled or mosaic.folder
    try:
        return _measure(mosaic, settings)
    except SpacekitError as error:
        reason = str(error).removeprefix(f"{path}: ")
    except Exception as error:  # noqa: BLE001  # one mosaic must not end the batch; logged
        _log.exception("%s: unexpected failure", mosaic.index)
        reason = _unforeseen(error)
    problem = Problem(mosaic.index, str(path), reason)
    return Measurement(mosaic.index, None, problems=(problem,))


def _measure(mosaic: Mosaic, settings: PrepSettings) -> Measurement:
    if mosaic.total.drizzled is None:
        raise ProductError(f"{mosaic.folder}: total drizzled image is missing")
    read = reading_headers_once()
    image = read(mosaic.total.drizzled)
    if image.is_blank:
        raise ProductError(f"{image.path}: no pixel is exposed (weight 0 or NaN everywhere)")
    catalogs, problems = read_catalogs(mosaic)
    features, more = measure_features(mosaic, image, catalogs)
    problems += more
    row = _row(mosaic, features)
    frames = render_frames(image, catalogs, settings.frames) if settings.draw else None
    if frames and not frames.plain.any():
        reason = "frames are black: all exposed pixels are alike"
        problems.append(Problem(mosaic.index, str(image.path), reason, fatal=False))
    extras = _Extras(mosaic, problems)
    evidence = blinks = None
    if settings.evidence:
        evidence = extras.get(
            "evidence can't be measured from the pixels",
            lambda: measure_evidence(mosaic, catalogs.reference, read),
        )
    if evidence is not None:
        row.update(evidence.columns)
        problems += _faults(mosaic, evidence)
    if settings.draw and settings.blink:
        blinks = extras.get("products can't be drawn", lambda: render_blinks(mosaic, read=read))
    if settings.labelled:
        row[LABEL] = _label(mosaic, problems)
    return Measurement(
        mosaic.index,
        row,
        frames,
        evidence.findings if evidence and settings.draw else None,
        evidence.stamps if evidence and settings.draw else None,
        blinks or (),
        tuple(problems),
    )


def _unforeseen(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {str(error)[:200]}; please report it"


def _row(mosaic: Mosaic, features: Features) -> Row:
    row: Row = {INDEX: mosaic.index, "cat": "U", "cat_from": "default"}
    row.update(dict.fromkeys((c.name for c in (*EVIDENCE, *REPORTED)), math.nan))
    row.update(features.values)
    row.update(features.target)
    row.update({f"{name}_from": origin for name, origin in features.origin.items()})
    return row


@dataclass(frozen=True)
class _Extras:
    """Gets what is no part of the published row: no failure there loses the row.

    Parameters
    ----------
    mosaic : Mosaic
        Of which.
    problems : list of Problem
        Where failures are told.
    """

    mosaic: Mosaic
    problems: list[Problem]

    def get(self, failed: str, work: Callable[[], _Extra]) -> _Extra | None:
        try:
            return work()
        except SpacekitError as error:
            reason = str(error)[:200]
        except Exception as error:  # noqa: BLE001  # one mosaic must not end the batch; logged
            _log.exception("%s: %s", self.mosaic.index, failed)
            reason = _unforeseen(error)
        place = str(self.mosaic.folder)
        self.problems.append(Problem(self.mosaic.index, place, f"{failed} ({reason})", fatal=False))
        return None


def _faults(mosaic: Mosaic, evidence: Evidence) -> list[Problem]:
    """Tell which products could not be used."""
    return [
        Problem(
            mosaic.index,
            file,
            f"{fault.removeprefix(f'{file}: ')}; measured without this product",
            fatal=False,
        )
        for file, fault in evidence.faults
    ]


def _label(mosaic: Mosaic, problems: list[Problem]) -> float:
    try:
        return label_of_copy(mosaic)
    except ProductError as error:
        reason = f"label can't be read, left empty ({error})"
        problems.append(Problem(mosaic.index, str(mosaic.folder), reason, fatal=False))
        return math.nan
