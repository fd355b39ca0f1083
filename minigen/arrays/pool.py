"""A pool of threads for compiled loops that release the interpreter lock.

A loop over [0, n) is cut into pieces, which the threads and the caller take one after the other, so that the caller
never waits for a piece that nobody has begun. The pool sleeps between loops and takes no cores from others; any number
of Python threads may use it at once, and a forked child starts a pool of its own. Handing a loop over costs some 10
microseconds, on virtual machines up to 50; concurrent.futures added 60, and short loops are what this is for.
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


class _Loop:
    """A loop whose pieces go to whoever asks next: threads of the pool, and the caller."""

    __slots__ = ("loop", "args", "pieces", "done")

    def __init__(self, loop, args, bounds):
        self.loop, self.args = loop, args
        self.pieces = zip(bounds, bounds[1:], strict=False)  # taking the next one is atomic
        self.done = SimpleQueue()  # of each piece that has ended, its error or None

    def work(self):
        for start, stop in self.pieces:
            try:
                self.loop(start, stop, *self.args)
            except BaseException as error:  # raised where the loop was called
                self.done.put(error)
            else:
                self.done.put(None)


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
    """In a forked child: the parent's threads are not there, and what waits for them is not the child's."""
    _state.update(started=0, queue=SimpleQueue(), lock=threading.Lock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
