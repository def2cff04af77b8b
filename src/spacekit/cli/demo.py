"""``spacekit svm demo``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import progress, say, show_problems

__all__ = ["demo"]


@click.command(cls=EqualsCommand)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo"))
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Other skies.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core by default.")
def demo(*, out: Path, seed: int, workers: int | None) -> int:
    """Simulate six visits into OUT, three of them bad in different ways, and classify them."""
    from spacekit.cli.run import show_verdicts
    from spacekit.measure.truths import read_truths
    from spacekit.skopes.hst.svm.demo import simulate_demo
    from spacekit.skopes.hst.svm.run import Watch, run_visits

    with progress("simulating") as simulated:
        visits = simulate_demo(out / "visits", seed, workers=workers, progress=simulated)
    with progress("measuring") as measured:
        result = run_visits(visits, out, workers=workers, watch=Watch(measured))
    truths = read_truths(visits).rows
    truth = {name: f"{t['true_mode']}, {t['true_offset_px']:.2f} px" for name, t in truths.items()}
    show_verdicts(result.verdicts.tally, truth)
    show_problems(result.problems)
    say(f"\nvisits in {visits}\nframes in {result.img_path}\nlook at {result.report}")
    say("predictions in")
    click.echo(result.predictions_path)
    return 1 if result.problems else 0
