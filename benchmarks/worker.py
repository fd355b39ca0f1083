"""One side of one row in a process of its own: `python -m benchmarks.worker PACKAGE KEY VARIANT`.

Lines of JSON on its pipes: it says when it is ready, then runs as many repeats as it is asked for and answers with
their seconds, and sleeps in between.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

from .rows import ROWS, side

WARM_UP = 3
WAKE_UP = 0.1  # seconds of repeats that do not count after a sleep: caches are cold, and threads of one process share a
# core until the system's scheduler has moved them apart


def main(package, key, variant):
    """Build the side, warm it up, and answer until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes elsewhere
    row = next(row for row in ROWS if row.key == key)
    work = side(package, row, **({"variant": variant} if package == "peers" else {}))
    for _ in range(WARM_UP):
        _repeat(work)
    answer = {"ready": True, "share": work.share, **_versions(package, row.peer)}
    while True:
        print(json.dumps(answer), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        end = time.perf_counter() + WAKE_UP
        while time.perf_counter() < end:
            _repeat(work)
        answer = {"seconds": [_repeat(work) for _ in range(int(line))], "peak_bytes": peak_memory()}


def _repeat(work):
    prepared = () if work.prepare is None else (work.prepare(),)
    start = time.perf_counter()
    work.step(*prepared)
    return (time.perf_counter() - start) / work.share


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _versions(package, peer):
    if package == "peers":
        module = importlib.import_module(peer)
        threads = {"threads": module.get_num_threads()} if peer == "torch" else {}
        return {"versions": {peer: module.__version__}, **threads}
    import numpy

    import minigen
    from minigen.arrays.pool import thread_count

    versions = {"minigen": minigen.__version__, "numpy": numpy.__version__}
    if "numba" in sys.modules:
        versions["numba"] = sys.modules["numba"].__version__
    return {"versions": versions, "threads": thread_count()}


if __name__ == "__main__":
    main(*sys.argv[1:])
