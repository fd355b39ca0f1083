"""Taking elements by index, and the adjoint of that."""

from .. import kernels
from ..arrays import array_module
from ..autograd.primitive import primitive
from ..autograd.tensor import raw
from .shape import reshape


@primitive(residuals=("x.shape", "index"), name="getitem")
def _getitem(x, /, index):
    return x[index]


@_getitem.defvjp
def _(g, residuals, needed):
    shape, index = residuals
    return (scatter(g, index, shape),)


def getitem(x, index):
    """x[index], with NumPy's basic and advanced indexing; integer and boolean Tensors count as arrays."""
    index = tuple(raw(part) for part in index) if isinstance(index, tuple) else raw(index)
    return _getitem(x, index)


@primitive(residuals=("index",))
def scatter(values, /, index, shape):
    """Zeros of `shape` with `values` added at `index`: the adjoint of `getitem`. Repeated indices add up."""
    return kernels.scatter(values, index, shape)


@scatter.defvjp
def _(g, residuals, needed):
    (index,) = residuals
    return (_getitem(g, index),)


def take(x, indices, axis=None):
    """The slices of x at integer `indices` along `axis` (None: elements of x read as one row)."""
    if axis is None:
        return getitem(reshape(x, (-1,)), indices)
    return getitem(x, (slice(None),) * (axis % x.ndim) + (indices,))


def take_along_axis(x, indices, axis):
    """One element of x for each index along `axis`; `indices` has x's number of axes and broadcasts with it."""
    indices = raw(indices)
    xp = array_module(indices)
    axis %= x.ndim
    if indices.ndim != x.ndim:
        raise ValueError(f"take_along_axis indices: expected {x.ndim} axes like x, got {indices.ndim}")
    shape = tuple(max(n, m) if a != axis else 1 for a, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)))
    grid = []
    for a, n in enumerate(x.shape):
        extent = [1] * x.ndim
        extent[a] = shape[a]
        positions = xp.arange(shape[a]) if n > 1 or shape[a] == 1 else xp.zeros(shape[a], int)
        grid.append(indices if a == axis else positions.reshape(extent))
    return getitem(x, tuple(grid))
