"""What optimisers have in common: the group of parameters that they move, their state, and the step."""

from __future__ import annotations

import numpy as np

from ..arrays import array_module, to_numpy
from ..arrays.checks import non_negative_number, positive_number
from ..arrays.memory import zeros_apart
from ..arrays.states import misfits
from .buffer import as_group


class Optimizer:
    """Base class: `step` moves the parameters by an update rule that keeps `state_names` flat arrays of state.

    `parameters` is a ParameterBuffer, a group of one, or a module or list of Parameters (which is then packed). One
    buffer may have several optimisers, with one group for each.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, parameters, learning_rate: float):
        self.learning_rate = positive_number("learning_rate", learning_rate)
        self.group = as_group(parameters)
        self.steps = counter(self.group)
        self.state = {}
        for segment in self.group.segments:
            xp, size = array_module(segment.data), self.group.sizes[segment.dtype]
            for position, name in enumerate(self.state_names, 2):  # after the buffer's parameters and gradients
                self.state.setdefault(f"{name}.{segment.dtype}", zeros_apart(xp, size, segment.dtype, position))

    def step(self, gradients=None, learning_rate: float | None = None, scale=1.0) -> None:
        """Move the parameters once.

        `gradients` has an array for each trainable parameter, in order; without it, the buffer's gathered gradients
        are used. `learning_rate` replaces the optimiser's own for this step, and the gradients count times `scale`,
        such as `clip_scale` gives. Errors as in `ParameterGroup.gather`, before anything is changed. To skip an update
        (a gradient that is not finite), do not call `step`: nothing else changes the state.

        On a GPU, where the host should not wait to know whether it is wanted, rate and scale may be 0-d arrays, and
        a scale that is not finite leaves everything as it is.
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        rate = rate if hasattr(rate, "get") else non_negative_number("learning_rate", rate)
        if gradients is not None:
            self.group.gather(gradients)
        with self.group.update() as segments:
            self.steps += array_module(scale).isfinite(scale) if hasattr(scale, "get") else 1
            for segment in segments:
                state = [self.state[f"{name}.{segment.dtype}"][segment.state_slice] for name in self.state_names]
                self.apply(segment.data, segment.gradient, state, rate, scale)

    def apply(self, data, gradient, state, learning_rate, scale) -> None:
        """The update rule: change the flat arrays `data` and `state`, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

    def state_dict(self) -> dict:
        """The number of steps and copies of the state arrays (NumPy), all that `load_state_dict` needs."""
        return {"steps": int(self.steps), **{name: np.array(to_numpy(array)) for name, array in self.state.items()}}

    def load_state_dict(self, state) -> None:
        """Go on from a `state_dict`, bit for bit; ValueError, with nothing changed, for one that does not fit."""
        arrays = {name: np.asarray(value) for name, value in state.items() if name != "steps"}
        steps = check_state(type(self).__name__, "steps", state, arrays, self.state)
        for name, array in self.state.items():
            array[...] = array_module(array).asarray(arrays[name])
        self.steps = counter(self.group, steps)


def counter(group, count: int = 0):
    """A count: an int or, where the parameters are on a GPU, a 0-d array there, so that the GPU can count by itself."""
    xp = array_module(group.segments[0].data) if group.segments else np
    return count if xp is np else xp.full((), count, np.float64)


def check_state(owner: str, counter: str, state, arrays, present) -> int:
    """The counter of a state, if it and its arrays fit those that `owner` has, `present`; ValueError otherwise."""
    problems = [] if counter in state else [f"missing {counter}"]
    problems += misfits(present, arrays)
    count = np.asarray(state.get(counter, 0))
    if count.ndim != 0 or count.dtype.kind not in "iu" or count < 0:
        problems.append(f"{counter}: expected an integer of at least 0, got {state[counter]!r}")
    if problems:
        raise ValueError(f"state of {owner} does not fit: {'; '.join(problems)}")
    return int(count)
