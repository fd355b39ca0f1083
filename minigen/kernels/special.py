"""Special functions from scipy.special (or cupyx), which is imported when one is first called."""

import functools
import importlib

import numpy as np

from ..arrays import array_module


@functools.cache
def _library(xp):
    return importlib.import_module("scipy.special" if xp.__name__ == "numpy" else "cupyx.scipy.special")


def erf(x):
    """Error function, 2/√π ∫₀ˣ exp(-t²) dt."""
    return _library(array_module(x)).erf(x)


def lgamma(x):
    """log|Γ(x)|."""
    return _library(array_module(x)).gammaln(x)


def polygamma(x, order):
    """The derivative of order `order` + 1 of log Γ; NaN for x ≤ 0 when `order` ≥ 1."""
    xp = array_module(x)
    library = _library(xp)
    if order == 0:
        return library.digamma(x)
    # ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x), the Hurwitz zeta function (Abramowitz and Stegun, 6.4.10)
    factorial = 1
    for i in range(2, order + 1):
        factorial *= i
    value = library.zeta(order + 1.0, x) * (factorial if order % 2 else -factorial)
    return xp.where(x > 0, value, float("nan")).astype(x.dtype, copy=False)


def expand(*arrays):
    """The arrays in float64, broadcast to one shape."""
    xp = array_module(*arrays)
    return xp.broadcast_arrays(*(xp.asarray(array, dtype="float64") for array in arrays))


def ndtr(x):
    """Standard normal distribution function."""
    return _library(array_module(x)).ndtr(x)


def ndtri(p):
    """The inverse of `ndtr`: -inf at 0, inf at 1, NaN outside."""
    return _library(array_module(p)).ndtri(p)


def gammainc(a, x):
    """Distribution function of Gamma(a, 1) at x ≥ 0."""
    return _library(array_module(a, x)).gammainc(a, x)


def gammaincinv(a, p):
    """Its inverse; NaN for p outside [0, 1]."""
    return _library(array_module(a, p)).gammaincinv(a, p)


def betainc(a, b, x):
    """Distribution function of Beta(a, b) at x between 0 and 1."""
    return _library(array_module(a, b, x)).betainc(a, b, x)


def betaincinv(a, b, p):
    """Its inverse; NaN for p outside [0, 1]."""
    return _library(array_module(a, b, p)).betaincinv(a, b, p)


def lbeta(a, b):
    """log B(a, b) = log Γ(a) + log Γ(b) - log Γ(a + b), without subtracting large logarithms from each other.

    For the larger argument y and the smaller z, log Γ(y + z) - log Γ(y) is the difference of Stirling's series
    (y - ½) log y - y + ½ log 2π + 1/12y - … (Abramowitz and Stegun, 6.1.41), the terms that nearly cancel put together.
    """
    dtype, (a, b) = np.result_type(a.dtype, b.dtype), expand(a, b)
    xp = array_module(a)
    y, z = xp.maximum(a, b), xp.minimum(a, b)
    total = y + z
    with np.errstate(all="ignore"):
        growth = (y - 0.5) * xp.log1p(z / y) + z * xp.log(total) - z + _stirling(total) - _stirling(y)
        return (lgamma(z) - xp.where(y < 10, lgamma(total) - lgamma(y), growth)).astype(dtype)


def _stirling(x):
    """The terms that Stirling's series adds to (x - ½) log x - x + ½ log 2π, for x of at least 10."""
    r = 1 / (x * x)
    return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - r * 691 / 360360))))) / x
