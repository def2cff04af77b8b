"""Measure the report page: its size, and how long a browser takes to open it.

    python -m benchmarks.report_page RUN WORK --mosaics 6 200 2000

RUN is a folder that `spacekit svm run` wrote; its mosaics are repeated under new names until there
are enough. Needs the extra `browser` and a Chromium. Times are medians of five openings from disk
with a fresh browser profile: until the script has drawn table and first mosaic (ready), until the
pictures in view are decoded (pictures), and for one press of `j` (step).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.chromium import running_chromium
from benchmarks.tables import markdown
from spacekit.report.entries import read_scraped
from spacekit.report.write import ReportSource, write_report

OPENINGS = 5
_HEAD = (
    "mosaics",
    "page, kB",
    "pictures, kB a mosaic",
    "core-s to write",
    "ready, ms",
    "pictures, ms",
    "step, ms",
)
STEPS = 40
_DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_SETTLED = """async () => {
  const inView = [...document.images].filter((image) => {
    const box = image.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  });
  await Promise.all(inView.map((image) => image.decode().catch(() => null)));
  return performance.now();
}"""


def main() -> None:
    """Measure pages of several sizes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--mosaics", type=int, nargs="+", default=[6, 200, 2000])
    args = parser.parse_args()
    rows = [measure(args.run, args.work / str(count), count) for count in args.mosaics]
    print(markdown(_HEAD, rows))


def measure(run: Path, work: Path, count: int) -> list[str]:
    """Write a page of `count` mosaics, open it, and give a row of the table."""
    source = repeated(run, work, count)
    start = time.process_time()
    page = write_report(source, work / "report")
    written = time.process_time() - start
    sizes = [sum(p.stat().st_size for p in d.iterdir()) for d in (page.parent / "media").iterdir()]
    ready, pictures, step = (
        statistics.median(column) for column in zip(*opened(page), strict=True)
    )
    size, mean, largest = (
        n / 1000 for n in (page.stat().st_size, statistics.mean(sizes), max(sizes))
    )
    return [
        f"{count}",
        f"{size:.0f}",
        f"{mean:.0f} (largest {largest:.0f})",
        f"{written:.1f}",
        f"{ready:.0f}",
        f"{pictures:.0f}",
        f"{step:.1f}",
    ]


def repeated(run: Path, work: Path, count: int) -> ReportSource:
    """Lay out a run of `count` mosaics: those of `run` over and over, as links."""
    table = pd.read_csv(run / "predictions" / "predictions.csv")
    scraped = read_scraped(run / "raw_svm_data.csv")
    rows, targets = [], []
    for number in range(count):
        row = table.iloc[number % len(table)].copy()
        old, new = row["index"], f"{row['index']}{number // len(table):04d}"
        link_files(run / "img" / old, work / "img" / new, old, new)
        rows.append(row.to_dict() | {"index": new})
        if scraped is not None:
            targets.append(scraped.set_index("index").loc[old].to_dict() | {"index": new})
    known = pd.DataFrame(targets) if targets else None
    return ReportSource(pd.DataFrame(rows), work / "img", f"{count} mosaics", scraped=known)


def link_files(source: Path, target: Path, old: str, new: str) -> None:
    """Link a mosaic's files under another name."""
    if target.exists():
        return
    target.mkdir(parents=True)
    for path in source.iterdir():
        os.link(path, target / path.name.replace(old, new))


def opened(page: Path) -> list[tuple[float, float, float]]:
    """Open a page a few times: ms until ready, until its pictures are there, and for a step."""
    with running_chromium() as browser:
        return [_once(browser, page) for _ in range(OPENINGS)]


def _once(browser: Any, page: Path) -> tuple[float, float, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.goto(page.resolve().as_uri(), wait_until="commit")
    tab.wait_for_selector("html[data-ready=yes]")
    ready = tab.evaluate("performance.getEntriesByName('ready')[0].startTime")
    settled = tab.evaluate(_SETTLED)
    start = tab.evaluate("performance.now()")
    for _ in range(STEPS):
        tab.keyboard.press("j")
    tab.evaluate(_DRAWN)
    step = (tab.evaluate("performance.now()") - start) / STEPS
    context.close()
    return ready, settled, step


if __name__ == "__main__":
    main()
