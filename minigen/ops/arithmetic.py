"""The operators: sums, products, quotients and powers, with NumPy's broadcasting."""

import numpy as np

from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .elementwise import log
from .selection import where


def _with_number(make):
    """One operand is a Python number."""
    operands = [make.choice([2, 3.5, 0.25]), make.values(make.shape(), 0.6, 1.8)]
    return operands if make.boolean() else operands[::-1]


@primitive()
def add(x, y, /):
    """Elementwise sum x + y."""
    return x + y


@add.defvjp
def _(g, residuals, needed):
    return g, g


add.example(lambda make: make.arrays(2))
add.example(_with_number)


@primitive()
def subtract(x, y, /):
    """Elementwise difference x - y."""
    return x - y


@subtract.defvjp
def _(g, residuals, needed):
    return g, -g if needed[1] else None


subtract.example(lambda make: make.arrays(2))
subtract.example(_with_number)


@primitive(residuals=("x", "y"))
def multiply(x, y, /):
    """Elementwise product x·y."""
    return x * y


@multiply.defvjp
def _(g, residuals, needed):
    x, y = residuals
    return g * y if needed[0] else None, g * x if needed[1] else None


multiply.example(lambda make: make.arrays(2))
multiply.example(_with_number)


@primitive(residuals=("y", "output"))
def divide(x, y, /):
    """Elementwise quotient x / y."""
    return x / y


@divide.defvjp
def _(g, residuals, needed):
    y, quotient = residuals
    gx = g / y
    return gx, -gx * quotient if needed[1] else None


@divide.example
def _(make):
    first, second = make.broadcastable()
    return [make.values(first), make.apart(second)]


divide.example(_with_number)


@primitive()
def negative(x, /):
    """Elementwise -x."""
    return -x


@negative.defvjp
def _(g, residuals, needed):
    return (-g,)


negative.example(lambda make: [make.values(make.shape())])


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


@power.example
def _(make):
    first, second = make.broadcastable()
    return [make.values(first, 0.4, 2.0), make.values(second)]


@power.example
def _(make):
    """Negative bases, to powers for which they have one; an exponent in float32 leaves the dtype to x."""
    exponent = make.choice([0, 1, 2, 3, -1, -2])
    return Example(make.apart(make.shape()), np.full((), exponent, np.float32) if make.boolean() else exponent,
                   constants=(1,))


@power.example
def _(make):
    """x to the power 0 is 1, but how fast it changes with the exponent depends on x."""
    x = make.values(make.shape(), 0.4, 2.0)
    return [x, np.zeros(x.shape)]


power.example(_with_number)
