"""Activation functions, each stable over the whole range of its argument."""

import math

from .. import kernels
from ..arrays import array_module
from ..autograd.primitive import primitive
from ..autograd.tensor import raw
from .elementwise import exp
from .selection import where
from .special import erf


@primitive(residuals=("output",))
def tanh(x, /):
    """Hyperbolic tangent."""
    return array_module(x).tanh(x)


@tanh.defvjp
def _(g, residuals, needed):
    (y,) = residuals
    return (g - g * y * y,)  # g·(1 - y²) without the scalar, whose conversion costs NumPy more than a small product


@primitive(residuals=("output",))
def sigmoid(x, /):
    """1 / (1 + exp(-x))."""
    return kernels.sigmoid(x)


@sigmoid.defvjp
def _(g, residuals, needed):
    (y,) = residuals
    return (g * (y * (1 - y)),)


@primitive(residuals=("x",))
def log_sigmoid(x, /):
    """log(sigmoid(x)) = -log(1 + exp(-x))."""
    return -kernels.softplus(-x)


@log_sigmoid.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * sigmoid(-x),)


@primitive(residuals=("x",))
def softplus(x, /):
    """log(1 + exp(x)), by max(x, 0) + log1p(exp(-|x|)), which cannot overflow."""
    return kernels.softplus(x)


@softplus.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * sigmoid(x),)


@primitive(residuals=("output",))
def relu(x, /):
    """max(x, 0); its derivative at 0 is 0."""
    return array_module(x).maximum(x, 0)


@relu.defvjp
def _(g, residuals, needed):
    (y,) = residuals
    return (g * (y > 0),)


@primitive(residuals=("x", "slope"))
def leaky_relu(x, /, slope=0.01):
    """x where x > 0, slope·x elsewhere."""
    return array_module(x).where(x > 0, x, slope * x)


@leaky_relu.defvjp
def _(g, residuals, needed):
    x, slope = residuals
    return (where(raw(x) > 0, g, slope * g),)


@primitive(residuals=("x", "alpha"))
def elu(x, /, alpha=1.0):
    """x where x > 0, alpha·(exp(x) - 1) elsewhere (Clevert et al., 2016)."""
    xp = array_module(x)
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


@elu.defvjp
def _(g, residuals, needed):
    x, alpha = residuals
    positive = raw(x) > 0
    return (g * where(positive, 1, alpha * exp(where(positive, 0, x))),)


@primitive(residuals=("x",))
def gelu(x, /):
    """x·Φ(x), with Φ the standard normal distribution function (Hendrycks and Gimpel, 2016)."""
    return x * (0.5 + 0.5 * erf(x * math.sqrt(0.5)))


@gelu.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    distribution = 0.5 + 0.5 * erf(x * math.sqrt(0.5))
    density = exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi))
    return (g * (distribution + x * density),)


@primitive(residuals=("x",))
def silu(x, /):
    """x·sigmoid(x)."""
    return x * kernels.sigmoid(x)


@silu.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    s = sigmoid(x)
    return (g * (s + x * (s * (1 - s))),)


@primitive(residuals=("a", "b"))
def gate(a, b, /):
    """tanh(a)·sigmoid(b), the gated unit of van den Oord et al. (2016)."""
    return array_module(a).tanh(a) * kernels.sigmoid(b)


@gate.defvjp
def _(g, residuals, needed):
    a, b = residuals
    t, s = tanh(a), sigmoid(b)
    return (g * (s * (1 - t * t)) if needed[0] else None, g * (t * (s * (1 - s))) if needed[1] else None)
