"""Write the report of a run: ``index.html`` and the pictures beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
from PIL import Image

from spacekit.errors import OutputError, ProductError
from spacekit.evaluate.tally import Tally, foremost, tally_of
from spacekit.files import ensure_folder, exclusive, is_marked, write_text
from spacekit.measure.findings_file import find_findings, read_findings
from spacekit.parallel import usable_cores
from spacekit.report.entries import entries_of, shown_text
from spacekit.report.nouns import Entry, Pictures
from spacekit.report.page import PageFacts, render_page
from spacekit.report.pictures import MEDIA, bring_pictures
from spacekit.visit.nouns import Problem

__all__ = ["ReportFolder", "ReportSource", "write_report"]

_PAGE: Final = "index.html"
#: What every page of ours says of itself.
_MARK: Final = '<meta name="generator" content="spacekit">'


@dataclass(frozen=True)
class ReportSource:
    """What a report is made from.

    Parameters
    ----------
    predictions : DataFrame
        As in predictions.csv. Of more than `spacekit.evaluate.tally.MOST_SHOWN` mosaics those
        with the highest probability are shown.
    img : Path
        The folder of frames; a page without pictures comes of anything else.
    group : str
        What the mosaics are called as a whole.
    thresholds : mapping of str to float
        Probability from which on a mosaic was called suspicious, by what it rests on
        (`spacekit.model.regimes`); empty where that isn't known.
    scraped : DataFrame or None
        The raw table of prep, which knows the targets.
    problems : tuple of Problem
        Of prep and predict.
    notes : tuple of str
        What else is missing, a sentence each.
    tally : Tally or None
        Counts of all mosaics and problems, where `predictions` and `problems` are those to show;
        None: they are all.
    """

    predictions: pd.DataFrame
    img: Path
    group: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    scraped: pd.DataFrame | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    tally: Tally | None = None


def write_report(
    source: ReportSource, folder: Path, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write ``index.html`` and ``media/<name>/`` into a folder, see `ReportFolder`."""
    report = ReportFolder(folder)
    with report.locked():
        return report.write(source, progress)


@dataclass(frozen=True)
class ReportFolder:
    """A page's folder: lock it, then let it take pictures, then write the page.

    Parameters
    ----------
    path : Path
        The folder, made where it is missing.
    """

    path: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out; what a killed run left half-written goes.

        Raises
        ------
        OutputError
            If the folder can't be written, another run is writing there, or the page there is
            somebody else's.
        """
        page = self.path / _PAGE
        if page.is_file() and not is_marked(page, _MARK):
            raise OutputError(f"{page}: is no page of spacekit; move it, or do without ours")
        with exclusive(ensure_folder(self.path), f"{MEDIA}/*"):
            yield

    def take(self, img: Path, index: str, frames: Mapping[str, Image.Image]) -> None:
        """Write a mosaic's pictures already, while somebody has its frames in memory.

        Where that fails nothing is told: `write` tries again, and tells.
        """
        with suppress(OutputError, OSError):
            bring_pictures(img, index, self.path, frames)

    def write(
        self, source: ReportSource, progress: Callable[[int, int], None] | None = None
    ) -> Path:
        """Write the page, and the pictures that are missing or no longer hold.

        Parameters
        ----------
        source : ReportSource
            What it is made from.
        progress : callable (done, total), optional
            Called as pictures are done.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        OutputError
            If something can't be written.
        """
        tally = source.tally or tally_of(source.predictions, source.problems)
        entries = entries_of(foremost(source.predictions), source.scraped, source.problems)
        notes = list(source.notes)
        if source.img.is_dir():
            entries = _with_files(entries, source.img, self.path, progress)
        else:
            notes.append(f"no pictures: {source.img.name} is no folder of frames")
        notes += _lacking(source, entries)
        facts = PageFacts(
            group=shown_text(source.group, 200),
            thresholds=source.thresholds,
            notes=tuple(notes),
            written=datetime.now().astimezone(),
        )
        page = self.path / _PAGE
        write_text(page, render_page(entries, tally, facts))
        return page


def _with_files(
    entries: Sequence[Entry], img: Path, folder: Path, progress: Callable[[int, int], None] | None
) -> list[Entry]:
    """Add pictures and offsets; decoding and encoding release the interpreter."""
    done: list[Entry] = []
    with ThreadPoolExecutor(max_workers=min(8, usable_cores())) as pool:
        for entry in pool.map(lambda e: _with_file(e, img, folder), entries):
            done.append(entry)
            if progress is not None:
                progress(len(done), len(entries))
    return done


def _with_file(entry: Entry, img: Path, folder: Path) -> Entry:
    pictures = bring_pictures(img, entry.index, folder)
    path = find_findings(img, entry.index)
    if path is None:
        return replace(entry, pictures=pictures)
    try:
        return replace(entry, pictures=pictures, findings=read_findings(path))
    except ProductError as error:
        told = Pictures(pictures.kinds, (*pictures.notes, f"offsets: {error}"))
        return replace(entry, pictures=told)


def _lacking(source: ReportSource, entries: Sequence[Entry]) -> list[str]:
    """Say what is missing for all mosaics."""
    notes = []
    if entries and not any(entry.reason for entry in entries):
        notes.append("predictions.csv gives no reasons: it is of an older version")
    if entries and source.scraped is None:
        notes.append("names of targets are unknown: no raw table of prep was beside the table")
    if entries and all(entry.probability is None for entry in entries):
        notes.append("no mosaic has a probability")
    return notes
