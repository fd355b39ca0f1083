"""Rearranging elements without changing them, and joining and cutting arrays."""

from ..arrays import array_module
from ..autograd.primitive import primitive
from ..autograd.tensor import raw


@primitive(residuals=("x.shape",))
def reshape(x, /, shape):
    """The same elements, in the same order, in another shape."""
    return x.reshape(shape)


@reshape.defvjp
def _(g, residuals, needed):
    (shape,) = residuals
    return (reshape(g, shape),)


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


@primitive()
def broadcast_to(x, /, shape):
    """x repeated along new axes and axes of extent 1, as a view."""
    return x if x.shape == tuple(shape) else array_module(x).broadcast_to(x, shape)


@broadcast_to.defvjp
def _(g, residuals, needed):
    return (g,)  # the sweep sums over the axes that were broadcast


@primitive(residuals=("axis",))
def flip(x, /, axis=None):
    """The elements in reverse order along `axis` (None: every axis)."""
    return array_module(x).flip(x, axis)


@flip.defvjp
def _(g, residuals, needed):
    (axis,) = residuals
    return (flip(g, axis),)


@primitive(residuals=("x.shape", "widths"))
def pad(x, /, widths, value=0):
    """`value` added around x: `widths` has (before, after) for each axis."""
    return array_module(x).pad(x, widths, constant_values=value)


@pad.defvjp
def _(g, residuals, needed):
    shape, widths = residuals
    return (g[tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))],)


@primitive(residuals=("shapes", "axis"), name="concatenate")
def _concatenate(*arrays, axis=0):
    return array_module(*arrays).concatenate(arrays, axis=axis)


@_concatenate.defvjp
def _(g, residuals, needed):
    shapes, axis = residuals
    parts, start = [], 0
    before = (slice(None),) * (axis % g.ndim)
    for shape, wanted in zip(shapes, needed, strict=True):
        end = start + shape[axis]
        parts.append(g[before + (slice(start, end),)] if wanted else None)
        start = end
    return parts


def concatenate(arrays, axis=0):
    """The arrays one after another along an axis that they have."""
    return _concatenate(*arrays, axis=axis)


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


@primitive(residuals=("x.shape", "sections", "axis"), several=True)
def split(x, /, sections, axis=0):
    """A tuple of parts of x along `axis`: so many equal parts, or cut before each index of a list."""
    return tuple(array_module(x).split(x, sections, axis=axis))


@split.defvjp
def _(g, residuals, needed):
    shape, sections, axis = residuals
    axis %= len(shape)
    extent = shape[axis]
    cuts = [extent // sections * i for i in range(1, sections)] if isinstance(sections, int) else list(sections)
    used = next(part for part in g if part is not None)
    parts = []
    for part, start, end in zip(g, [0, *cuts], [*cuts, extent], strict=True):
        if part is None:
            missing = shape[:axis] + (len(range(extent)[start:end]),) + shape[axis + 1 :]
            part = array_module(raw(used)).zeros(missing, used.dtype)
        parts.append(part)
    return (concatenate(parts, axis),)
