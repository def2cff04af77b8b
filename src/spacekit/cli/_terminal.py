"""Talking to people: results to stdout, talk to stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from spacekit.errors import one_line
from spacekit.visit.nouns import Problem

__all__ = ["progress", "say", "show_problems", "show_table"]

#: Longer lists of problems are cut on the screen; problems.csv has them all.
_MOST_PROBLEMS = 20


def say(text: str) -> None:
    """Tell the person something that isn't the result."""
    click.echo("\n".join(one_line(line) for line in text.split("\n")), err=True)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr while the block runs.

    Yields
    ------
    callable (done, total)
        Call it whenever something is done.
    """
    from tqdm import tqdm

    bars: list[Any] = []

    def advance(done: int, total: int) -> None:
        if not bars:
            bars.append(tqdm(desc=label, total=total, unit="", leave=False, disable=None))
        bars[0].update(done - bars[0].n)

    try:
        yield advance
    finally:
        for bar in bars:
            bar.close()


def show_problems(problems: Sequence[Problem], total: int | None = None) -> None:
    """List what went wrong, on stderr, where `problems` may be the first of `total`."""
    total = len(problems) if total is None else total
    for problem in problems[:_MOST_PROBLEMS]:
        mark = "not done" if problem.fatal else "incomplete"
        place = problem.index or problem.file
        file = Path(problem.file).name if problem.index else ""
        # a total's own file adds nothing to its name
        beside = f" ({file})" if "." in file and not file.startswith(problem.index) else ""
        text = one_line(f"{place}{beside}: {problem.reason}")
        click.echo(f"{click.style(mark, fg='yellow')}: {text}", err=True)
    if total > _MOST_PROBLEMS:
        say(f"... and {total - _MOST_PROBLEMS} more (problems.csv has them all)")


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout, columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(one_line("  ".join(padded).rstrip()))
