"""Functions of exp(-|x|), which cannot overflow: tanh, sigmoid, softplus, their gate and their derivatives.

A function named `_vjp` computes the cotangent of the input from g, that of the output. Every function is one pass over
memory.
"""

from ..arrays import array_module
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import sigmoid as logistic
from .machinery.functions import softplus as soft
from .machinery.functions import tanh as hyperbolic
from .machinery.wrapping import elementwise


@kernel
def tanh(x):
    """Hyperbolic tangent."""
    return array_module(x).tanh(x)


tanh.example(lambda make: make.alike(1))


@kernel
def tanh_vjp(g, y):
    """g·(1 - y²), y the output. Written without the number 1: converting it costs NumPy more than a small product."""
    return g - g * y * y


tanh_vjp.example(lambda make: make.alike(2))


@kernel
def sigmoid(x):
    """1 / (1 + exp(-x)), with full relative accuracy in both tails."""
    xp = array_module(x)
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1, small) / (1 + small)


sigmoid.example(lambda make: make.alike(1))


@kernel
def sigmoid_vjp(g, y):
    """g·y·(1 - y), y the output."""
    return g * (y * (1 - y))


sigmoid_vjp.example(lambda make: make.alike(2))


@kernel
def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    xp = array_module(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


softplus.example(lambda make: make.alike(1))


@kernel
def softplus_vjp(g, x):
    """g·sigmoid(x)."""
    return g * sigmoid(x)


softplus_vjp.example(lambda make: make.alike(2))


@kernel
def gate(a, b):
    """tanh(a)·sigmoid(b)."""
    return array_module(a).tanh(a) * sigmoid(b)


gate.example(lambda make: make.alike(2))


@kernel
def gate_vjp(g, a, b):
    """The cotangents g·s·(1 - t²) of a and g·t·s·(1 - s) of b, t = tanh(a), s = sigmoid(b)."""
    t, s = array_module(a).tanh(a), sigmoid(b)
    return g * (s * (1 - t * t)), g * (t * (s * (1 - s)))


gate_vjp.example(lambda make: make.alike(3))


@loop
def _tanh(start, stop, x, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = hyperbolic(x[i])


@loop
def _tanh_vjp(start, stop, g, y, out):
    g, y, out = g[start:stop], y[start:stop], out[start:stop]
    for i in range(g.size):
        out[i] = g[i] - g[i] * y[i] * y[i]


@loop
def _sigmoid(start, stop, x, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = logistic(x[i])


@loop
def _sigmoid_vjp(start, stop, g, y, one, out):
    g, y, out = g[start:stop], y[start:stop], out[start:stop]
    for i in range(g.size):
        out[i] = g[i] * (y[i] * (one - y[i]))


@loop
def _softplus(start, stop, x, out):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = soft(x[i])


@loop
def _softplus_vjp(start, stop, g, x, out):
    g, x, out = g[start:stop], x[start:stop], out[start:stop]
    for i in range(g.size):
        out[i] = g[i] * logistic(x[i])


@loop
def _gate(start, stop, a, b, out):
    a, b, out = a[start:stop], b[start:stop], out[start:stop]
    for i in range(a.size):
        out[i] = hyperbolic(a[i]) * logistic(b[i])


@loop
def _gate_vjp(start, stop, g, a, b, one, out_a, out_b):
    g, a, b, out_a, out_b = g[start:stop], a[start:stop], b[start:stop], out_a[start:stop], out_b[start:stop]
    for i in range(g.size):
        t, s = hyperbolic(a[i]), logistic(b[i])
        out_a[i] = g[i] * (s * (one - t * t))
        out_b[i] = g[i] * (t * (s * (one - s)))


tanh.compiled(above=16384)(lambda x: elementwise(_tanh, (x,)))
tanh_vjp.compiled(above=16384)(lambda g, y: elementwise(_tanh_vjp, (g, y)))
sigmoid.compiled()(lambda x: elementwise(_sigmoid, (x,)))
sigmoid_vjp.compiled(above=16384)(lambda g, y: elementwise(_sigmoid_vjp, (g, y), (1,)))
softplus.compiled()(lambda x: elementwise(_softplus, (x,)))
softplus_vjp.compiled()(lambda g, x: elementwise(_softplus_vjp, (g, x)))
gate.compiled()(lambda a, b: elementwise(_gate, (a, b)))
gate_vjp.compiled()(lambda g, a, b: elementwise(_gate_vjp, (g, a, b), (1,), outputs=2))

tanh.on_device(lambda x: cuda.elementwise("activations", "tanh_forward", x))
tanh_vjp.on_device(lambda g, y: cuda.elementwise("activations", "tanh_vjp", g, y))
sigmoid.on_device(lambda x: cuda.elementwise("activations", "sigmoid", x))
sigmoid_vjp.on_device(lambda g, y: cuda.elementwise("activations", "sigmoid_vjp", g, y))
softplus.on_device(lambda x: cuda.elementwise("activations", "softplus", x))
softplus_vjp.on_device(lambda g, x: cuda.elementwise("activations", "softplus_vjp", g, x))
gate.on_device(lambda a, b: cuda.elementwise("activations", "gate", a, b))
gate_vjp.on_device(lambda g, a, b: cuda.elementwise("activations", "gate_vjp", g, a, b, outputs=2))
