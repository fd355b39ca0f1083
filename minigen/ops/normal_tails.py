"""The normal distribution function, its inverse, and integrals over pieces of the normal density."""

import math

import numpy as np

from .. import kernels
from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .elementwise import exp
from .selection import where


@primitive(residuals=("x",))
def ndtr(x, /):
    """Standard normal distribution function, ∫₋∞ˣ exp(-½ t²) dt / √(2π)."""
    return kernels.ndtr(x)


@ndtr.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * (exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi))),)


ndtr.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("output",))
def ndtri(p, /):
    """The inverse of `ndtr`: -inf at 0, inf at 1, NaN outside."""
    return kernels.ndtri(p)


@ndtri.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * (exp(0.5 * (x * x)) * math.sqrt(2 * math.pi)),)


ndtri.example(lambda make: [make.values(make.shape(), 0.1, 0.9)])


@primitive(residuals=("c", "w", "order"))
def normal_piece(c, w, /, order=0):
    """∫₀ʷ exp(-c t - ½ t²) tⁿ dt, n the order, for c of the sign of w or 0.

    For n = 0 it is the integral of exp(-½ x²) from c to c + w, over the integrand at c, the end that is nearer to 0.
    For n > 0 it is a moment about that end. All orders keep their relative accuracy far out and for narrow intervals.
    """
    return kernels.normal_piece(c, w, order)


@normal_piece.defvjp
def _(g, residuals, needed):
    c, w, n = residuals
    gc = -g * normal_piece(c, w, n + 1) if needed[0] else None
    return gc, g * _relative(c, w) * w**n if needed[1] else None


@normal_piece.example
def _(make):
    sign = make.choice([1, -1])
    c, w = (sign * values for values in make.arrays(2, 0.1, 2.0))
    return Example(c, w, order=make.integer(0, 2))


@primitive(residuals=("c", "left", "right", "p", "output"))
def truncated_normal_quantile(c, left, right, p, /):
    """Where a fraction p of ∫ exp(-c t - ½ t²) dt over [-left, right] lies below, for left, right ≥ 0.

    Unless c is 0 the interval is on one side of t = 0: for c > 0 left is 0, for c < 0 right.
    """
    return kernels.truncated_normal_quantile(c, left, right, p)


@truncated_normal_quantile.defvjp
def _(g, residuals, needed):
    c, left, right, p, w = residuals
    here = g / _relative(c, w)
    gc = gl = gr = gp = None
    mass = normal_piece(c, right) - normal_piece(c, -left)
    if needed[0]:
        # By the integral from w outwards, which does not cancel as that between the interval's ends and w would.
        mean = (normal_piece(c, right, 1) - normal_piece(c, -left, 1)) / mass
        z = c + w
        outwards = where(raw(z) > 0, right - w, -(w + left))
        gc = -g * (normal_piece(z, outwards) * (w - mean) + normal_piece(z, outwards, 1))
    if needed[1]:
        gl = -here * (1 - p) * _relative(c, -left)
    if needed[2]:
        gr = here * p * _relative(c, right)
    if needed[3]:
        gp = here * mass
    return gc, gl, gr, gp


@truncated_normal_quantile.example
def _(make):
    """On one side of the mode, by the sign of c, or on both. The side without an interval is not differentiated by.

    What is 0 has float32, so that it leaves the dtype to the others.
    """
    c, left, right, p = make.arrays(4, 0.1, 0.9)
    zero, sign = np.zeros(np.broadcast_shapes(c.shape, left.shape, right.shape), np.float32), make.integer(-1, 1)
    if sign == 0:
        return Example(zero, left, right, p, constants=(0,))
    return Example(c, zero, right, p, constants=(1,)) if sign > 0 else Example(-c, left, zero, p, constants=(2,))


def _relative(c, w):
    """exp(-c w - ½ w²), the density at c + w relative to that at c; 0 for an infinite w."""
    infinite = array_module(raw(w)).isinf(raw(w))
    w = where(infinite, 0, w)
    return where(infinite, 0, exp(-w * (c + 0.5 * w)))
