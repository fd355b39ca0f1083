"""A pool of threads for compiled loops that release the interpreter lock.

A loop over [0, n) is cut into one piece per thread; the caller runs the first piece itself, and after it those that
nobody has begun. The pool sleeps between loops, so it does not take cores from the matrix products' threads; any
number of Python threads may use it at once, and a forked child starts a pool of its own. A loop on two threads costs
some 10 microseconds beside its work; with concurrent.futures it was 70, and short loops are what this is for.
"""

import os
import threading
from queue import SimpleQueue

_state = {"threads": None, "started": 0, "queue": SimpleQueue(), "lock": threading.Lock()}


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


class _Piece:
    """A part of a loop that whoever comes first runs: a thread of the pool, or the caller when it has done its own."""

    __slots__ = ("loop", "start", "stop", "args", "begun", "running", "error")

    def __init__(self, loop, start, stop, args):
        self.loop, self.start, self.stop, self.args, self.error = loop, start, stop, args, None
        self.begun, self.running = threading.Lock(), threading.Lock()
        self.running.acquire()

    def work(self):
        if not self.begun.acquire(blocking=False):
            return
        try:
            self.loop(self.start, self.stop, *self.args)
        except BaseException as error:  # raised where the loop was called
            self.error = error
        self.loop = self.args = None  # the queue may hold the piece for longer than its caller lives
        self.running.release()


def run(loop, n: int, grain: int, *args) -> None:
    """loop(start, stop, *args) over [0, n), in as many pieces as there are threads, each of at least `grain`.

    `loop` must write to places that belong to its own range only. An exception in a piece is raised here.
    """
    count = min(thread_count(), n // grain)
    if count <= 1:
        loop(0, n, *args)
        return
    if _state["started"] < count - 1:
        _start(count - 1)
    bounds = [n * i // count for i in range(count + 1)]
    pieces = [_Piece(loop, start, stop, args) for start, stop in zip(bounds[1:], bounds[2:], strict=False)]
    for piece in pieces:
        _state["queue"].put(piece)
    try:
        loop(0, bounds[1], *args)
    finally:
        for piece in pieces:
            piece.work()
        for piece in pieces:
            piece.running.acquire()
    for piece in pieces:
        if piece.error is not None:
            raise piece.error


def _start(workers: int) -> None:
    with _state["lock"]:
        for i in range(_state["started"], workers):
            threading.Thread(target=_work, args=(_state["queue"],), name=f"minigen-{i}", daemon=True).start()
        _state["started"] = max(_state["started"], workers)


def _work(queue) -> None:
    while True:
        queue.get().work()


def _forget() -> None:
    """In a forked child: the parent's threads are not there, and what waits for them is not the child's."""
    _state.update(started=0, queue=SimpleQueue(), lock=threading.Lock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
