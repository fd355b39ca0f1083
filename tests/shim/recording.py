"""What the stand-in for CuPy knows of time: when the host would wait, streams, and graphs that can be replayed."""

from __future__ import annotations

import contextlib
import types

import numpy as np

STATE = {"strict": 0, "graph": None, "stream": None}


class Synchronised(AssertionError):
    """The host would have waited for the device, or copied to or from it."""


@contextlib.contextmanager
def no_synchronisation():
    """Within this context whatever waits for the device raises Synchronised."""
    STATE["strict"] += 1
    try:
        yield
    finally:
        STATE["strict"] -= 1


@contextlib.contextmanager
def nothing():
    """A context that changes nothing."""
    yield


def waits(what):
    """Say that the host waits here: Synchronised where it must not."""
    if STATE["strict"] or STATE["graph"] is not None:
        raise Synchronised(f"{what} waits for the device")


class Graph:
    """A recording of what was done to arrays, which can be done again: to the same arrays, wherever their values are.

    Unlike a GPU the stand-in does what it records, to know shapes; `end` puts back what that has changed.
    """

    def __init__(self):
        self.actions, self.held = [], []

    def computed(self, result, compute):
        """Record that an array is made."""
        self.actions.append(lambda: np.copyto(result._values, compute()))
        self.held.append((result._values, None))  # its memory belongs to the graph

    def changed(self, change, targets):
        """Record a change in place."""
        self.actions.append(change)
        self.held += [(a._values, a._values.copy()) for a in targets]

    def end(self):
        """Undo what the recording did."""
        for values, copy in reversed(self.held):
            if copy is not None:
                values[...] = copy
        self.held = [values for values, _ in self.held]

    def launch(self, stream=None):
        """Do it again."""
        assert STATE["graph"] is None
        for action in self.actions:
            action()


class Stream:
    """A stream: everything happens at once anyway, but graphs are recorded on one that is not the default."""

    def __init__(self, non_blocking=False):
        self.non_blocking, self.outer = non_blocking, None

    def __enter__(self):
        self.outer, STATE["stream"] = STATE["stream"], self
        return self

    def __exit__(self, *error):
        STATE["stream"] = self.outer

    def synchronize(self):
        """Wait for what was launched."""
        waits("synchronize")

    def record(self):
        """An event."""
        return "event"

    def wait_event(self, event):
        """Wait, on the device, for an event of another stream."""
        assert event == "event"

    def begin_capture(self):
        """Record from here on."""
        assert self.non_blocking and STATE["graph"] is None and STATE["stream"] is self
        STATE["graph"] = Graph()

    def end_capture(self):
        """The recording."""
        graph, STATE["graph"] = STATE["graph"], None
        graph.end()
        return graph


class MemoryPool:
    """A pool that hands out memory."""

    def malloc(self, size):
        """Never called: NumPy has the memory."""


def cuda_module():
    """The module cupy.cuda."""
    cuda = types.ModuleType("cupy.cuda")
    cuda.Stream, cuda.MemoryPool, default = Stream, MemoryPool, Stream()
    cuda.get_current_stream = lambda: STATE["stream"] or default
    cuda.using_allocator = lambda allocator: contextlib.nullcontext()
    return cuda
