"""``spacekit svm simulate``."""

from __future__ import annotations

from pathlib import Path

import click

from spacekit.cli._equals import EqualsCommand
from spacekit.cli._terminal import progress, say

__all__ = ["simulate"]


@click.command(cls=EqualsCommand)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--visits", type=click.IntRange(1), default=6, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the set.")
@click.option("--detector", multiple=True, help="Only this one (ir, uvis, wfc, hrc, sbc); repeat.")
@click.option(
    "--mode", multiple=True, help="Only this way to fail (one-filter, ..., aligned); repeat."
)
@click.option(
    "--size",
    type=click.IntRange(64),
    help="Side of the subarray, px [default: mostly 512, some 1024, few in full format].",
)
@click.option("--filter", "filters", multiple=True, help="Through this filter; repeat.")
@click.option("--dithers", type=int, help="Exposures of each filter [default: 1 to 8].")
@click.option("--offset", type=(float, float), help="Smallest and largest error, px.")
@click.option("--exposures", is_flag=True, help="Keep the exposures (flt, flc) too.")
@click.option("--exposure-products", is_flag=True, help="Drizzle each exposure by itself too.")
@click.option("--measure", is_flag=True, help="Keep labelled table and frames, drop the FITS.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core by default.")
def simulate(
    *,
    out: Path,
    visits: int,
    seed: int,
    detector: tuple[str, ...],
    mode: tuple[str, ...],
    size: int | None,
    filters: tuple[str, ...],
    dithers: int | None,
    offset: tuple[float, float] | None,
    exposures: bool,
    exposure_products: bool,
    measure: bool,
    workers: int | None,
) -> int:
    """Simulate visits with known truth into OUT.

    Visits come in matched pairs: one whose headers have an error, one without, all else alike.
    The same seed gives the same visits; a run that was stopped goes on where it was.
    """
    from spacekit.mosaic.nouns import PipelineSettings
    from spacekit.parallel import usable_cores
    from spacekit.simulate.detectors import detectors_with, find_detector
    from spacekit.simulate.draw import DrawSettings
    from spacekit.simulate.settings import SimulationSettings
    from spacekit.skopes.hst.svm.simulate import run_simulation, simulate_training_set

    names = [find_detector(d).name for d in detector] or detectors_with(filters)
    draw = DrawSettings(
        detectors=dict.fromkeys(names, 1.0),
        sizes={size: 1.0} if size else DrawSettings().sizes,
        modes=mode,
        filters=filters,
        dithers=dithers,
        offset_px=offset,
    )
    settings = SimulationSettings(
        draw, PipelineSettings(exposure_products=exposure_products), exposures
    )
    make = simulate_training_set if measure else run_simulation
    with progress("simulating") as advance:
        made = make(
            out,
            visits,
            seed,
            settings,
            workers=workers or usable_cores(),
            progress=advance,
        )
    for reason in made.failures:
        say(f"not made: {reason}")
    say(f"{made.visits} visits")
    click.echo(made.table or made.folder)
    return 1 if made.failures else 0
