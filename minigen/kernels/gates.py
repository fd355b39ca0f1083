"""Gated units of one array, whose last axis has two halves a and b: a·sigmoid(b) and tanh(a)·sigmoid(b).

The compiled versions read the halves where they lie, and write a cotangent's halves there, without splitting or joining
copies.
"""

import numpy as np

from ..arrays import array_module
from .activations import sigmoid
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import sigmoid as logistic
from .machinery.functions import tanh as hyperbolic
from .machinery.wrapping import by_rows, covered, rows


def halves(x):
    """The two halves of the last axis."""
    middle = x.shape[-1] // 2
    return x[..., :middle], x[..., middle:]


@kernel
def glu(x):
    """a·sigmoid(b)."""
    a, b = halves(x)
    return a * sigmoid(b)


@glu.example
def _(make):
    *leading, width = make.rows(256)
    return [make.normal((*leading, 2 * width))]


@kernel
def glu_vjp(g, x):
    """The cotangent of x."""
    xp = array_module(x)
    a, b = halves(x)
    s = sigmoid(b)
    return xp.concatenate([g * s, g * (a * (s * (1 - s)))], axis=-1)


@glu_vjp.example
def _(make):
    *leading, width = make.rows(256)
    return [make.normal((*leading, width)), make.normal((*leading, 2 * width))]


@kernel
def tanh_gate(x):
    """tanh(a)·sigmoid(b)."""
    xp = array_module(x)
    a, b = halves(x)
    return xp.tanh(a) * sigmoid(b)


@tanh_gate.example
def _(make):
    *leading, width = make.rows(256)
    return [make.normal((*leading, 2 * width))]


@kernel
def tanh_gate_vjp(g, x):
    """The cotangent of x."""
    xp = array_module(x)
    a, b = halves(x)
    t, s = xp.tanh(a), sigmoid(b)
    return xp.concatenate([g * (s * (1 - t * t)), g * (t * (s * (1 - s)))], axis=-1)


@tanh_gate_vjp.example
def _(make):
    *leading, width = make.rows(256)
    return [make.normal((*leading, width)), make.normal((*leading, 2 * width))]


@loop
def _glu(start, stop, x, out):
    width = out.shape[1]
    for r in range(start, stop):
        a, b, y = x[r, :width], x[r, width:], out[r]
        for j in range(y.size):
            y[j] = a[j] * logistic(b[j])


@loop
def _glu_vjp(start, stop, g, x, one, out):
    width = g.shape[1]
    for r in range(start, stop):
        row, a, b, to_a, to_b = g[r], x[r, :width], x[r, width:], out[r, :width], out[r, width:]
        for j in range(row.size):
            s = logistic(b[j])
            to_a[j] = row[j] * s
            to_b[j] = row[j] * (a[j] * (s * (one - s)))


@loop
def _tanh_gate(start, stop, x, out):
    width = out.shape[1]
    for r in range(start, stop):
        a, b, y = x[r, :width], x[r, width:], out[r]
        for j in range(y.size):
            y[j] = hyperbolic(a[j]) * logistic(b[j])


@loop
def _tanh_gate_vjp(start, stop, g, x, one, out):
    width = g.shape[1]
    for r in range(start, stop):
        row, a, b, to_a, to_b = g[r], x[r, :width], x[r, width:], out[r, :width], out[r, width:]
        for j in range(row.size):
            t, s = hyperbolic(a[j]), logistic(b[j])
            to_a[j] = row[j] * (s * (one - t * t))
            to_b[j] = row[j] * (t * (s * (one - s)))


def _forward(loop):
    def compiled(x):
        if not covered(x) or x.ndim == 0 or x.shape[-1] % 2 or not x.size:
            return NotImplemented
        out = np.empty((*x.shape[:-1], x.shape[-1] // 2), x.dtype)
        by_rows(loop, x.shape[-1], x.size // x.shape[-1], rows(x), rows(out))
        return out

    return compiled


def _backward(loop):
    def compiled(g, x):
        if not covered(g, x) or not x.size:
            return NotImplemented
        out = np.empty(x.shape, x.dtype)
        by_rows(loop, x.shape[-1], x.size // x.shape[-1], rows(g), rows(x), x.dtype.type(1), rows(out))
        return out

    return compiled


glu.compiled()(_forward(_glu))
glu_vjp.compiled()(_backward(_glu_vjp))
tanh_gate.compiled()(_forward(_tanh_gate))
tanh_gate_vjp.compiled()(_backward(_tanh_gate_vjp))
