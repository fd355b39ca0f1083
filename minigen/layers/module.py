"""`Module`: an object that finds its parameters by walking its attributes.

    class Affine(Module):
        def __init__(self, n, *, rng):
            self.weight = Parameter(he_uniform((n, n), rng))
            self.bias = Parameter(zeros((n,)))

        def __call__(self, x, *, train=False, rng=None):
            return x @ self.weight + self.bias

There is no registration and nothing to call first. All Parameters, Buffers and Modules that an attribute holds,
directly or in lists, tuples and dicts, belong to the module, under the name that leads there (`layers.0.weight`).
There is no training mode either. `train=True` says that a call is a training call: dropout acts, batch statistics
are used and recorded. Without it a call is deterministic inference. `rng` is a source of noise for the layers that
need one, and nothing else. Every layer takes both, and hands both on to the modules that it calls, so that any module
can stand where another one does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import array_module, as_dtype, to_device, to_numpy
from ..arrays.states import misfits
from ..autograd import Parameter, Tensor
from ..autograd.tensor import raw, shape_of
from .parameter_table import parameter_table


class Buffer(Tensor):
    """An array that belongs to a module and is saved with it, but is not trained: a running mean, a counter.

    In ops it is a constant. `assign` is how it changes.
    """

    __slots__ = ()

    def __init__(self, data):
        super().__init__(data)
        self.edge = None

    def assign(self, values) -> None:
        """Take the values, as a new array of the same dtype: graphs that recorded the old one keep it.

        Raises ValueError when the shape differs.
        """
        values = raw(values)
        if shape_of(values) != self.data.shape:
            raise ValueError(f"Buffer.assign values: expected shape {self.data.shape}, got {shape_of(values)}")
        self.data = array_module(self.data).array(values, dtype=self.data.dtype)


class Module:
    """Base class of layers and models; a subclass writes `__init__` and `__call__` (or `forward`)."""

    def __call__(self, *args, **keywords):
        forward = getattr(self, "forward", None)
        if forward is None:
            raise TypeError(f"{type(self).__name__} defines neither __call__ nor forward")
        return forward(*args, **keywords)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their names, frozen ones too. One that is met twice comes once, with its first name."""
        return ((name, tensor) for name, tensor in _walk(self, "", set()) if isinstance(tensor, Parameter))

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """All buffers with their names."""
        return ((name, tensor) for name, tensor in _walk(self, "", set()) if isinstance(tensor, Buffer))

    def parameters(self) -> list[Parameter]:
        """The trainable parameters, without the frozen ones: what `grad` and optimisers take."""
        return [parameter for _, parameter in self.named_parameters() if not parameter.frozen]

    @property
    def dtype(self) -> np.dtype:
        """What the module computes in: the dtype of its first floating parameter, else of its first floating buffer.

        float32, which layers have by default, if it has neither.
        """
        buffer_dtype = None
        for _, tensor in _walk(self, "", set()):
            dtype = tensor.data.dtype
            if dtype.kind == "f":
                if isinstance(tensor, Parameter):
                    return dtype
                if buffer_dtype is None:
                    buffer_dtype = dtype
        return np.dtype(np.float32) if buffer_dtype is None else buffer_dtype

    @property
    def xp(self):
        """The array module of its parameters and buffers: `numpy`, or `cupy` for a module on a GPU."""
        for _, tensor in _walk(self, "", set()):
            return array_module(tensor.data)
        return np

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, by name, as NumPy arrays."""
        return {name: np.array(to_numpy(tensor.data), order="C") for name, tensor in _walk(self, "", set())}

    def load_state_dict(self, state) -> None:
        """Take over the values of a `state_dict`. Parameters are written in place, where a ParameterBuffer sees them.

        Raises ValueError before anything is changed, and names all that is missing, unexpected or of another shape or
        dtype.
        """
        tensors = dict(_walk(self, "", set()))
        values = {name: raw(value) if hasattr(value, "dtype") else np.asarray(value) for name, value in state.items()}
        problems = misfits(tensors, values)
        if problems:
            raise ValueError(f"state of {type(self).__name__} does not fit: {'; '.join(problems)}")
        for name, tensor in tensors.items():
            tensor.assign(array_module(tensor.data).asarray(values[name]))

    def freeze(self) -> Module:
        """Make every parameter a constant; returns the module."""
        for _, parameter in self.named_parameters():
            parameter.freeze()
        return self

    def unfreeze(self) -> Module:
        """Make every parameter trainable again; returns the module."""
        for _, parameter in self.named_parameters():
            parameter.freeze(False)
        return self

    def to(self, device: str | None = None, dtype=None) -> Module:
        """Move parameters and buffers to a device ("cpu", "cuda"), or floating ones to a dtype; returns the module.

        The arrays are replaced: pack them into a ParameterBuffer after this, not before. Errors as in
        `minigen.arrays.to_device` and `as_dtype`, before anything is changed.
        """
        dtype = None if dtype is None else as_dtype(dtype)
        tensors = [tensor for _, tensor in _walk(self, "", set())]
        arrays = [tensor.data if device is None else to_device(tensor.data, device) for tensor in tensors]
        for tensor, array in zip(tensors, arrays, strict=True):
            if dtype is not None and array.dtype.kind == "f":
                array = array.astype(dtype, copy=False)
            if isinstance(tensor, Parameter):
                if array is not tensor.data:
                    tensor.replace(array)
            else:
                tensor.data = array
        return self

    def __repr__(self):
        return parameter_table(type(self).__name__, list(_walk(self, "", set())))


def _walk(value, name, met):
    """Parameters and buffers below `value` with their names, in the order of the attributes, no object twice.

    `met` is the set of the ids of objects that have been met.
    """
    if isinstance(value, Parameter | Buffer):
        if id(value) not in met:
            met.add(id(value))
            yield name, value
        return
    if isinstance(value, Module):
        if id(value) in met:
            return
        met.add(id(value))
        children = vars(value).items()
    elif isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    else:
        return
    for key, child in children:
        yield from _walk(child, f"{name}.{key}" if name else str(key), met)
