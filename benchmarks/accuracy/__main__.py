"""Make the bundled model, and measure how well it does.

    python -m benchmarks.accuracy simulate WORK     four hours on two cores
    python -m benchmarks.accuracy train WORK        minutes
    python -m benchmarks.accuracy ablate WORK       half an hour; the card does without it too
    python -m benchmarks.accuracy card WORK         minutes
    python -m benchmarks.accuracy bound WORK        an hour, after a card; the next one tells of it

WORK keeps everything, so that an interrupted step goes on where it was. The model and its card
land in `src/spacekit/model/bundled/`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.accuracy.ablation import ablate
from benchmarks.accuracy.bounds import bound
from benchmarks.accuracy.card import write_card
from benchmarks.accuracy.fit import BUNDLED, CHECKPOINT, fit, write_model
from benchmarks.accuracy.sets import SETS, simulate_set
from spacekit.parallel import usable_cores


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["simulate", "train", "ablate", "card", "bound"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--workers", type=int, default=usable_cores())
    args = parser.parse_args()
    if args.step == "simulate":
        for name in SETS:
            simulate_set(args.work, name, args.workers, _teller(name))
    elif args.step == "train":
        trained, data = fit(args.work)
        write_model(BUNDLED / "svm.onnx", trained, data)
        (args.work / CHECKPOINT).unlink(missing_ok=True)
    elif args.step == "ablate":
        ablate(args.work, BUNDLED / "svm.onnx")
    elif args.step == "bound":
        bound(args.work, BUNDLED / "svm.onnx", args.workers)
    else:
        write_card(args.work, BUNDLED / "svm.onnx", BUNDLED / "CARD.md")


def _teller(name: str) -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        print(f"\r{name}: {done}/{of} scenes", end="", flush=True)

    return tell


if __name__ == "__main__":
    main()
