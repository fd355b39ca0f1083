"""A training step as a CUDA graph: recorded once, replayed with one launch.

A small model on a GPU is bound by the launches of its hundreds of little kernels. A graph does away with them, if
nothing in it comes from the host: the batch is copied into an array that stays where it is, the learning rate and the
random stream's state are read from the GPU when the graph runs, and the optimiser counts its steps there.
"""

import numpy as np

from ..arrays import as_generator
from ..data.batch import NAMES
from ..kernels.device_stream import DeviceGenerator

WARM_UPS = 2  # calls before the recording, in which kernels are compiled and memory is set aside


class CapturedStep:
    """A function `step(batch, rng) -> dict` like the `Step` that it replays, for a model on a GPU.

    Parameters, noise and metrics are those of the step itself. A graph is recorded for each shape and dtype of the
    batch (which must be on the GPU) and each set of objectives that come together. The arrays of the dict are the same
    at each call and hold the latest values: copy those to be kept, and read them every few steps only, since reading
    waits for the GPU. Raises ValueError for a model that is not on a GPU.
    """

    def __init__(self, step):
        if step.xp is np:
            raise ValueError("capture: expected a model on a GPU, as model.to('cuda') makes it, got one on the CPU")
        import cupy

        self.step, self.graphs = step, {}
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.pool = cupy.cuda.MemoryPool()  # the graph's temporaries keep their places in it, and are no one else's

    def __getattr__(self, name):
        return getattr(self.step, name)

    def __call__(self, batch, rng, fresh=None):
        """Update once on `batch` and return the metrics."""
        import cupy

        rng, outer, step = as_generator(rng), cupy.cuda.get_current_stream(), self.step
        due = step.due()
        batches = step.batches(due, batch, fresh)
        key = tuple(due), tuple(tuple((name, array.shape, array.dtype.str) for name, array in b.present(*NAMES).items())
                                for b in batches)
        if key not in self.graphs:
            self.graphs[key] = _Recording(step, due, batches, self.stream, self.pool)
        self.stream.wait_event(outer.record())
        with self.stream:
            metrics = self.graphs[key].replay(batches, rng, step.rates(due), step.updates)
        outer.wait_event(self.stream.record())
        step.updates += 1
        step.buffer.changed()
        return metrics


class _Recording:
    """One graph with the arrays that it reads and writes."""

    def __init__(self, step, due, batches, stream, pool):
        import cupy

        self.stream, self.due, xp = stream, due, step.xp
        stream.synchronize()
        with stream, cupy.cuda.using_allocator(pool.malloc):
            self.batches = _apart(batches)
            self.rates = [xp.zeros((), np.float64) for _ in due]
            self.updates = xp.zeros((), step.model.dtype)  # float: an integer array would make a float32 loss float64
            self.rng, self.position = DeviceGenerator(xp), None
            held = [(array, array.copy()) for array in _changed_by(step)]
            for _ in range(WARM_UPS):
                self._run(step)
            for array, copy in held:
                array[...] = copy
            stream.synchronize()
            stream.begin_capture()
            try:
                self.metrics = self._run(step)
            finally:
                self.graph = stream.end_capture()

    def _run(self, step):
        self.rng.position = 0
        metrics = step.update(self.due, self.batches, self.rng, self.rates, self.updates)
        self.words = self.rng.position
        self.rng.advance()
        return metrics

    def replay(self, batches, rng, rates, updates):
        """Set what changes from step to step, by launches alone, and run the graph."""
        for ours, theirs in zip(self.batches, batches, strict=True):
            for name, array in ours.present(*NAMES).items():
                array[...] = getattr(theirs, name)
        for ours, theirs in zip(self.rates, rates, strict=True):
            ours.fill(theirs)
        self.updates.fill(updates)
        if (rng.stream, rng.position) != self.position:
            self.rng.set(rng)
        self.graph.launch(self.stream)
        rng.reserve(self.words)
        self.position = rng.stream, rng.position  # where the graph has moved its stream to
        return self.metrics


def _apart(batches):
    """Copies of the batches, one for each that is different: objectives that share a batch share its copy."""
    copies = {}
    for batch in batches:
        if id(batch) not in copies:
            copies[id(batch)] = batch.map(lambda array: array.copy())
    return [copies[id(batch)] for batch in batches]


def _changed_by(step):
    """All arrays that an update writes to."""
    yield from step.buffer.data.values()
    yield from step.buffer.gradient.values()
    yield from (buffer.data for buffer in step.module_buffers)
    for updater in step.updaters:
        yield from (updater.optimizer.steps, *updater.optimizer.state.values())
        if updater.average is not None:
            yield from (updater.average.updates, *updater.average.state.values())
