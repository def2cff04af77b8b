"""Draw pictures of simulated mosaics.

``python docs/pictures.py demo DEMO docs/img/demo.png``: the README's, from what ``spacekit svm
demo DEMO`` wrote. Each column is a matched pair of visits, the same sky at native resolution:
above as the pipeline should have left it, below with the error that the title names.

``python docs/pictures.py contact-sheet OUT.png``: total products of misaligned visits, a detector
a row and a mode a column. ``python docs/pictures.py scenes OUT.png``: of aligned ones, a detector a
row and a kind of scene a column. Both are native pixels, simulated on the spot.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from astropy.stats import mad_std
from astropy.visualization import AsinhStretch, ImageNormalize
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import uniform_filter

from spacekit.evaluate.tally import verdicts_of
from spacekit.measure.truths import read_truths
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.simulate.conditions import SCENE_KINDS
from spacekit.simulate.detectors import DETECTORS, find_detector
from spacekit.simulate.draw import DrawSettings, draw_spec
from spacekit.simulate.scene import write_visit
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_visit
from spacekit.visit.catalogs import read_sources
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import Drizzled, read_drizzled
from spacekit.visit.nouns import Mosaic

mpl.use("Agg")
SIDE_PX = 140


MODES = ("one-exposure", "one-filter", "scatter", "false-match", "drift", "roll")
OFFSET_PX = 3.5
SHEET_PX = 220
SEED = 17


def main() -> None:
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("demo")
    one.add_argument("demo", type=Path, help="folder that `spacekit svm demo` wrote")
    one.set_defaults(draw=lambda args: draw_demo(args.demo))
    sheet = commands.add_parser("contact-sheet")
    sheet.set_defaults(draw=lambda _: draw_grid(MODES, misaligned))
    scenes = commands.add_parser("scenes")
    scenes.set_defaults(draw=lambda _: draw_grid(tuple(SCENE_KINDS), of_kind))
    for command in (one, sheet, scenes):
        command.add_argument("picture", type=Path)
    args = parser.parse_args()
    figure = args.draw(args)
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.picture, dpi=90)


def draw_demo(demo: Path) -> Figure:
    """Draw the matched pairs of a demo with their verdicts."""
    answers = pd.read_csv(demo / "predictions" / "predictions.csv").set_index("index")
    answers = answers.assign(verdict=verdicts_of(answers)["verdict"])
    truths = read_truths(demo / "visits").rows
    mosaics, _ = find_mosaics(demo / "visits")
    pairs: dict[str, dict[int, Mosaic]] = {}
    for mosaic in mosaics:
        pairs.setdefault(mosaic.total.name.proposal, {})[truths[mosaic.index]["label"]] = mosaic
    figure, axes = plt.subplots(2, len(pairs), figsize=(3 * len(pairs), 7), layout="constrained")
    for column, pair in zip(axes.T, pairs.values(), strict=True):
        corner = busiest(pair[0])
        for ax, label in zip(column, (0, 1), strict=True):
            name = pair[label].index
            show(ax, cut_out(read_drizzled(pair[label].total.drizzled), corner, SIDE_PX))
            truth, answer = truths[name], answers.loc[name]
            ax.set_title(
                f"truth: {truth['true_mode']}, {truth['true_offset_px']:.2f} px\n"
                f"spacekit: {answer['verdict']}, probability {answer['y_proba']:.3f}",
                fontsize=9,
            )
    return figure


def misaligned(detector: str, mode: str, number: int) -> VisitSpec:
    """Give a visit of a detector with an error of a mode, of a scene that shows it."""
    kinds = ("stars", "galaxies", "cluster", "galaxy-cluster", "big-galaxy")
    spec = drawn(detector, number, kinds[number % len(kinds)])
    return replace(spec, mode=mode, offset_px=OFFSET_PX, fit_enabled=False)


def of_kind(detector: str, kind: str, number: int) -> VisitSpec:
    """Give an aligned visit of a detector and a kind of scene."""
    return drawn(detector, number, kind)


def drawn(detector: str, number: int, kind: str) -> VisitSpec:
    """Draw an aligned visit of 512 px with two filters and four exposures."""
    settings = DrawSettings(detectors={detector: 1.0}, sizes={512: 1.0})
    spec = draw_spec(SEED, number, settings)
    names = [f.name for f in find_detector(detector).filters]
    first = names.index(spec.filters[0])
    return replace(
        spec,
        filters=(names[first], names[first - 1]),
        counts=(2, 2),
        exptimes_s=(500.0, 500.0),
        scene=kind,
        mode="aligned",
        offset_px=0.0,
        trail_share=0.0,
    )


def draw_grid(columns: tuple[str, ...], make: Callable[[str, str, int], VisitSpec]) -> Figure:
    """Simulate a visit a detector and a column and show the middles of their totals."""
    size = (2.4 * len(columns), 2.55 * len(DETECTORS))
    figure, axes = plt.subplots(len(DETECTORS), len(columns), figsize=size, layout="constrained")
    for i, detector in enumerate(DETECTORS):
        for j, name in enumerate(columns):
            spec = make(detector, name, i * len(columns) + j)
            cut, entry = middle_of(spec)
            show(axes[i, j], cut)
            title = f"{detector} {name}"
            if spec.mode != "aligned":
                title += f"\n{spec.scene}, {entry['offset_px']:.1f} px"
            axes[i, j].set_title(title, fontsize=8)
    return figure


def middle_of(spec: VisitSpec) -> tuple[np.ndarray, dict[str, Any]]:
    """Simulate a visit; give the busiest part of its total product, and its truth."""
    rng = np.random.default_rng([spec.seed, spec.number, 1])
    pipeline = PipelineSettings(filter_products=False, qa=False)
    with TemporaryDirectory() as folder:
        settings = SimulationSettings(pipeline=pipeline)
        place = write_visit(simulate_visit(spec, rng), Path(folder), settings)
        (product,) = place.glob("*_total_*_dr?.fits")
        truth = json.loads((place / "truth.json").read_text())
        image = read_drizzled(product)
        return cut_out(image, crowd_of(image), SHEET_PX), next(iter(truth["mosaics"].values()))


def crowd_of(image: Drizzled) -> tuple[float, float]:
    """Find the sky position around which most pixels stand out, away from the borders."""
    sci = np.where(image.footprint, image.sci, np.nan)
    bright = np.nan_to_num(sci) > np.nanmedian(sci) + 5 * mad_std(sci, ignore_nan=True)
    count = uniform_filter(bright.astype(float), SHEET_PX)
    seen = uniform_filter(image.footprint.astype(float), SHEET_PX)
    count[seen < min(0.98, 0.99 * seen.max())] = -1.0
    y, x = np.unravel_index(np.argmax(count), count.shape)
    return tuple(float(v) for v in image.wcs.wcs_pix2world([[x, y]], 0)[0])


def busiest(mosaic: Mosaic) -> tuple[float, float]:
    """Find the sky position around which most catalog sources are, away from the borders."""
    image = read_drizzled(mosaic.total.drizzled)
    sources = read_sources(mosaic.total.point_catalog)
    crowd = np.zeros(image.shape)
    np.add.at(crowd, (sources.y_px.astype(int), sources.x_px.astype(int)), 1.0)
    inside = uniform_filter(image.footprint.astype(float), SIDE_PX) > 0.999
    count = np.where(inside, uniform_filter(crowd, SIDE_PX), -np.inf)
    y, x = np.unravel_index(np.argmax(count), count.shape)
    return tuple(float(v) for v in image.wcs.wcs_pix2world([[x, y]], 0)[0])


def cut_out(image: Drizzled, sky: tuple[float, float], side: int) -> np.ndarray:
    """Cut the pixels around a sky position out."""
    x, y = (int(v) for v in image.wcs.wcs_world2pix([sky], 0)[0])
    half = side // 2
    cut = image.sci[max(y - half, 0) : y + half, max(x - half, 0) : x + half]
    seen = image.footprint[max(y - half, 0) : y + half, max(x - half, 0) : x + half]
    return np.where(seen, cut, np.nan)


def show(ax: Axes, cut: np.ndarray) -> None:
    """Show pixels from just below the sky to 300 times the noise."""
    level, noise = np.nanmedian(cut), mad_std(cut, ignore_nan=True)
    norm = ImageNormalize(
        vmin=level - noise, vmax=level + 300 * noise, stretch=AsinhStretch(0.02), clip=True
    )
    ax.imshow(cut, origin="lower", cmap="gray", norm=norm, interpolation="nearest")
    ax.set_axis_off()


if __name__ == "__main__":
    main()
