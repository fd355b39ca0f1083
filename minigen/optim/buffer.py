"""`ParameterBuffer`: a model's parameters as one flat array for each dtype.

An update is then one kernel over one array, a norm one reduction, a copy of everything one copy, however many
parameters there are.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from ..arrays import array_module
from ..arrays.memory import zeros_apart
from ..autograd import Parameter, raw


@dataclass(frozen=True)
class Segment:
    """A stretch of the flat array of one dtype: values, gradients, and the slice of a group's state for it."""

    dtype: str
    data: np.ndarray
    gradient: np.ndarray
    state_slice: slice


class ParameterGroup:
    """Some of a buffer's parameters: those that one optimiser moves.

    `segments` are the stretches of the flat arrays that they fill: one for each dtype if they lie side by side.
    `sizes` is the number of elements of each dtype. `version` counts the updates of the buffer, by any group.
    """

    def __init__(self, buffer: ParameterBuffer, slots: list):
        self.buffer, self._slots = buffer, slots
        self.parameters = [slot.parameter for slot in slots]
        self.names = [slot.name for slot in slots]
        self.segments, self.sizes = [], {}
        for start, stop, dtype in _merge((slot.start, slot.stop, slot.dtype) for slot in slots):
            size = self.sizes.get(dtype, 0)
            self.sizes[dtype] = size + stop - start
            data, gradient = buffer.data[dtype][start:stop], buffer.gradient[dtype][start:stop]
            self.segments.append(Segment(dtype, data, gradient, slice(size, size + stop - start)))

    @property
    def version(self) -> int:
        """How many updates the buffer has had."""
        return self.buffer.updates

    def trainable(self) -> list[Parameter]:
        """The parameters that are not frozen, in order: those that `gather` takes gradients for."""
        return [parameter for parameter in self.parameters if not parameter.frozen]

    def gather(self, gradients, add: bool = False) -> None:
        """Copy `gradients`, one for each trainable parameter in order, into the flat gradient array.

        With `add` they are added to what is there. A frozen parameter's gradient is zero. Raises ValueError for a
        wrong number or shape, before anything is changed, and RuntimeError for parameters whose arrays were
        replaced since packing.
        """
        self.check()
        gradients = [raw(gradient) for gradient in gradients]
        slots = [slot for slot in self._slots if not slot.parameter.frozen]
        if len(gradients) != len(slots):
            raise ValueError(f"gradients: expected {len(slots)}, one for each trainable parameter, "
                             f"got {len(gradients)}")
        for slot, gradient in zip(slots, gradients, strict=True):
            if gradient.shape != slot.view.shape:
                raise ValueError(f"gradients: expected shape {slot.view.shape} for {slot.name}, "
                                 f"got {gradient.shape}")
        if not add and len(slots) < len(self._slots):
            for segment in self.segments:
                segment.gradient[...] = 0
        for slot, gradient in zip(slots, gradients, strict=True):
            target = slot.gradient
            if add:
                target += gradient
            else:
                target[...] = gradient

    def check(self) -> None:
        """Raise RuntimeError if a parameter's array is no longer the view that packing made."""
        for slot in self._slots:
            if slot.parameter.data is not slot.view:
                raise RuntimeError(f"parameter {slot.name} is no longer in this buffer: its array was replaced (by "
                                   "`to`, or packed again) since; pack, and make optimisers and averages, after that")

    def changed(self) -> None:
        """To be called after the arrays were written to: graphs of the old values can no longer be swept."""
        for parameter in self.parameters:
            parameter.changed()
        self.buffer.updates += 1

    @contextlib.contextmanager
    def update(self):
        """The context in which the flat arrays are written to. Frozen parameters have their old values afterwards."""
        self.check()
        kept = [(parameter, parameter.data.copy()) for parameter in self.parameters if parameter.frozen]
        try:
            yield self.segments
        finally:
            for parameter, values in kept:
                parameter.data[...] = values
            self.changed()


@dataclass(frozen=True)
class _Slot:
    """One parameter and its stretch of the flat arrays."""

    name: str
    parameter: Parameter
    dtype: str
    start: int
    stop: int
    view: np.ndarray
    gradient: np.ndarray


class ParameterBuffer(ParameterGroup):
    """All parameters of a model: `data[dtype]` and `gradient[dtype]` are flat arrays, dtype is a name ("float32").

    Made by `ParameterBuffer.pack`. `group(parameters)` is some of them.
    """

    def __init__(self, named, groups=()):
        named = _ordered(named, groups)
        self.data, self.gradient, self.updates = {}, {}, 0
        sizes: dict[str, int] = {}
        for _, parameter in named:
            sizes[parameter.dtype.name] = sizes.get(parameter.dtype.name, 0) + parameter.size
        xp = array_module(*(parameter.data for _, parameter in named))
        for dtype, size in sizes.items():
            self.data[dtype], self.gradient[dtype] = (zeros_apart(xp, size, dtype, shift) for shift in (0, 1))
        slots, ends = [], dict.fromkeys(sizes, 0)
        for name, parameter in named:
            dtype, shape = parameter.dtype.name, parameter.shape
            start, stop = ends[dtype], ends[dtype] + parameter.size
            ends[dtype] = stop
            view = self.data[dtype][start:stop].reshape(shape)
            view[...] = parameter.data
            gradient = self.gradient[dtype][start:stop].reshape(shape)
            slots.append(_Slot(name, parameter, dtype, start, stop, view, gradient))
        super().__init__(self, slots)
        for slot in slots:
            slot.parameter.data = slot.view

    @classmethod
    def pack(cls, source, groups=()) -> ParameterBuffer:
        """Move parameters into flat arrays, in place: each parameter keeps its values and becomes a view.

        `source` is a module, or a list of parameters or of `(name, parameter)`; one that comes twice is packed
        once. `groups` are lists of parameters, such as those of each objective, to lay side by side, each after
        the one before. Raises TypeError or ValueError for anything else.
        """
        entries = source.named_parameters() if hasattr(source, "named_parameters") else source
        named, seen = [], set()
        for i, entry in enumerate(entries):
            name, parameter = entry if isinstance(entry, tuple) else (str(i), entry)
            if not isinstance(parameter, Parameter):
                raise TypeError(f"pack source: expected a module or Parameters, got {type(parameter).__name__}")
            if id(parameter) not in seen:
                seen.add(id(parameter))
                named.append((name, parameter))
        if not named:
            raise ValueError("pack source: expected at least one parameter, got none")
        return cls(named, groups)

    def group(self, parameters) -> ParameterGroup:
        """These parameters as a group, in this order. Raises ValueError for a parameter that is not in the buffer."""
        slots = {id(slot.parameter): slot for slot in self._slots}
        chosen = {}
        for parameter in parameters:
            if id(parameter) not in slots:
                raise ValueError(f"group: a parameter of shape {parameter.shape} is not in this buffer")
            chosen[id(parameter)] = slots[id(parameter)]
        return ParameterGroup(self, list(chosen.values()))


def as_group(parameters) -> ParameterGroup:
    """What an optimiser is given, as a group: a buffer or a group of one as it is, anything else packed."""
    return parameters if isinstance(parameters, ParameterGroup) else ParameterBuffer.pack(parameters)


def _ordered(named, groups):
    """The parameters of the groups first, group by group, then the others; a stable order."""
    rank: dict[int, int] = {}
    for group in groups:
        for parameter in group:
            rank.setdefault(id(parameter), len(rank))
    return sorted(named, key=lambda entry: rank.get(id(entry[1]), len(rank)))


def _merge(stretches):
    """(start, stop, dtype) in ascending order, those joined that touch."""
    merged: list[list] = []
    for start, stop, dtype in sorted(stretches, key=lambda stretch: (stretch[2], stretch[0])):
        if merged and merged[-1][2] == dtype and merged[-1][1] == start:
            merged[-1][1] = stop
        else:
            merged.append([start, stop, dtype])
    return merged
