"""Draw the documentation's pictures of what people see.

    python docs/look_pictures.py report demo/report/index.html docs/img
    python docs/look_pictures.py plots training/results/test exploration docs/img

The first needs the extra `browser` and a Chromium; the second copies plots that `train -p 1` and
`explore` drew, with fewer colours, so that they stay small.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from PIL import Image

PLOTS = ("roc.png", "recall_by_offset.png", "distributions.png")


def main() -> None:
    """Do what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    jobs = parser.add_subparsers(required=True)
    report = jobs.add_parser("report", help="a screenshot of a report page")
    report.add_argument("page", type=Path)
    report.add_argument("img", type=Path)
    report.set_defaults(job=lambda args: shoot(args.page, args.img / "report.png"))
    plots = jobs.add_parser("plots", help="plots of a training and an exploration")
    plots.add_argument("results", type=Path)
    plots.add_argument("exploration", type=Path)
    plots.add_argument("img", type=Path)
    plots.set_defaults(job=lambda args: copy_plots([args.results, args.exploration], args.img))
    args = parser.parse_args()
    args.img.mkdir(parents=True, exist_ok=True)
    args.job(args)


def shoot(page: Path, picture: Path) -> None:
    """Photograph a report page as it opens."""
    from playwright.sync_api import sync_playwright

    binary = os.environ.get("SPACEKIT_CHROMIUM") or shutil.which("chromium")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=flags)
        tab = browser.new_page(viewport={"width": 1360, "height": 860})
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector("html[data-ready=yes]")
        tab.wait_for_load_state("networkidle")
        tab.screenshot(path=picture)
        browser.close()
    shrink(picture, picture)


def copy_plots(folders: list[Path], img: Path) -> None:
    """Copy the plots that are there."""
    for name in PLOTS:
        for folder in folders:
            if (folder / name).is_file():
                shrink(folder / name, img / name)


def shrink(source: Path, target: Path) -> None:
    """Write a PNG with 256 colours at most, no wider than 1360 px."""
    with Image.open(source) as image:
        small = image.convert("RGB")
    small.thumbnail((1360, 1360))
    small.quantize(256).save(target, optimize=True)


if __name__ == "__main__":
    main()
