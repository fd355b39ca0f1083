"""Integrals of exp(κ cos t), which the von Mises distribution is made of."""

import numpy as np

from .. import kernels
from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .elementwise import cos, sin


@primitive(residuals=("concentration", "start", "order"))
def cosine_tail(concentration, start, /, order=0):
    """∫ₛ^π exp(κ (cos t - cos s)) (cos t - 1)ⁿ dt, n the order, for κ ≥ 0 and 0 ≤ s ≤ π.

    From s = 0 it is π exp(-κ) I₀(κ) for n = 0, I₀ the modified Bessel function (Abramowitz and Stegun, 9.6.16), and
    orders above belong to its derivatives.
    """
    return kernels.cosine_tail(concentration, start, order)


@cosine_tail.defvjp
def _(g, residuals, needed):
    k, s, n = residuals
    value, height = cosine_tail(k, s, n), cos(s) - 1
    gk = g * (cosine_tail(k, s, n + 1) - height * value) if needed[0] else None
    return gk, g * (k * sin(s) * value - height**n) if needed[1] else None


@cosine_tail.example
def _(make):
    concentration, start = make.arrays(2, 0.2, 2.5)
    return Example(concentration, start, order=make.integer(0, 2))


@primitive(residuals=("concentration", "output"))
def implicit_von_mises(concentration, x, /):
    """x from -π to π, drawn from the von Mises distribution about 0, as a function of its concentration κ.

    Its derivative keeps the probability beyond x, as in Figurnov, Mohamed and Mnih (2018), equation 4.
    """
    return x


@implicit_von_mises.defvjp
def _(g, residuals, needed):
    k, x = residuals
    side = array_module(raw(x)).where(raw(x) < 0, -1, 1).astype(x.dtype)
    s, zero = side * x, 0 * raw(x)
    mean = cosine_tail(k, zero, 1) / cosine_tail(k, zero)
    return g * side * (cosine_tail(k, s, 1) - mean * cosine_tail(k, s)), None


@implicit_von_mises.example
def _(make):
    """As a function of the concentration: what is drawn is a quantile of one side."""
    k = make.values(make.shape(), 0.3, 3.0)
    return Example(k, p=make.values(k.shape, 0.1, 0.9), sign=make.choice([1.0, -1.0]), call=_example_quantile)


def _example_quantile(k, p, sign):
    """sign·x, with a fraction p of the density from 0 to π before x: by bisection, then Newton's method."""
    xp, values = array_module(raw(k)), raw(k).astype(np.float64)
    low, high = xp.zeros(k.shape), xp.full(k.shape, np.pi)
    wanted = (1 - p) * kernels.cosine_tail(values, 0 * values, 0)

    def excess_and_slope(x):
        density = xp.exp(values * (xp.cos(x) - 1))
        return density * kernels.cosine_tail(values, x, 0) - wanted, -density

    for _ in range(5):
        x = 0.5 * (low + high)
        above = excess_and_slope(x)[0] > 0
        low, high = xp.where(above, x, low), xp.where(above, high, x)
    for _ in range(5):
        excess, slope = excess_and_slope(x)
        x = x - excess / slope
    return implicit_von_mises(k, (sign * x).astype(k.dtype))
