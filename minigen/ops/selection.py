"""Choosing between values."""

import numpy as np

from ..arrays import array_module
from ..autograd.primitive import primitive
from ..autograd.tensor import raw


@primitive(residuals=("condition",))
def where(condition, x, y, /):
    """x where the boolean array `condition` is true, y elsewhere."""
    return array_module(condition, x, y).where(condition, x, y)


@where.defvjp
def _(g, residuals, needed):
    (condition,) = residuals
    return (None, where(condition, g, 0) if needed[1] else None, where(condition, 0, g) if needed[2] else None)


def _share(x, y, needed, g, first):
    """Cotangents of a choice between x and y, `first` where x was chosen; at a tie each gets half."""
    x, y = raw(x), raw(y)
    chosen, tie = first(x, y), x == y
    if array_module(x, y) is np and not tie.any():  # on a GPU this would wait for it
        return (where(chosen, g, 0) if needed[0] else None, where(chosen, 0, g) if needed[1] else None)
    half = 0.5 * g
    return (where(tie, half, where(chosen, g, 0)) if needed[0] else None,
            where(tie, half, where(chosen, 0, g)) if needed[1] else None)


@primitive(residuals=("x", "y"))
def maximum(x, y, /):
    """The larger of x and y; equal values share the gradient."""
    return array_module(x, y).maximum(x, y)


@maximum.defvjp
def _(g, residuals, needed):
    return _share(*residuals, needed, g, lambda x, y: x > y)


@primitive(residuals=("x", "y"))
def minimum(x, y, /):
    """The smaller of x and y; equal values share the gradient."""
    return array_module(x, y).minimum(x, y)


@minimum.defvjp
def _(g, residuals, needed):
    return _share(*residuals, needed, g, lambda x, y: x < y)


@primitive(residuals=("x", "low", "high"))
def clip(x, /, low=None, high=None):
    """x limited to [low, high]; the gradient passes where low ≤ x ≤ high. A limit of None is none."""
    if low is None and high is None:
        raise ValueError("clip: expected at least one of low and high, got neither")
    return array_module(x).clip(x, low, high)


@clip.defvjp
def _(g, residuals, needed):
    x, low, high = residuals
    x = raw(x)
    inside = (x <= high) if low is None else (x >= low) if high is None else (x >= low) & (x <= high)
    return (g * inside,)
