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
from astropy.visualization import AsinhStretch, ImageNormalize
from scipy.ndimage import uniform_filter

from spacekit.simulate.labels import read_truths
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import read_drizzled

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
    pairs: dict[str, dict[int, object]] = {}
    for mosaic in mosaics:
        pairs.setdefault(mosaic.total.name.proposal, {})[truths[mosaic.index]["label"]] = mosaic
    figure, axes = plt.subplots(2, len(pairs), figsize=(3 * len(pairs), 6.6), layout="constrained")
    for column, pair in zip(axes.T, pairs.values(), strict=True):
        corner = busiest(read_drizzled(pair[0].total.drizzled))
        for ax, label in zip(column, (0, 1), strict=True):
            name = pair[label].index
            show(ax, read_drizzled(pair[label].total.drizzled), corner)
            truth, answer = truths[name], answers.loc[name]
            verdict = "suspicious" if answer["y_pred"] == 1 else "aligned"
            ax.set_title(
                f"{truth['true_mode']}, {truth['true_offset_px']:.2f} px\n"
                f"{verdict}, probability {answer['y_proba']:.3f}",
                fontsize=9,
            )
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.picture, dpi=90)


def busiest(image: object) -> tuple[float, float]:
    """Find the sky position around which most light is, away from the borders."""
    light = np.where(image.footprint, np.arcsinh(image.sci / np.nanstd(image.sci)), 0)
    inside = uniform_filter(image.footprint.astype(float), SIDE_PX) > 0.999
    y, x = np.unravel_index(
        np.argmax(np.where(inside, uniform_filter(light, SIDE_PX), -np.inf)), light.shape
    )
    return tuple(float(v) for v in image.wcs.wcs_pix2world([[x, y]], 0)[0])


def show(ax: object, image: object, sky: tuple[float, float]) -> None:
    """Show the pixels around a sky position."""
    x, y = (int(v) for v in image.wcs.wcs_world2pix([sky], 0)[0])
    half = SIDE_PX // 2
    cut = image.sci[max(y - half, 0) : y + half, max(x - half, 0) : x + half]
    low, high = np.nanpercentile(cut, [5, 99.7])
    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(0.05), clip=True)
    ax.imshow(cut, origin="lower", cmap="gray", norm=norm, interpolation="nearest")
    ax.set_axis_off()


if __name__ == "__main__":
    main()
