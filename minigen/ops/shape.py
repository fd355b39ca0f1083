"""Rearranging elements without changing them, and joining and cutting arrays."""

import math
import operator

import numpy as np

from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import example, primitive
from ..kernels.machinery.examples import Example


def normalize_axis(axis, ndim):
    """The axis counted from 0. Raises AxisError, a ValueError and IndexError, if there is no such axis."""
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


@primitive(residuals=("x.shape",))
def reshape(x, /, shape):
    """The same elements, in the same order, in another shape."""
    return x.reshape(shape)


@reshape.defvjp
def _(g, residuals, needed):
    (shape,) = residuals
    return (reshape(g, shape),)


@reshape.example
def _(make):
    shape = make.shape()
    size = math.prod(shape)
    return Example(make.values(shape), shape=make.choice([(size,), (1, size), shape[::-1], (-1,) if size else (0, 3)]))


@primitive(residuals=("axes",))
def transpose(x, /, axes=None):
    """The axes in another order; reversed when `axes` is None."""
    return x.transpose(axes)


@transpose.defvjp
def _(g, residuals, needed):
    (axes,) = residuals
    if axes is None:
        return (transpose(g),)
    ndim = len(axes)
    inverse = [0] * ndim
    for position, axis in enumerate(axes):
        inverse[axis % ndim] = position
    return (transpose(g, tuple(inverse)),)


@transpose.example
def _(make):
    x = make.values(make.shape())
    axes = None if make.boolean() else tuple(int(a) for a in make.random().permutation(x.ndim))
    return Example(x, axes=tuple(a - x.ndim for a in axes) if axes and make.boolean() else axes)


@primitive()
def broadcast_to(x, /, shape):
    """x repeated along new axes and axes of extent 1, as a view."""
    return x if x.shape == shape else array_module(x).broadcast_to(x, shape)


@broadcast_to.defvjp
def _(g, residuals, needed):
    return (g,)  # the sweep sums over the axes that were broadcast


@broadcast_to.example
def _(make):
    shape, other = make.broadcastable()
    return Example(make.values(shape), shape=np.broadcast_shapes(shape, other))


@primitive(residuals=("axis",))
def flip(x, /, axis=None):
    """The elements in reverse order along `axis` (None: every axis)."""
    return array_module(x).flip(x, axis)


@flip.defvjp
def _(g, residuals, needed):
    (axis,) = residuals
    return (flip(g, axis),)


@flip.example
def _(make):
    x = make.values(make.shape())
    return Example(x, axis=make.axes(x.ndim))


@primitive(residuals=("x.shape", "widths"))
def pad(x, /, widths, value=0):
    """`value` added around x: `widths` has (before, after) for each axis, or is one pair or one number for all."""
    return array_module(x).pad(x, widths, constant_values=value)


@pad.defvjp
def _(g, residuals, needed):
    shape, widths = residuals
    pairs = np.broadcast_to(widths, (len(shape), 2)).tolist()
    return (g[tuple(slice(before, before + n) for n, (before, _) in zip(shape, pairs, strict=True))],)


@pad.example(scalars=False)
def _(make):
    shape = make.shape(1, 3)
    widths = tuple((make.integer(0, 2), make.integer(0, 2)) for _ in shape)
    return Example(make.values(shape), widths=make.choice([widths, widths, make.integer(0, 2), widths[0]]),
                   value=make.choice([0, -1.5]))


@primitive(residuals=("shapes", "axis"), name="concatenate")
def _concatenate(*arrays, axis=0):
    return array_module(*arrays).concatenate(arrays, axis=axis)


@_concatenate.defvjp
def _(g, residuals, needed):
    shapes, axis = residuals
    cotangents, start = [], 0
    before = (slice(None),) * (axis % g.ndim)
    for shape, wanted in zip(shapes, needed, strict=True):
        end = start + shape[axis]
        cotangents.append(g[before + (slice(start, end),)] if wanted else None)
        start = end
    return cotangents


def concatenate(arrays, axis=0):
    """The arrays one after another along an existing axis; with axis None every array is flattened first."""
    if axis is None:
        return _concatenate(*[reshape(array, (-1,)) for array in arrays])
    return _concatenate(*arrays, axis=axis)


@example(concatenate)
def _(make):
    shape = make.shape(1, 3)
    axis = make.axis(len(shape))
    extents = [make.extent() for _ in range(make.integer(1, 3))]
    before, after = shape[:axis % len(shape)], shape[axis % len(shape) + 1:]
    return Example([make.values((*before, extent, *after)) for extent in extents], axis=axis)


@example(concatenate)
def _(make):
    return Example([make.values(make.shape()) for _ in range(2)], axis=None)


@primitive(residuals=("axis",), name="stack")
def _stack(*arrays, axis=0):
    return array_module(*arrays).stack(arrays, axis=axis)


@_stack.defvjp
def _(g, residuals, needed):
    (axis,) = residuals
    before = (slice(None),) * (axis % g.ndim)
    return [g[before + (i,)] if wanted else None for i, wanted in enumerate(needed)]


def stack(arrays, axis=0):
    """Arrays of one shape side by side along a new axis."""
    return _stack(*arrays, axis=axis)


@example(stack)
def _(make):
    shape = make.shape()
    return Example([make.values(shape) for _ in range(make.integer(1, 3))], axis=make.axis(len(shape) + 1))


@primitive(residuals=("x.shape", "cuts", "axis"), several=True, name="split")
def _split(x, /, cuts, axis):
    before = (slice(None),) * axis
    return tuple(x[(*before, slice(start, end))] for start, end in zip((0, *cuts), (*cuts, x.shape[axis]), strict=True))


@_split.defvjp
def _(g, residuals, needed):
    shape, cuts, axis = residuals
    used = next(cotangent for cotangent in g if cotangent is not None)
    pieces = []
    for piece, start, end in zip(g, (0, *cuts), (*cuts, shape[axis]), strict=True):
        if piece is None:
            missing = shape[:axis] + (end - start,) + shape[axis + 1 :]
            piece = array_module(raw(used)).zeros(missing, used.dtype)
        pieces.append(piece)
    return (concatenate(pieces, axis),)


def split(x, sections, axis=0):
    """A tuple of pieces of x along `axis`: `sections` equal ones, or cut before the indices of an ascending list.

    Raises ValueError if `sections` does not divide the extent, or if the indices do not ascend.
    """
    axis = normalize_axis(axis, x.ndim)
    extent = x.shape[axis]
    if np.ndim(sections) == 0:
        count = operator.index(sections)
        if count < 1 or extent % count:
            raise ValueError(f"split sections: expected a divisor of the extent {extent} of axis {axis}, got {count}")
        cuts = tuple(extent // count * i for i in range(1, count))
    else:
        cuts = tuple(slice(operator.index(cut)).indices(extent)[1] for cut in sections)
        if list(cuts) != sorted(cuts):
            raise ValueError(f"split sections: expected indices in ascending order, got {list(sections)}")
    return _split(x, cuts, axis)


@example(split)(scalars=False)
def _(make):
    before, after = make.shape(0, 1), make.shape(0, 1)
    sections = make.choice([1, 2, 3, [1], [1, 3], [0, 2, 2], [-1], (2, 9)])
    shape = (*before, sections * make.integer(0, 2) if isinstance(sections, int) else 4, *after)
    return Example(make.values(shape), sections=sections, axis=len(before) - (len(shape) if make.boolean() else 0))
