"""Fuzz the readers of strangers' files, and print what became of it.

    python -m benchmarks.fuzz --inputs 20000 --seed 1

Each reader is given so many broken files. It may accept one or refuse it with one of spacekit's
own errors; anything else is a finding: another exception, more than 5 s of processor time, more
than 1 GB of memory, a crash. A finding is made again from its reader, seed and number
(``--reader NAME --seed S --only NUMBER``). The exit status is 1 when there was one.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from benchmarks.fuzz.material import make_material
from benchmarks.fuzz.readers import READERS
from benchmarks.fuzz.run import Tally, Task, fuzz, fuzz_side_by_side

_EXAMPLES = 8


def main() -> int:
    """Fuzz what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000, help="for each reader")
    parser.add_argument("--reader", choices=list(READERS), action="append", help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes at a time")
    parser.add_argument("--only", type=int, help="one input, here, and keep its file")
    parser.add_argument("--work", type=Path, help="keep the valid files here between runs")
    args = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="spacekit-fuzz-") as name:
        scratch = Path(name)
        material = args.work or scratch / "material"
        if not (material / "model.onnx").is_file():
            make_material(material)
        readers = args.reader or list(READERS)
        if args.only is not None:
            return _again(readers[0], material, args.seed, args.only)
        print(f"| reader | inputs | accepted | refused | findings | s |\n|{'---|' * 6}", flush=True)
        found = 0
        for reader in readers:
            start = time.monotonic()
            with tqdm(total=args.inputs, desc=reader, mininterval=1, leave=False) as bar:
                task = Task(reader, material, scratch, args.seed)
                tally = fuzz_side_by_side(task, args.inputs, args.workers, bar.update)
            _print(reader, tally, time.monotonic() - start)
            found += len(tally.findings)
    return 1 if found else 0


def _print(reader: str, tally: Tally, seconds: float) -> None:
    """Print a row, and what was found, each kind once with the first inputs that show it."""
    counts = (tally.inputs, tally.accepted, tally.refused, len(tally.findings))
    print(f"| {reader} | {' | '.join(map(str, counts))} | {seconds:.0f} |", flush=True)
    kinds = Counter(finding.what for finding in tally.findings)
    for what, times in kinds.most_common():
        numbers = [f.number for f in tally.findings if f.what == what][:_EXAMPLES]
        print(f"  {times} x {what}: inputs {numbers}", file=sys.stderr, flush=True)


def _again(reader: str, material: Path, seed: int, number: int) -> int:
    """Make one input again and let its exception out."""
    scratch = Path(tempfile.mkdtemp(prefix="spacekit-fuzz-"))
    for _, outcome in fuzz(Task(reader, material, scratch, seed), [number]):
        print(f"{outcome}; the input is in {scratch}")
        return 0 if outcome in {"accepted", "refused"} else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
