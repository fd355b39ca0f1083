"""Taking elements by index, and the adjoint of that."""

import math

import numpy as np

from .. import kernels
from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import example, primitive
from ..kernels.machinery.examples import Example
from .shape import normalize_axis, reshape


@primitive(residuals=("x.shape", "index"), name="getitem")
def _getitem(x, /, index):
    return x[index]


@_getitem.defvjp
def _(g, residuals, needed):
    shape, index = residuals
    return (scatter(g, index, shape),)


def getitem(x, index):
    """x[index], with NumPy's basic and advanced indexing; integer and boolean Tensors count as arrays."""
    index = tuple(raw(i) for i in index) if isinstance(index, tuple) else raw(index)
    return _getitem(x, index)


@example(getitem)(scalars=False, single=False, empty=False)
def _(make):
    return Example(make.values((3, 4, 2)), index=make.choice(_example_indices()))


def _example_indices():
    """Indices of an array of shape (3, 4, 2)."""
    return [
        0, -1, slice(1, None), slice(None, None, -2), (slice(None), 1), (Ellipsis, None, 0), None, (),
        [0, 2, 2], np.array([[1, 1], [0, -1]]), (slice(1, 3), [0, 0, 3]), ([0, 1, 1], [2, 2, 3]),
        (np.array(1), slice(2)), np.array([True, False, True]), np.arange(12).reshape(3, 4) % 5 == 1,
        ([], slice(None)), (np.int64(2), None), (True, 1), (slice(3, 1), slice(None)), ([[0], [2]], [1, 1]),
        (-1, 2, 0),
    ]


@primitive(residuals=("index",))
def scatter(values, /, index, shape):
    """Zeros of `shape` with `values` added at `index`: the adjoint of `getitem`. Repeated indices add up."""
    return kernels.scatter(values, index, shape)


@scatter.defvjp
def _(g, residuals, needed):
    (index,) = residuals
    return (_getitem(g, index),)


@scatter.example
def _(make):
    index, shape = make.choice(_example_indices()), (3, 4, 2)
    return Example(make.values(np.zeros(shape)[index].shape), index=index, shape=shape)


def take(x, indices, axis=None):
    """The slices of x at integer `indices` along `axis` (None: elements of x read as one row)."""
    if axis is None:
        return getitem(reshape(x, (-1,)), indices)
    return getitem(x, (slice(None),) * normalize_axis(axis, x.ndim) + (indices,))


@example(take)(scalars=False, empty=False)
def _(make):
    shape = make.shape(1, 3, smallest=1)
    axis = None if make.boolean() else make.axis(len(shape))
    extent = math.prod(shape) if axis is None else shape[axis]
    return Example(make.values(shape), indices=np.asarray(make.integers(-extent, extent, make.shape(0, 2))), axis=axis)


def take_along_axis(x, indices, axis):
    """One element of x for each index along `axis`; `indices` has x's number of axes and broadcasts with it."""
    indices = raw(indices)
    xp = array_module(indices)
    axis = normalize_axis(axis, x.ndim)
    if indices.ndim != x.ndim:
        raise ValueError(f"take_along_axis indices: expected {x.ndim} axes like x, got {indices.ndim}")
    grid = []
    for a, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)):
        if a != axis and n != m and 1 not in (n, m):
            raise ValueError(f"take_along_axis indices: shape {indices.shape} does not broadcast with x's {x.shape} on "
                             f"axis {a}")
        positions = xp.zeros(m, int) if n == 1 else xp.arange(n)
        grid.append(indices if a == axis else positions.reshape([-1 if b == a else 1 for b in range(x.ndim)]))
    return getitem(x, tuple(grid))


@example(take_along_axis)(scalars=False)
def _(make):
    shape = make.shape(1, 3)
    axis = make.axis(len(shape))
    counts = [1 if make.integer(0, 3) == 0 else n for n in shape]
    counts[axis] = make.integer(0, 3) if shape[axis] else 0
    indices = make.integers(-shape[axis], max(shape[axis], 1), counts)
    return Example(make.values(shape), indices=indices, axis=axis)
