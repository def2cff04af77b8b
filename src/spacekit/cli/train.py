"""``spacekit svm train`` and ``python -m spacekit.skopes.hst.svm.train``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._options import OUTPUT_HELP
from spacekit.cli._terminal import progress, say, show_problems

__all__ = ["train"]

_SWITCH = click.Choice(["0", "1"])


@click.command(cls=EqualsCommand)
@click.argument("training_data", metavar="CSV", type=click.Path(path_type=Path))
@click.argument("img_path", metavar="IMG", type=click.Path(path_type=Path))
@click.option(
    "-s", "--image_size", type=int, default=128, show_default=True, help="Side of the frames, px."
)
@click.option("-m", "--model_name", help="The model file's name (svm_align).")
@click.option("-o", "--output_path", type=click.Path(path_type=Path), help=OUTPUT_HELP)
@click.option("-n", "--normalize", type=_SWITCH, default="0", help="1: power transform.")
@click.option("-b", "--batchsize", type=int, help="Rows a step [default: 16].")
@click.option("-e", "--epochs", type=int, help="Passes over the rows, at most [default: 20].")
@click.option(
    "-y",
    "--early_stopping",
    type=click.Choice(["val_accuracy", "val_loss"]),
    help="What must go on improving (val_loss).",
)
@click.option("-v", "--validate", type=_SWITCH, default="1", help="1: write results/val.")
@click.option("-p", "--plots", type=_SWITCH, default="0", help="1: draw plots of the results.")
@click.option("--synth_data", type=click.Path(path_type=Path), help="Second table to add.")
@click.option(
    "--labels", type=click.Path(path_type=Path), help="labels.csv of the report: over the table's."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Makes a run repeatable.")
@click.option("--threads", type=int, help="Cores to use [default: torch's choice].")
@click.option("--device", default="cpu", show_default=True, help="Where torch computes.")
def train(
    *,
    training_data: Path,
    img_path: Path,
    image_size: int,
    model_name: str | None,
    output_path: Path | None,
    normalize: str,
    batchsize: int | None,
    epochs: int | None,
    early_stopping: str | None,
    validate: str,
    plots: str,
    synth_data: Path | None,
    labels: Path | None,
    seed: int,
    threads: int | None,
    device: str,
) -> int:
    """Train on the labelled mosaics of CSV with their frames in IMG (a folder or .npz).

    Writes models/<name>.onnx, results/test and results/val.
    """
    from spacekit.model.settings import TrainingSettings
    from spacekit.skopes.hst.svm.train import Watch, model_path, run_training
    from spacekit.visit.problems import read_problems

    given = {"batch_size": batchsize, "epochs": epochs, "early_stopping": early_stopping}
    out = output_path or Path()
    with progress("reading frames") as advance:
        com, val = run_training(
            training_data,
            img_path,
            synth_data,
            int(normalize),
            model_name,
            {name: value for name, value in given.items() if value is not None},
            out,
            labels=labels,
            settings=TrainingSettings(
                image_size=image_size, seed=seed, threads=threads, device=device
            ),
            validate=validate == "1",
            watch=Watch(advance, _say_epoch),
        )
    for note in com.notes:
        say(f"note: {note}")
    say(com.report)
    drawn = (com, val) if validate == "1" else (com,)
    for result in drawn if plots == "1" else ():
        result.draw_plots(out / "results" / result.name)
    click.echo(model_path(out, model_name))
    listed = out / "results" / "problems.csv"
    if not listed.exists():
        return 0
    show_problems(list(read_problems(listed)))
    return 1


def _say_epoch(epoch: int, values: dict[str, float]) -> None:
    """Tell of an epoch in a line."""
    say(
        f"epoch {epoch:3d}: loss {values['loss']:.3f}, accuracy {values['accuracy']:.3f}; "
        f"tuning rows: loss {values['val_loss']:.3f}, accuracy {values['val_accuracy']:.3f} "
        f"({values['seconds']:.0f} s)"
    )
