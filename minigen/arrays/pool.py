"""A pool of threads for compiled loops that release the interpreter lock.

A loop over [0, n) is cut into pieces, which the threads and the caller take one after the other, so that the caller
never waits for a piece that nobody has begun. Between loops the pool sleeps and takes no cores from others. Any number
of Python threads may use it at once, and a forked child starts a new pool. Handing a loop over costs about 10
microseconds, on virtual machines up to 50. Python's concurrent.futures adds 60, which is too much for short loops.
"""

import os
import threading
from queue import SimpleQueue

_state = {"threads": None, "started": 0, "queue": SimpleQueue(), "lock": threading.Lock()}


def thread_count() -> int:
    """How many threads share a loop: the number from `set_threads`, or else the processors of this process."""
    if _state["threads"] is None:
        asked = os.environ.get("OMP_NUM_THREADS", "")
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        _state["threads"] = min(int(asked), available) if asked.isdecimal() and int(asked) > 0 else available
    return _state["threads"]


def set_thread_count(n: int) -> None:
    """Cut loops for `n` threads from now on."""
    _state["threads"] = n


class _Loop:
    """A loop whose pieces go to the next thread that asks, of the pool or the caller's."""

    __slots__ = ("loop", "args", "pieces", "done")

    def __init__(self, loop, args, bounds):
        self.loop, self.args = loop, args
        self.pieces = zip(bounds, bounds[1:], strict=False)  # taking the next one is atomic
        self.done = SimpleQueue()  # for each piece that has ended its error, or None

    def work(self):
        for start, stop in self.pieces:
            try:
                self.loop(start, stop, *self.args)
            except BaseException as error:  # raised where the loop was called
                self.done.put(error)
            else:
                self.done.put(None)


def run(loop, n: int, grain: int, *args) -> None:
    """Call loop(start, stop, *args) over [0, n) in as many pieces as there are threads, of at least `grain` each.

    `loop` must write only where no other range writes. An exception in a piece is raised here.
    """
    count = min(thread_count(), n // grain)
    if count <= 1:
        loop(0, n, *args)
        return
    if _state["started"] < count - 1:
        _start(count - 1)
    whole = _Loop(loop, args, [n * i // count for i in range(count + 1)])
    for _ in range(count - 1):
        _state["queue"].put(whole)
    try:
        whole.work()
    finally:
        errors = [whole.done.get() for _ in range(count)]
        whole.loop = whole.args = None  # the queue may hold it for longer than the caller lives
    for error in errors:
        if error is not None:
            raise error


def _start(workers: int) -> None:
    with _state["lock"]:
        for i in range(_state["started"], workers):
            threading.Thread(target=_work, args=(_state["queue"],), name=f"minigen-{i}", daemon=True).start()
        _state["started"] = max(_state["started"], workers)


def _work(queue) -> None:
    while True:
        queue.get().work()


def _forget() -> None:
    """In a forked child: start anew, for the parent's threads do not exist there and its loops are not the child's."""
    _state.update(started=0, queue=SimpleQueue(), lock=threading.Lock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
