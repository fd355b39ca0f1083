"""Taking elements by index, and the adjoint of that."""

from .. import kernels
from ..arrays import array_module
from ..autograd.primitive import primitive
from ..autograd.tensor import raw
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
    return getitem(x, (slice(None),) * normalize_axis(axis, x.ndim) + (indices,))


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
