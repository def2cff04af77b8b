"""Run the embedded pipeline on exposures that the real one processed; write the comparison.

    python -m benchmarks.genuine OUT --hap FOLDER

OUT gets our products. The page lands in `docs/real-pipeline.md`, its pictures in `docs/img/`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.genuine.page import Measured, measure, write_page
from benchmarks.genuine.pictures import draw
from benchmarks.genuine.runs import check, genuine_mosaics, make_runs

DOCS = Path(__file__).resolve().parents[2] / "docs"


def main() -> None:
    """Compare what the command line names."""
    parser = argparse.ArgumentParser(prog="benchmarks.genuine", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder for our products")
    parser.add_argument(
        "--hap",
        type=Path,
        default=Path(os.environ.get("SPACEKIT_HAP", "hap")),
        help="folder with visits/, exposures/ and truth/ (default: $SPACEKIT_HAP, or hap)",
    )
    parser.add_argument("--page", type=Path, default=DOCS / "real-pipeline.md")
    args = parser.parse_args()
    check(args.hap)
    runs = make_runs(args.hap, args.out)
    measured: list[Measured] = []
    for run in runs:
        print(f"{run.name}: measuring")
        measured.append(measure(run))
        draw(run, args.page.parent / "img" / f"real-pipeline-{run.name}.png")
    write_page(args.page, measured, genuine_mosaics(args.hap), args.hap / "truth")
    print(f"{args.page}: written")


if __name__ == "__main__":
    main()
