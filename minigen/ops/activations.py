"""Activation functions, each stable over the whole range of its argument."""

import math

from .. import kernels
from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .elementwise import exp
from .recordable import recordable
from .selection import where
from .shape import split
from .special import erf


@primitive(residuals=("output",))
def tanh(x, /):
    """Hyperbolic tangent."""
    return kernels.tanh(x)


_tanh_vjp = recordable(kernels.tanh_vjp)


@tanh.defvjp
def _(g, residuals, needed):
    return (_tanh_vjp(g, *residuals),)


tanh.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("output",))
def sigmoid(x, /):
    """1 / (1 + exp(-x))."""
    return kernels.sigmoid(x)


_sigmoid_vjp = recordable(kernels.sigmoid_vjp)


@sigmoid.defvjp
def _(g, residuals, needed):
    return (_sigmoid_vjp(g, *residuals),)


sigmoid.example(lambda make: [make.values(make.shape(), -4.0, 4.0)])


@primitive(residuals=("x",))
def log_sigmoid(x, /):
    """log(sigmoid(x)) = -log(1 + exp(-x))."""
    return -kernels.softplus(-x)


@log_sigmoid.defvjp
def _(g, residuals, needed):
    (x,) = residuals
    return (g * sigmoid(-x),)


log_sigmoid.example(lambda make: [make.values(make.shape(), -4.0, 4.0)])


@primitive(residuals=("x",))
def softplus(x, /):
    """log(1 + exp(x)), by max(x, 0) + log1p(exp(-|x|)), which cannot overflow."""
    return kernels.softplus(x)


_softplus_vjp = recordable(kernels.softplus_vjp, lambda g, x: g * sigmoid(x))


@softplus.defvjp
def _(g, residuals, needed):
    return (_softplus_vjp(g, *residuals),)


softplus.example(lambda make: [make.values(make.shape(), -4.0, 4.0)])


@primitive(residuals=("output",))
def relu(x, /):
    """max(x, 0); its derivative at 0 is 0."""
    return kernels.relu(x)


_relu_vjp = recordable(kernels.relu_vjp, lambda g, y: g * (raw(y) > 0))


@relu.defvjp
def _(g, residuals, needed):
    return (_relu_vjp(g, *residuals),)


relu.example(lambda make: [make.apart(make.shape())])


@primitive(residuals=("x", "slope"))
def leaky_relu(x, /, slope=0.01):
    """x where x > 0, slope·x elsewhere."""
    return kernels.leaky_relu(x, slope)


def _leaky_relu_formula(g, x, slope):
    x = raw(x)
    return g * kernels.leaky_relu_vjp(array_module(x).ones_like(x), x, slope)  # its derivative is a constant


_leaky_relu_vjp = recordable(kernels.leaky_relu_vjp, _leaky_relu_formula)


@leaky_relu.defvjp
def _(g, residuals, needed):
    return (_leaky_relu_vjp(g, *residuals),)


@leaky_relu.example
def _(make):
    return Example(make.apart(make.shape()), slope=make.choice([0.01, 0.3, -0.5]))


@primitive(residuals=("x", "alpha"))
def elu(x, /, alpha=1.0):
    """x where x > 0, alpha·(exp(x) - 1) elsewhere (Clevert et al., 2016)."""
    return kernels.elu(x, alpha)


def _elu_formula(g, x, alpha):
    positive = raw(x) > 0
    return g * where(positive, 1, alpha * exp(where(positive, 0, x)))


_elu_vjp = recordable(kernels.elu_vjp, _elu_formula)


@elu.defvjp
def _(g, residuals, needed):
    return (_elu_vjp(g, *residuals),)


@elu.example
def _(make):
    return Example(make.apart(make.shape()), alpha=make.choice([1.0, 0.4, 2.0]))


@primitive(residuals=("x",))
def concat_elu(x, /):
    """elu of x and of -x, side by side on the last axis, as in PixelCNN++ (Salimans et al., 2017)."""
    return kernels.concat_elu(x)


def _concat_elu_formula(g, x):
    first, second = split(g, 2, axis=-1)
    return _elu_formula(first, x, 1.0) - _elu_formula(second, -x, 1.0)


_concat_elu_vjp = recordable(kernels.concat_elu_vjp, _concat_elu_formula)


@concat_elu.defvjp
def _(g, residuals, needed):
    return (_concat_elu_vjp(g, *residuals),)


concat_elu.example(scalars=False)(lambda make: [make.apart(make.shape(least=1))])


@primitive(residuals=("x",))
def gelu(x, /):
    """x·Φ(x), with Φ the standard normal distribution function (Hendrycks and Gimpel, 2016)."""
    return kernels.gelu(x)


def _gelu_formula(g, x):
    distribution = 0.5 + 0.5 * erf(x * math.sqrt(0.5))
    density = exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi))
    return g * (distribution + x * density)


_gelu_vjp = recordable(kernels.gelu_vjp, _gelu_formula)


@gelu.defvjp
def _(g, residuals, needed):
    return (_gelu_vjp(g, *residuals),)


gelu.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("x",))
def silu(x, /):
    """x·sigmoid(x)."""
    return kernels.silu(x)


def _silu_formula(g, x):
    s = sigmoid(x)
    return g * (s + x * (s * (1 - s)))


_silu_vjp = recordable(kernels.silu_vjp, _silu_formula)


@silu.defvjp
def _(g, residuals, needed):
    return (_silu_vjp(g, *residuals),)


silu.example(lambda make: [make.values(make.shape())])


@primitive(residuals=("a", "b"))
def gate(a, b, /):
    """tanh(a)·sigmoid(b), the gated unit of van den Oord et al. (2016)."""
    return kernels.gate(a, b)


def _gate_formula(g, a, b):
    t, s = tanh(a), sigmoid(b)
    return g * (s * (1 - t * t)), g * (t * (s * (1 - s)))


_gate_vjp = recordable(kernels.gate_vjp, _gate_formula)


@gate.defvjp
def _(g, residuals, needed):
    return _gate_vjp(g, *residuals)


gate.example(lambda make: make.arrays(2))
