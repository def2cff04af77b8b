"""Draw the README's picture from a demo: ``python docs/pictures.py demo docs/img/demo.png``.

Each column is a matched pair of simulated visits, the same sky at native resolution: above as
the pipeline should have left it, below with the error that the title names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from astropy.stats import mad_std
from astropy.visualization import AsinhStretch, ImageNormalize
from matplotlib.axes import Axes
from scipy.ndimage import uniform_filter

from spacekit.simulate.labels import read_truths
from spacekit.visit.catalogs import read_sources
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import Drizzled, read_drizzled
from spacekit.visit.nouns import Mosaic

SIDE_PX = 140


def main() -> None:
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, help="folder that `spacekit svm demo` wrote")
    parser.add_argument("picture", type=Path)
    args = parser.parse_args()
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    answers = pd.read_csv(args.demo / "predictions" / "predictions.csv").set_index("index")
    truths = read_truths(args.demo / "visits").rows
    mosaics, _ = find_mosaics(args.demo / "visits")
    pairs: dict[str, dict[int, Mosaic]] = {}
    for mosaic in mosaics:
        pairs.setdefault(mosaic.total.name.proposal, {})[truths[mosaic.index]["label"]] = mosaic
    figure, axes = plt.subplots(2, len(pairs), figsize=(3 * len(pairs), 6.6), layout="constrained")
    for column, pair in zip(axes.T, pairs.values(), strict=True):
        corner = busiest(pair[0])
        for ax, label in zip(column, (0, 1), strict=True):
            name = pair[label].index
            show(ax, read_drizzled(pair[label].total.drizzled), corner)
            truth, answer = truths[name], answers.loc[name]
            verdict = "suspicious" if answer["y_pred"] == 1 else "aligned"
            ax.set_title(
                f"truth: {truth['true_mode']}, {truth['true_offset_px']:.2f} px\n"
                f"spacekit: {verdict}, probability {answer['y_proba']:.3f}",
                fontsize=9,
            )
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.picture, dpi=90)


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


def show(ax: Axes, image: Drizzled, sky: tuple[float, float]) -> None:
    """Show the pixels around a sky position."""
    x, y = (int(v) for v in image.wcs.wcs_world2pix([sky], 0)[0])
    half = SIDE_PX // 2
    cut = image.sci[max(y - half, 0) : y + half, max(x - half, 0) : x + half]
    level, noise = np.nanmedian(cut), mad_std(cut, ignore_nan=True)
    norm = ImageNormalize(
        vmin=level - noise, vmax=level + 300 * noise, stretch=AsinhStretch(0.02), clip=True
    )
    ax.imshow(cut, origin="lower", cmap="gray", norm=norm, interpolation="nearest")
    ax.set_axis_off()


if __name__ == "__main__":
    main()
