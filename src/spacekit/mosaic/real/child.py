"""What the other interpreter runs: drizzlepac's runsinglehap on one poller file.

Started by path in an interpreter that has drizzlepac and not spacekit, so it imports nothing else.
Usage: ``python -I child.py POLLER MEMORY_BYTES``, in the folder of the exposures.
"""

from __future__ import annotations

import importlib
import resource
import sys


def main(poller: str, memory_bytes: int) -> int:
    """Process the visit; the exit status is 0 where the pipeline says that it succeeded."""
    # a runaway shall end with a MemoryError in its log, not with the machine
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    runsinglehap = importlib.import_module("drizzlepac.runsinglehap")
    return 0 if runsinglehap.perform(poller, log_level="info") == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
