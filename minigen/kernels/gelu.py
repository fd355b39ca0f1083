"""Activations x·p(x) with p between 0 and 1: gelu and silu, with their vector-Jacobian products."""

import math

from ..arrays import array_module
from .activations import sigmoid
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import erf as error_function
from .machinery.functions import exp
from .machinery.functions import sigmoid as logistic
from .machinery.wrapping import elementwise
from .special import erf

ROOT_HALF, ROOT_TWO_PI = math.sqrt(0.5), math.sqrt(2 * math.pi)


@kernel
def gelu(x):
    """x·Φ(x), with Φ the standard normal distribution function."""
    return x * (0.5 + 0.5 * erf(x * ROOT_HALF))


gelu.example(lambda make: make.alike(1))


@kernel
def gelu_vjp(g, x):
    """g·(Φ(x) + x·φ(x)), with φ the standard normal density."""
    density = array_module(x).exp(-0.5 * (x * x)) * (1 / ROOT_TWO_PI)
    return g * (0.5 + 0.5 * erf(x * ROOT_HALF) + x * density)


gelu_vjp.example(lambda make: make.alike(2))


@kernel
def silu(x):
    """x·sigmoid(x)."""
    return x * sigmoid(x)


silu.example(lambda make: make.alike(1))


@kernel
def silu_vjp(g, x):
    """g·(s + x·s·(1 - s)), s = sigmoid(x)."""
    s = sigmoid(x)
    return g * (s + x * (s * (1 - s)))


silu_vjp.example(lambda make: make.alike(2))


@loop
def _gelu(start, stop, x, half, root, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = x[i] * (half + half * error_function(x[i] * root))


@loop
def _gelu_vjp(start, stop, g, x, half, root, peak, out):
    g, x, out = g[start:stop], x[start:stop], out[start:stop]
    for i in range(g.size):
        density = exp(-half * (x[i] * x[i])) * peak
        out[i] = g[i] * (half + half * error_function(x[i] * root) + x[i] * density)


@loop
def _silu(start, stop, x, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = x[i] * logistic(x[i])


@loop
def _silu_vjp(start, stop, g, x, one, out):
    g, x, out = g[start:stop], x[start:stop], out[start:stop]
    for i in range(g.size):
        s = logistic(x[i])
        out[i] = g[i] * (s + x[i] * (s * (one - s)))


gelu.compiled()(lambda x: elementwise(_gelu, (x,), (0.5, ROOT_HALF)))
gelu_vjp.compiled()(lambda g, x: elementwise(_gelu_vjp, (g, x), (0.5, ROOT_HALF, 1 / ROOT_TWO_PI)))
silu.compiled()(lambda x: elementwise(_silu, (x,)))
silu_vjp.compiled()(lambda g, x: elementwise(_silu_vjp, (g, x), (1,)))

gelu.on_device(lambda x: cuda.elementwise("gelu", "gelu", x))
gelu_vjp.on_device(lambda g, x: cuda.elementwise("gelu", "gelu_vjp", g, x))
silu.on_device(lambda x: cuda.elementwise("gelu", "silu", x))
silu_vjp.on_device(lambda g, x: cuda.elementwise("gelu", "silu_vjp", g, x))
