"""How large a star is in the filter products of aligned visits, by detector and filter.

    python -m benchmarks.star_sizes WORK            half an hour on two cores

Simulates aligned visits below WORK (what is there is kept) and prints the table that
`spacekit.measure.star_sizes` holds: for each filter the median over visits, and how much they
differ. Give a folder of other visits whose filters are aligned to see how large stars are there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.tables import markdown
from spacekit.measure.looks import Frame, Look, Notes, look_at
from spacekit.measure.offsets import compare
from spacekit.measure.widths import star_width
from spacekit.parallel import usable_cores
from spacekit.simulate.draw import ALIGNED, DrawSettings
from spacekit.simulate.settings import SimulationSettings
from spacekit.skopes.hst.svm.simulate import run_simulation
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.nouns import Mosaic

_VISITS, _SEED = 300, 3901
#: Sizes are looked for about this one, px.
_ABOUT_PX: Final = 0.9
#: Where fewer sources are of one size they are no stars.
_LEAST_SHARE, _FEWEST = 0.4, 8


def sizes_in(mosaic: Mosaic) -> Iterator[tuple[str, str, float]]:
    """Give detector, filter and size of a star, px, of each filter product that shows stars."""
    notes = Notes([], {})
    total, drizzled = look_at(mosaic.total, None, notes)
    if total is None or drizzled is None or total.moving:
        return
    frame = Frame(drizzled.wcs, drizzled.shape)
    looks: list[Look] = []
    for product in mosaic.filters:
        look, _ = look_at(product, frame, notes)
        looks += [look] if look and len(look.sources) else []
    compared = compare(looks, frame)
    for look in looks:
        found = star_width(compared.seen_twice(look) if compared else look.sources, _ABOUT_PX)
        if found.share >= _LEAST_SHARE and found.sources >= _FEWEST:
            yield mosaic.total.name.detector, look.title, found.width * _ABOUT_PX


def main() -> None:
    """Simulate what is missing, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--as-it-is", action="store_true", help="simulate nothing")
    args = parser.parse_args()
    if not args.as_it_is:
        settings = SimulationSettings(DrawSettings(sizes={512: 1.0}, modes=(ALIGNED,)))
        run_simulation(args.work, _VISITS, _SEED, settings, workers=usable_cores())
    mosaics, _ = find_mosaics(args.work)
    found = pd.DataFrame(
        [row for mosaic in mosaics for row in sizes_in(mosaic)],
        columns=["detector", "filter", "px"],
    )
    rows = [
        [*key, len(px), *(f"{value:.3f}" for value in (px.median(), px.min(), px.max()))]
        for key, px in found.groupby(["detector", "filter"])["px"]
    ]
    print(markdown(["detector", "filter", "visits", "median, px", "least", "most"], rows))


if __name__ == "__main__":
    main()
