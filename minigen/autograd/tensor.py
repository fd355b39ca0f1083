"""Tensors, parameters, and the nodes of the graph that differentiation walks.

A `Tensor` is an array and, if it takes part in differentiation, an edge: which node made it, and as which of the node's
outputs. Edges point from results to inputs and a node never holds a Tensor, so the graph has no reference cycles: its
memory is freed with the last Tensor that leads to it.
"""

import itertools
import operator
import threading

import numpy as np

from ..arrays import array_module

_next_number = itertools.count().__next__


class Modes(threading.local):
    """What this thread does with an op: `recording` builds the graph, `anomaly` checks every value.

    `observer` is None or a function that is called with every op on Tensors. `plain` is true in the usual state
    (recording, no anomaly check, no observer); it is the one flag that every op reads.
    """

    recording, anomaly, observer, plain = True, False, None, True

    def set(self, recording: bool, anomaly: bool, observer=None) -> None:
        """Set all modes."""
        self.recording, self.anomaly, self.observer = recording, anomaly, observer
        self.plain = recording and not anomaly and observer is None


modes = Modes()


class Node:
    """One application of a primitive: where its inputs came from and what its VJP needs.

    `edges` has `(node, output index, version)` for each input, or None for an input that is not differentiated.
    `residuals` holds what the primitive declared, or None once a sweep has freed it. `static` holds the static
    parameters, `outputs` the (shape, dtype) of each output. `number` counts up with creation, so that descending
    numbers are a topological order.
    """

    __slots__ = ("primitive", "edges", "residuals", "static", "outputs", "number")
    version, line = 0, None

    def __init__(self, primitive, edges, residuals, static, outputs):
        self.primitive = primitive
        self.edges = edges
        self.residuals = residuals
        self.static = static
        self.outputs = outputs
        self.number = _next_number()


class Leaf(Node):
    """The node of a Tensor that no op made. `version` counts the in-place updates of its array."""

    __slots__ = ("version", "grad")

    def __init__(self, data):
        super().__init__(None, (), (), None, ((data.shape, data.dtype),))
        self.version, self.grad = 0, None


class Tensor:
    """An immutable array that remembers how it was computed.

    Tensor(data) makes a leaf of the graph from anything NumPy takes as an array (shared, not copied) or a CuPy array.
    float32 and float64 are differentiated; integers and booleans are data. `data` is the array.
    Raises TypeError for any other dtype.
    """

    __slots__ = ("data", "edge")
    __array_ufunc__ = None  # makes `array * tensor` call Tensor.__rmul__, and np.exp(tensor) raise

    def __init__(self, data):
        if isinstance(data, Tensor):
            raise TypeError("Tensor data: expected an array, got a Tensor (stop_gradient makes a constant of one)")
        if isinstance(data, np.ma.MaskedArray):
            raise TypeError("Tensor data: expected an array, got a masked one, whose mask would be lost")
        if not hasattr(data, "dtype") or isinstance(data, np.ndarray | np.generic):
            data = np.asarray(data)  # also of matrices and memory maps, which multiply or copy in ways of their own
        if data.dtype.char not in "fd" and data.dtype.kind not in "biu":
            raise TypeError(f"Tensor data: expected float32, float64, integers or booleans, got {data.dtype}")
        self.data = data
        self.edge = (Leaf(data), 0, 0) if data.dtype.kind == "f" else None

    shape = property(lambda self: self.data.shape, doc="The extent of each axis.")
    ndim = property(lambda self: self.data.ndim, doc="The number of axes.")
    size = property(lambda self: self.data.size, doc="The number of elements.")
    dtype = property(lambda self: self.data.dtype, doc="The dtype of the elements.")

    @property
    def is_leaf(self) -> bool:
        """Whether this Tensor takes part in differentiation and no op made it."""
        return self.edge is not None and isinstance(self.edge[0], Leaf)

    @property
    def grad(self):
        """The plain array that `backward` has accumulated in this leaf, or None."""
        return self.edge[0].grad if self.is_leaf else None

    @grad.setter
    def grad(self, value):
        if not self.is_leaf:
            raise TypeError("Tensor.grad: only a leaf has a gradient to set, and this Tensor is not a leaf")
        self.edge[0].grad = value

    def item(self):
        """The single element as a Python number."""
        return self.data.item()

    def __repr__(self):
        made = "" if self.edge is None or self.is_leaf else f", from={self.edge[0].primitive.name}"
        return f"{type(self).__name__}({self.data!r}{made})"

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__  # by identity, whereas == is elementwise

    def __reduce__(self):
        return type(self), (self.data,)  # copies and pickles are new leaves, without the graph

    def __setitem__(self, index, value):
        raise TypeError("Tensors are immutable: use minigen.ops.where(mask, new, tensor), or build the array first")

    def __array__(self, dtype=None, copy=None):
        raise TypeError("a Tensor does not turn into an array by itself, its gradient would be lost: "
                        "use tensor.data for the array, or the functions of minigen.ops on the Tensor")

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(f"np.{function.__name__} does not take Tensors: use minigen.ops.{function.__name__}, or "
                        "the op of minigen.ops nearest to it; for the plain array, tensor.data")


def _on_array(function):
    return lambda self, *others: function(self.data, *map(raw, others))


# Comparisons give plain boolean arrays: data, not differentiated.
for _function in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, len, bool, float, int):
    setattr(Tensor, f"__{_function.__name__}__", _on_array(_function))


class Parameter(Tensor):
    """A leaf Tensor that belongs to a module and that an optimiser changes in place.

    Every change raises its version. A sweep through a graph that recorded an older version raises an error, since the
    graph's residuals no longer have the values of the forward pass.
    """

    __slots__ = ("frozen", "leaf")

    def __init__(self, data):
        super().__init__(data)
        if self.edge is None:
            raise TypeError(f"Parameter data: expected float32 or float64, got {self.data.dtype}")
        self.frozen, self.leaf = False, self.edge[0]

    def changed(self) -> None:
        """To be called after `data` was written to: graphs that were recorded before can no longer be swept."""
        self.leaf.version += 1
        self.freeze(self.frozen)

    def assign(self, values) -> None:
        """Copy `values` into the array. Raises ValueError when the shape differs."""
        values = raw(values)
        if shape_of(values) != self.data.shape:
            raise ValueError(f"Parameter.assign values: expected shape {self.data.shape}, got {shape_of(values)}")
        self.data[...] = values
        self.changed()

    def replace(self, data) -> None:
        """Take another array, such as one of another dtype or device; earlier graphs keep the old array."""
        self.data, self.leaf = data, Leaf(data)
        self.freeze(self.frozen)

    def freeze(self, frozen: bool = True) -> None:
        """Make the parameter a constant or, with `frozen=False`, trainable again.

        A graph that is recorded while it is frozen holds the array as data. It does not notice a later update.
        """
        self.frozen, self.edge = frozen, None if frozen else (self.leaf, 0, self.leaf.version)

    def __reduce__(self):
        return type(self), (self.data,), self.frozen

    __setstate__ = freeze


def raw(value):
    """The array of a Tensor; any other value is returned as it is."""
    return value.data if isinstance(value, Tensor) else value


def xp_of(*values):
    """The module whose functions work on these Tensors and arrays: cupy if one has a CuPy array, else numpy."""
    return array_module(*[raw(value) for value in values])


def shape_of(value):
    """The shape of an array, or of what NumPy takes as one."""
    return value.shape if hasattr(value, "shape") else np.shape(value)


def as_result(data, edge) -> Tensor:
    """A Tensor for an op's result; NumPy scalars, what NumPy makes of 0-d results, become 0-d arrays."""
    tensor = object.__new__(Tensor)  # without the checks of Tensor.__init__
    tensor.data = np.asarray(data) if isinstance(data, np.generic) else data
    tensor.edge = edge
    return tensor


def stop_gradient(x):
    """The same values as a constant: no gradient passes. Plain arrays come back as they are."""
    return as_result(x.data, None) if isinstance(x, Tensor) else x
