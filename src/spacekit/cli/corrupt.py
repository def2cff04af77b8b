"""``spacekit svm corrupt`` and ``python -m spacekit.skopes.hst.svm.corrupt``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import progress, say, show_problems

__all__ = ["corrupt"]

_switch = click.IntRange(0, 1)


@click.command(cls=EqualsCommand)
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--outputs",
    type=click.Path(path_type=Path),
    default=Path("synthetic"),
    show_default=True,
    help="Where the copies go.",
)
@click.option(
    "-p",
    "--palette",
    type=click.Choice(["rex", "rfi", "mfi", "multi"]),
    default="multi",
    show_default=True,
    help="A random subset of exposures; a random filter; a copy a filter; everything.",
)
@click.option("-s", "--search_pattern", default="*", show_default=True, help="Which folders.")
@click.option(
    "-e",
    "--expos",
    type=click.Choice(["all", "sub"]),
    default="all",
    show_default=True,
    help="All exposures of the filter or a subset.",
)
@click.option(
    "-m",
    "--mode",
    type=click.Choice(["stat", "stoc"]),
    default="stoc",
    show_default=True,
    help="One offset for all, or one for each exposure.",
)
@click.option(
    "-t",
    "--threshold",
    type=click.Choice(["major", "standard", "minor", "any"]),
    default="any",
    show_default=True,
    help="10-20, 0.5-10, 0-1 or 0-20 pixels of the detector.",
)
@click.option(
    "-w",
    "--workflow",
    type=click.Choice(["block", "pipe"]),
    default="block",
    show_default=True,
    help="Stage by stage, or visit by visit.",
)
@click.option("-c", "--crpt", type=_switch, default=1, show_default=True, help="1: corrupt.")
@click.option(
    "-r",
    "--runsvm",
    type=_switch,
    default=0,
    show_default=True,
    help="1: single-visit processing of the copies.",
)
@click.option(
    "--engine",
    type=click.Choice(["embedded", "drizzlepac"]),
    default="embedded",
    show_default=True,
    help="What processes: the embedded pipeline, or the real one.",
)
@click.option(
    "--drizzlepac-python",
    type=click.Path(path_type=Path),
    help="Interpreter with drizzlepac [default: .venv-drizzlepac/bin/python, which "
    "`make drizzlepac-env` makes].",
)
@click.option(
    "-d",
    "--draw",
    type=_switch,
    default=0,
    show_default=True,
    help="1: write tables and frames beside the copies.",
)
@click.option("--seed", type=click.IntRange(0), help="Makes the choices repeatable.")
def corrupt(
    *,
    source: Path,
    outputs: Path,
    palette: str,
    search_pattern: str,
    expos: str,
    mode: str,
    threshold: str,
    workflow: str,
    crpt: int,
    runsvm: int,
    engine: str,
    drizzlepac_python: Path | None,
    draw: int,
    seed: int | None,
) -> int:
    """Copy the visits in SRC and corrupt the pointing of chosen exposures of the copies.

    SRC is never changed. corruption.txt in each copy tells what was done.
    """
    from spacekit.simulate.corrupt import CorruptionSettings
    from spacekit.skopes.hst.svm.corrupt import run_corruption

    with progress("corrupting") as advance:
        made = run_corruption(
            source,
            outputs,
            CorruptionSettings(palette, expos, mode, threshold),
            search_pattern=search_pattern,
            workflow=workflow,
            crpt=crpt,
            runsvm=runsvm,
            draw=draw,
            seed=seed,
            engine=engine,
            drizzlepac_python=drizzlepac_python,
            progress=advance,
        )
    problems = made.problems + (made.prepared.problems if made.prepared else ())
    show_problems(problems)
    say(f"{len(made.copies)} copies")
    if made.prepared:
        say(f"table in {made.prepared.csv_path}, frames in {made.prepared.img_path}")
    click.echo(outputs)
    return 1 if problems else 0
