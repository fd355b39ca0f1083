"""Special functions: the error function, and the logarithm of the gamma function with its derivatives."""

import math
import operator

from .. import kernels
from ..autograd.primitive import example, primitive
from ..kernels.machinery.examples import Example
from .elementwise import exp


@primitive(residuals=("x",))
def erf(x, /):
    """Error function, 2/√π ∫₀ˣ exp(-t²) dt."""
    return kernels.erf(x)


@erf.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * (exp(-(x * x)) * (2 / math.sqrt(math.pi))),)


erf.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("x",))
def lgamma(x, /):
    """log|Γ(x)|."""
    return kernels.lgamma(x)


@lgamma.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * polygamma(x, 0),)


lgamma.example(lambda make: [make.values(make.shape(), 0.4, 4.0)])


@primitive(residuals=("x", "order"))
def polygamma(x, /, order=0):
    """The derivative of order `order` + 1 of log Γ at x; for order ≥ 1, x > 0 (NaN elsewhere)."""
    if operator.index(order) < 0:
        raise ValueError(f"polygamma order: expected 0 or more, got {order}")
    return kernels.polygamma(x, order)


@polygamma.defvjp
def _(g, residuals, needed):
    x, order = residuals
    return (g * polygamma(x, order + 1),)


@polygamma.example
def _(make):
    return Example(make.values(make.shape(), 0.6, 4.0), order=make.integer(0, 3))


def digamma(x):
    """The derivative of log|Γ(x)|; it can be differentiated for x > 0."""
    return polygamma(x, 0)


@example(digamma)
def _(make):
    return [make.values(make.shape(), 0.4, 4.0)]
