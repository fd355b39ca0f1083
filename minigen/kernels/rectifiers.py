"""Activations that are the identity above 0: relu, leaky relu and elu, with their vector-Jacobian products."""

import numpy as np

from ..arrays import array_module
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import exp, expm1
from .machinery.wrapping import by_rows, covered, elementwise, rows


@kernel
def relu(x):
    """max(x, 0)."""
    return array_module(x).maximum(x, 0)


relu.example(lambda make: make.alike(1))


@kernel
def relu_vjp(g, y):
    """g where the output y is above 0."""
    return g * (y > 0)


relu_vjp.example(lambda make: make.alike(2))


@kernel
def leaky_relu(x, slope):
    """x where x > 0, slope·x elsewhere."""
    return array_module(x).where(x > 0, x, slope * x)


leaky_relu.example(lambda make: [*make.alike(1), make.choice([0.2, 0.01])])


@kernel
def leaky_relu_vjp(g, x, slope):
    """g where x > 0, slope·g elsewhere."""
    return array_module(x).where(x > 0, g, slope * g)


leaky_relu_vjp.example(lambda make: [*make.alike(2), make.choice([0.2, 0.01])])


@kernel
def elu(x, alpha):
    """x where x > 0, alpha·(exp(x) - 1) elsewhere."""
    xp = array_module(x)
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


elu.example(lambda make: [*make.alike(1), make.choice([1.0, 0.7])])


@kernel
def elu_vjp(g, x, alpha):
    """g where x > 0, g·alpha·exp(x) elsewhere."""
    xp = array_module(x)
    return g * xp.where(x > 0, 1, alpha * xp.exp(xp.minimum(x, 0)))


elu_vjp.example(lambda make: [*make.alike(2), make.choice([1.0, 0.7])])


@kernel
def concat_elu(x):
    """elu of x and of -x, side by side on the last axis."""
    xp = array_module(x)
    below = xp.expm1(-abs(x))
    return xp.concatenate([xp.where(x > 0, x, below), xp.where(x > 0, below, -x)], axis=-1)


concat_elu.example(lambda make: make.alike(1))


@kernel
def concat_elu_vjp(g, x):
    """The cotangent of x: that of elu(x) times its derivative, less that of elu(-x) times its derivative."""
    xp = array_module(x)
    (first, second), slope = (g[..., :g.shape[-1] // 2], g[..., g.shape[-1] // 2:]), xp.exp(-abs(x))
    return xp.where(x > 0, first, first * slope) - xp.where(x < 0, second, second * slope)


@concat_elu_vjp.example
def _(make):
    *leading, width = make.rows()
    return [make.normal((*leading, 2 * width)), make.normal((*leading, width))]


@loop
def _relu(start, stop, x, zero, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = zero if x[i] < zero else x[i]  # NaN stays NaN


@loop
def _relu_vjp(start, stop, g, y, zero, one, out):
    g, y, out = g[start:stop], y[start:stop], out[start:stop]
    for i in range(g.size):
        out[i] = g[i] * (one if y[i] > zero else zero)


@loop
def _leaky_relu(start, stop, x, zero, slope, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = x[i] if x[i] > zero else slope * x[i]


@loop
def _leaky_relu_vjp(start, stop, g, x, zero, slope, out):
    g, x, out = g[start:stop], x[start:stop], out[start:stop]
    for i in range(g.size):
        out[i] = g[i] if x[i] > zero else slope * g[i]


@loop
def _elu(start, stop, x, zero, alpha, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        below = alpha * expm1(zero if x[i] > zero else x[i])
        out[i] = x[i] if x[i] > zero else below


@loop
def _elu_vjp(start, stop, g, x, zero, one, alpha, out):
    g, x, out = g[start:stop], x[start:stop], out[start:stop]
    for i in range(g.size):
        below = alpha * exp(zero if x[i] > zero else x[i])
        out[i] = g[i] * (one if x[i] > zero else below)


@loop
def _concat_elu(start, stop, x, out):
    width = x.shape[1]
    for r in range(start, stop):
        row, first, second = x[r], out[r, :width], out[r, width:]
        for j in range(row.size):
            value = row[j]
            below = expm1(-abs(value))
            first[j] = value if value > 0 else below
            second[j] = below if value > 0 else -value


@loop
def _concat_elu_vjp(start, stop, g, x, out):
    width = x.shape[1]
    for r in range(start, stop):
        row, first, second, to = x[r], g[r, :width], g[r, width:], out[r]
        for j in range(row.size):
            value, a, b = row[j], first[j], second[j]
            slope = exp(-abs(value))
            to[j] = (a if value > 0 else a * slope) - (b if value < 0 else b * slope)


# NumPy's maximum is one pass already; only a second thread makes it faster.
relu.compiled(above=1 << 18)(lambda x: elementwise(_relu, (x,), (0,)))
relu_vjp.compiled()(lambda g, y: elementwise(_relu_vjp, (g, y), (0, 1)))
leaky_relu.compiled()(lambda x, slope: elementwise(_leaky_relu, (x,), (0, slope)))
leaky_relu_vjp.compiled()(lambda g, x, slope: elementwise(_leaky_relu_vjp, (g, x), (0, slope)))
elu.compiled()(lambda x, alpha: elementwise(_elu, (x,), (0, alpha)))
elu_vjp.compiled()(lambda g, x, alpha: elementwise(_elu_vjp, (g, x), (0, 1, alpha)))

relu.on_device(lambda x: cuda.elementwise("rectifiers", "relu", x))
relu_vjp.on_device(lambda g, y: cuda.elementwise("rectifiers", "relu_vjp", g, y))
leaky_relu.on_device(lambda x, slope: cuda.elementwise("rectifiers", "leaky_relu", x, slope, constants=1))
leaky_relu_vjp.on_device(
    lambda g, x, slope: cuda.elementwise("rectifiers", "leaky_relu_vjp", g, x, slope, constants=1))
elu.on_device(lambda x, alpha: cuda.elementwise("rectifiers", "elu", x, alpha, constants=1))
elu_vjp.on_device(lambda g, x, alpha: cuda.elementwise("rectifiers", "elu_vjp", g, x, alpha, constants=1))


@concat_elu.compiled()
def _(x):
    if not covered(x) or x.ndim == 0:
        return NotImplemented
    out = np.empty((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    by_rows(_concat_elu, x.shape[-1], x.size // max(1, x.shape[-1]), rows(x), rows(out))
    return out


@concat_elu_vjp.compiled(by=1)
def _(g, x):
    if not covered(g, x) or x.ndim == 0:
        return NotImplemented
    out = np.empty(x.shape, x.dtype)
    by_rows(_concat_elu_vjp, x.shape[-1], x.size // max(1, x.shape[-1]), rows(g), rows(x), rows(out))
    return out
