"""``spacekit svm predict`` and ``python -m spacekit.skopes.hst.svm.predict``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._options import OUTPUT_HELP, prevalence_option
from spacekit.cli._terminal import progress, say, show_problems

__all__ = ["predict"]


@click.command(cls=EqualsCommand)
@click.argument("data_file", metavar="CSV", type=click.Path(path_type=Path))
@click.argument("img_path", metavar="IMG", type=click.Path(path_type=Path))
@click.option("-m", "--model_path", type=click.Path(path_type=Path), help="Model file (.onnx).")
@click.option("-o", "--output_path", type=click.Path(path_type=Path), help=OUTPUT_HELP)
@click.option("-s", "--size", type=int, help="Reduce frames to this many px first.")
@click.option(
    "-n",
    "--normalization",
    type=click.Choice(["0", "1"]),
    help="Kept for scripts of old: the model file knows its normalisation.",
)
@click.option("-g", "--group", help="What the mosaics are called in the report.")
@prevalence_option
@click.option("--report/--no-report", default=True, help="Whether to write the page.")
def predict(
    *,
    data_file: Path,
    img_path: Path,
    model_path: Path | None,
    output_path: Path | None,
    size: int | None,
    normalization: str | None,
    group: str | None,
    prevalence: float | None,
    report: bool,
) -> int:
    """Classify the mosaics of CSV (svm_data.csv) with their frames in IMG (a folder or .npz).

    Writes predictions/predictions.csv, compromised.txt and clf_report.txt, and a page to look at,
    report/index.html. Exit status 1 says
    that some mosaics had problems; predictions/problems.csv names them.
    """
    from spacekit.skopes.hst.svm.predict import classify

    if normalization is not None:
        say("--normalization has no effect: the model file holds its normalisation")
    with progress("classifying") as advance:
        verdicts = classify(
            data_file,
            img_path,
            model_path,
            output_path,
            size,
            group=group,
            prevalence=prevalence,
            report=report,
            progress=advance,
        )
    tally = verdicts.tally
    show_problems(tally.problems, tally.problems_total)
    if tally.untold:
        say(
            f"can't tell of {tally.untold}: no measurement of their pixels (see rests_on), "
            "blank fields, or prep has not been run"
        )
    if tally.unfamiliar:
        say(f"{tally.unfamiliar} mosaics are unlike any the model was trained on (see unfamiliar)")
    say(f"{tally.suspicious} of {tally.mosaics} mosaics are suspicious")
    if verdicts.report:
        say(f"look at {verdicts.report}")
    click.echo(verdicts.folder / "predictions.csv")
    return 1 if tally.problems_total else 0
