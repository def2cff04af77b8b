"""Simulate the sets of the benchmark.

python -m benchmarks.accuracy simulate WORK
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.accuracy.sets import SETS, simulate_set


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["simulate"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    for name in SETS:
        simulate_set(args.work, name, args.workers, lambda done, of, n=name: print(n, done, of))


if __name__ == "__main__":
    main()
