"""The operators: sums, products, quotients and powers, with NumPy's broadcasting."""

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import raw
from .elementwise import log
from .selection import where


@primitive()
def add(x, y, /):
    """Elementwise sum x + y."""
    return x + y


@add.defvjp
def _(g, residuals, needed):
    return g, g


@primitive()
def subtract(x, y, /):
    """Elementwise difference x - y."""
    return x - y


@subtract.defvjp
def _(g, residuals, needed):
    return g, -g if needed[1] else None


@primitive(residuals=("x", "y"))
def multiply(x, y, /):
    """Elementwise product x·y."""
    return x * y


@multiply.defvjp
def _(g, residuals, needed):
    x, y = residuals
    return g * y if needed[0] else None, g * x if needed[1] else None


@primitive(residuals=("y", "output"))
def divide(x, y, /):
    """Elementwise quotient x / y."""
    return x / y


@divide.defvjp
def _(g, residuals, needed):
    y, quotient = residuals
    gx = g / y
    return gx, -gx * quotient if needed[1] else None


@primitive()
def negative(x, /):
    """Elementwise -x."""
    return -x


@negative.defvjp
def _(g, residuals, needed):
    return (-g,)


@primitive(residuals=("x", "y", "output"))
def power(x, y, /):
    """Elementwise x to the power y.

    As in PyTorch the derivative by x is 0 where y = 0, even at x = 0, and that by y is 0 where x = 0 ≤ y.
    """
    return x**y


@power.defvjp
def _(g, residuals, needed):
    x, y, output = (np.asarray(r) if isinstance(r, list | tuple) else r for r in residuals)
    gx = gy = None
    if needed[0]:
        if isinstance(y, int | float):  # a Python number stays one: no array of exponents, no change of dtype
            gx = g * (y * x ** (y - 1)) if y != 0 else g * 0
        else:
            flat = (raw(x) == 0) & (raw(y) == 0)
            gx = g * y * x ** where(flat, 1, y - 1)
    if needed[1]:
        flat = (raw(x) == 0) & (raw(y) >= 0)
        gy = g * output * log(where(flat, 1, x))
    return gx, gy
