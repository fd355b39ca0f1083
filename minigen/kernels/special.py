"""Special functions from scipy.special (or cupyx), which is imported when one is first called."""

import functools
import importlib

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
