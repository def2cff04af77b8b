"""The command that reads visits and writes tables and frames."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import progress, say, show_problems

__all__ = ["prep"]


@click.command(
    cls=EqualsCommand, epilog="Exit status: 0 all well, 1 some visits had problems, 2 nothing done."
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output_path",
    type=click.Path(path_type=Path),
    help="Where everything goes [default: the working directory].",
)
@click.option("--h5", type=click.Path(path_type=Path), help="Start from this scraped table.")
@click.option(
    "-f",
    "--fname",
    default="svm_data",
    show_default=True,
    help="Name of the table, with or without .csv.",
)
@click.option(
    "-j",
    "--json_pattern",
    default="*_total*_svm_*.json",
    show_default=True,
    help="QA JSON to read; several patterns with commas between.",
)
@click.option(
    "-c",
    "--crpt",
    type=click.IntRange(0, 1),
    default=0,
    show_default=True,
    help="1: the visits are copies that corrupt made.",
)
@click.option(
    "-d",
    "--draw",
    type=click.IntRange(0, 1),
    default=1,
    show_default=True,
    help="0: draw no frames.",
)
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    help="CSV file with the class of each target: TARGNAME, class.",
)
@click.option("--archive", is_flag=True, help="Ask the archive for classes of targets.")
@click.option("--size", default=512, show_default=True, help="Long side of the frames, px.")
@click.option("--workers", type=click.IntRange(1), help="Processes [default: one a core].")
def prep(  # noqa: PLR0917  # one parameter an option
    path: Path,
    output_path: Path | None,
    h5: Path | None,
    fname: str,
    json_pattern: str,
    crpt: int,
    draw: int,
    targets: Path | None,
    archive: bool,
    size: int,
    workers: int | None,
) -> int:
    """Read the visits below PATH and write the table and the frames for a model."""
    from spacekit.skopes.hst.svm.prep import run_preprocessing

    with progress("prep") as advance:
        result = run_preprocessing(
            path,
            h5=h5,
            fname=fname,
            output_path=output_path,
            json_pattern=json_pattern,
            crpt=crpt,
            draw=draw,
            targets=targets,
            archive=archive,
            workers=workers,
            size=size,
            progress=advance,
        )
    show_problems(result.problems)
    say(f"{len(result.table)} mosaics in {result.csv_path} (scraped: {result.raw_path})")
    if draw:
        say(f"frames in {result.img_path}")
    if result.problems_path is not None:
        say(f"{len(result.problems)} problems in {result.problems_path}")
    click.echo(result.csv_path)
    return int(bool(result.problems))
