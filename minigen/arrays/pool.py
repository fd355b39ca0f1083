"""A pool of threads for compiled loops that release the interpreter lock.

A loop over [0, n) is cut into one piece per thread; the caller runs the first piece itself. The pool sleeps between
loops, so it does not take cores from the matrix products' threads; any number of Python threads may use it at once,
and a forked child starts a pool of its own.
"""

import os
from concurrent.futures import ThreadPoolExecutor

_state = {"threads": None, "pool": None, "size": 0}


def thread_count() -> int:
    """How many threads loops are cut for: what `set_threads` was given, else the processors of this process."""
    if _state["threads"] is None:
        given = os.environ.get("OMP_NUM_THREADS", "")
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        _state["threads"] = min(int(given), available) if given.isdecimal() and int(given) > 0 else available
    return _state["threads"]


def set_thread_count(n: int) -> None:
    """Cut loops for `n` threads from now on."""
    _state["threads"] = n


def run(loop, n: int, grain: int, *args) -> None:
    """loop(start, stop, *args) over [0, n), in as many pieces as there are threads, each of at least `grain`.

    `loop` must write to places that belong to its own range only. An exception in a piece is raised here.
    """
    pieces = min(thread_count(), n // grain)
    if pieces <= 1:
        loop(0, n, *args)
        return
    bounds = [n * i // pieces for i in range(pieces + 1)]
    pool = _pool(pieces - 1)
    waiting = [pool.submit(loop, start, stop, *args) for start, stop in zip(bounds[1:], bounds[2:], strict=False)]
    try:
        loop(0, bounds[1], *args)
    finally:
        for piece in waiting:
            piece.result()


def _pool(workers: int) -> ThreadPoolExecutor:
    if _state["size"] < workers:
        _state["pool"], _state["size"] = ThreadPoolExecutor(workers, "minigen"), workers
    return _state["pool"]


def _forget() -> None:
    """In a forked child: the parent's threads are not there."""
    _state["pool"], _state["size"] = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
