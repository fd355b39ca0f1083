"""Choosing between values."""

import numpy as np

from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example


@primitive(residuals=("condition",))
def where(condition, x, y, /):
    """x where the boolean array `condition` is true, y elsewhere."""
    return array_module(condition, x, y).where(condition, x, y)


@where.defvjp
def _(g, residuals, needed):
    (condition,) = residuals
    return (None, where(condition, g, 0) if needed[1] else None, where(condition, 0, g) if needed[2] else None)


@where.example
def _(make):
    condition, *shapes = make.broadcastable(3)
    return [make.booleans(condition), *[make.values(shape) for shape in shapes]]


@where.example
def _(make):
    """One of the two is a Python number."""
    values = [make.values(make.shape()), 1.5]
    return [make.booleans(values[0].shape), *(values if make.boolean() else values[::-1])]


def _share(x, y, needed, g, first):
    """Cotangents of a choice between x and y, where `first(x, y)` says that x was chosen; at a tie each gets half."""
    x, y = raw(x), raw(y)
    chosen, tie = first(x, y), x == y
    if array_module(x, y) is np and not tie.any():  # not asked on a GPU: the host would wait for the answer
        return (where(chosen, g, 0) if needed[0] else None, where(chosen, 0, g) if needed[1] else None)
    half = 0.5 * g
    return (where(tie, half, where(chosen, g, 0)) if needed[0] else None,
            where(tie, half, where(chosen, 0, g)) if needed[1] else None)


def _without_ties(make):
    """Both have values near multiples of 0.4, which the second has moved by half of that."""
    first, second = make.broadcastable()
    x, y = (0.4 * make.integers(-4, 5, shape) + make.values(shape, -0.04, 0.04) for shape in (first, second))
    return [np.asarray(x), np.asarray(y + 0.2)]


def _with_number(make):
    operands = [make.choice([2, 3.5, 0.25]), make.values(make.shape(), 0.6, 1.8)]
    return operands if make.boolean() else operands[::-1]


@primitive(residuals=("x", "y"))
def maximum(x, y, /):
    """The larger of x and y; equal values share the gradient."""
    return array_module(x, y).maximum(x, y)


@maximum.defvjp
def _(g, residuals, needed):
    return _share(*residuals, needed, g, lambda x, y: x > y)


maximum.example(_without_ties)
maximum.example(_with_number)


@primitive(residuals=("x", "y"))
def minimum(x, y, /):
    """The smaller of x and y; equal values share the gradient."""
    return array_module(x, y).minimum(x, y)


@minimum.defvjp
def _(g, residuals, needed):
    return _share(*residuals, needed, g, lambda x, y: x < y)


minimum.example(_without_ties)
minimum.example(_with_number)


@primitive(residuals=("x", "low", "high"))
def clip(x, /, low=None, high=None):
    """x limited to [low, high]; the gradient passes where low ≤ x ≤ high. A limit may be None, but not both."""
    if low is None and high is None:
        raise ValueError("clip: expected at least one of low and high, got neither")
    return array_module(x).clip(x, low, high)


@clip.defvjp
def _(g, residuals, needed):
    x, low, high = residuals
    x = raw(x)
    inside = (x <= high) if low is None else (x >= low) if high is None else (x >= low) & (x <= high)
    return (g * inside,)


@clip.example
def _(make):
    """No value is within 0.05 of a limit."""
    low, high = make.choice([(-0.5, 0.75), (None, 0.25), (-0.25, None), (-3, 3)])
    x = make.distinct(make.shape(), 0.5)
    for limit in (low, high):
        if limit is not None:
            x = np.where(np.abs(x - limit) < 0.05, limit + 0.07, x)
    return Example(np.asarray(x), low=low, high=high)
