"""The exponential moving average of parameters, which models are evaluated with."""

from __future__ import annotations

import contextlib

import numpy as np

from .. import kernels
from ..arrays import array_module, to_numpy
from ..arrays.checks import fraction
from ..arrays.memory import zeros_apart
from .buffer import as_group
from .optimizer import check_state, counter


class ExponentialMovingAverage:
    """average ← d·average + (1 - d)·parameters at each `update`, starting from the parameters as they are.

    d is `decay`, or at update t = 1, 2, … the smaller (1 + t) / (10 + t): an average over a growing share of the past,
    so that the first values are soon forgotten. With `warmup=False`, d is `decay` always. `parameters` as for an
    optimiser; give both the same buffer.
    """

    def __init__(self, parameters, decay: float = 0.999, warmup: bool = True):
        self.decay, self.warmup = fraction("decay", decay), bool(warmup)
        self.group = as_group(parameters)
        self.updates = counter(self.group)
        self.swapped = False
        self.state = {}
        for segment in self.group.segments:
            name = f"average.{segment.dtype}"
            if name not in self.state:
                xp, size = array_module(segment.data), self.group.sizes[segment.dtype]
                self.state[name] = zeros_apart(xp, size, segment.dtype, 2)
            self.state[name][segment.state_slice] = segment.data

    def update(self, when=True) -> None:
        """Take in the parameters' present values, after a step; on a GPU only `when` a 0-d boolean array there is true.
        """
        self._check_not_swapped("update")
        self.group.check()
        self.updates += when
        weight = 1 - self.decay
        if self.warmup:  # 1 - (1 + t) / (10 + t), or 1 - decay if that is larger
            xp = array_module(self.updates)
            weight = (max if xp is np else xp.maximum)(9 / (10 + self.updates), weight)
        for segment in self.group.segments:
            kernels.average_update(self._average_of(segment), segment.data, weight if when is True else weight * when)

    def swap(self) -> None:
        """Exchange averages and parameters; a second call exchanges them back, bit for bit."""
        self.group.check()
        for segment in self.group.segments:
            average = self._average_of(segment)
            held = average.copy()
            average[...] = segment.data
            segment.data[...] = held
        self.swapped = not self.swapped
        self.group.changed()

    @contextlib.contextmanager
    def applied(self):
        """The context in which the parameters have the averages' values."""
        self._check_not_swapped("applied")
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def state_dict(self) -> dict:
        """The number of updates and copies of the averages (NumPy)."""
        self._check_not_swapped("state_dict")
        return {"updates": int(self.updates), **{name: np.array(to_numpy(array)) for name, array in self.state.items()}}

    def load_state_dict(self, state) -> None:
        """Go on from a `state_dict`; ValueError, with nothing changed, for one that does not fit."""
        self._check_not_swapped("load_state_dict")
        arrays = {name: np.asarray(value) for name, value in state.items() if name != "updates"}
        updates = check_state("ExponentialMovingAverage", "updates", state, arrays, self.state)
        for name, array in self.state.items():
            array[...] = array_module(array).asarray(arrays[name])
        self.updates = counter(self.group, updates)

    def _average_of(self, segment):
        return self.state[f"average.{segment.dtype}"][segment.state_slice]

    def _check_not_swapped(self, what):
        if self.swapped:
            raise RuntimeError(f"{what}: the averages stand in the parameters' place; swap back first")
