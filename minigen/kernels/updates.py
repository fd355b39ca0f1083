"""Optimiser updates on flat arrays, in place, and the norm that clipping needs.

A compiled update is one pass over its arrays. A reference makes several passes, one for each NumPy function, so it
takes the arrays in chunks that stay in the cache from one pass to the next. Gradients are multiplied by `scale`, the
factor that clipping gives; if `scale` is an array that is not finite, nothing changes. On a GPU `step`,
`learning_rate` and `scale` may be 0-d arrays, whose values the host does not read.
"""

import math

import numpy as np

from ..arrays import array_module
from ..arrays.pool import run
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.wrapping import GRAIN, covered

CHUNK = 65536


def _chunks(*arrays):
    """Yield (array module, the same chunk of all arrays, scratch of that size), chunk by chunk; None stays None."""
    size = arrays[0].size
    xp = array_module(arrays[0])
    extent = min(size, CHUNK) if xp is np else size
    scratch = xp.empty(extent, arrays[0].dtype)
    for start in range(0, size, extent or 1):
        stop = min(start + extent, size)
        yield xp, [None if a is None else a[start:stop] for a in arrays], scratch[: stop - start]


def _wanted(scale):
    """Whether the gradient's factor is finite; if it is not, an update changes nothing."""
    return type(scale) is float or math.isfinite(scale)


def _scaled(g, scale):
    return g if type(scale) is float and scale == 1 else (g * scale).astype(g.dtype, copy=False)


def global_norm(*gradients):
    """Euclidean norm of flat arrays taken together, as a 0-d array or a NumPy scalar."""
    xp = array_module(*gradients)
    return xp.sqrt(sum(xp.dot(g, g) for g in gradients))


@kernel
def sgd_update(parameter, gradient, velocity, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0,
               scale=1.0):
    """g ← g + weight_decay·p, v ← momentum·v + g, p ← p - learning_rate·v.

    Nesterov's variant uses g + momentum·v instead of v in the last step. Without momentum `velocity` may be None.
    """
    for xp, (p, g, v), scratch in _chunks(parameter, gradient, velocity) if _wanted(scale) else ():
        g = _scaled(g, scale)
        if weight_decay:
            g = g + weight_decay * p
        direction = g
        if momentum:
            v *= momentum
            v += g
            direction = v
            if nesterov:
                xp.multiply(v, momentum, out=scratch)
                scratch += g
                direction = scratch
        xp.multiply(direction, learning_rate, out=scratch)
        p -= scratch


@sgd_update.example
def _(make):
    parameter, gradient, velocity = make.flat(3)
    return [parameter, gradient, velocity, 1e-3, make.choice([0.9, 0.0]), make.boolean(), 0.01]


@kernel
def adam_update(parameter, gradient, mean, square, step, learning_rate, beta1, beta2, eps, weight_decay=0.0,
                decoupled=True, scale=1.0):
    """Adam (Kingma and Ba, 2015, algorithm 1) with weight decay.

    m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², and with the bias corrections m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ), t = `step`
    from 1: p ← p - learning_rate·m̂/(√v̂ + eps). Decoupled weight decay first takes learning_rate·weight_decay·p off
    p (Loshchilov and Hutter, 2019); the other kind adds weight_decay·p to g.
    """
    rate, eps = _corrected(step, learning_rate, beta1, beta2, eps)
    root = math.sqrt(1 - beta2)
    for xp, (p, g, m, v), scratch in _chunks(parameter, gradient, mean, square) if _wanted(scale) else ():
        g = _scaled(g, scale)
        if weight_decay and decoupled:
            p *= 1 - learning_rate * weight_decay
        elif weight_decay:
            g = g + weight_decay * p
        xp.subtract(g, m, out=scratch)
        scratch *= 1 - beta1
        m += scratch
        xp.multiply(g, root, out=scratch)
        scratch *= scratch
        v *= beta2
        v += scratch
        xp.sqrt(v, out=scratch)
        scratch += eps
        xp.divide(m, scratch, out=scratch)
        scratch *= rate
        p -= scratch


@adam_update.example
def _(make):
    parameter, gradient, mean, square = make.flat(4)
    return [parameter, gradient, mean, square * square, 3, 1e-3, 0.9, 0.999, 1e-8, 0.01, make.boolean()]


def _corrected(step, learning_rate, beta1, beta2, eps):
    """Rate and eps that let m̂/(√v̂ + eps) be computed from m and v without correcting the arrays.

    The quotient is m·√(1-β₂ᵗ)/(1-β₁ᵗ) / (√v + eps·√(1-β₂ᵗ)).
    """
    correction = math.sqrt(1 - beta2**step)
    return learning_rate * correction / (1 - beta1**step), eps * correction


@kernel
def rmsprop_update(parameter, gradient, square, learning_rate, decay, eps, weight_decay=0.0, scale=1.0):
    """g ← g + weight_decay·p, v ← decay·v + (1-decay)g², p ← p - learning_rate·g/(√v + eps).

    Source: Tieleman and Hinton (2012).
    """
    root = math.sqrt(1 - decay)
    for xp, (p, g, v), scratch in _chunks(parameter, gradient, square) if _wanted(scale) else ():
        g = _scaled(g, scale)
        if weight_decay:
            g = g + weight_decay * p
        xp.multiply(g, root, out=scratch)
        scratch *= scratch
        v *= decay
        v += scratch
        xp.sqrt(v, out=scratch)
        scratch += eps
        xp.divide(g, scratch, out=scratch)
        scratch *= learning_rate
        p -= scratch


@rmsprop_update.example
def _(make):
    parameter, gradient, square = make.flat(3)
    return [parameter, gradient, square * square, 1e-3, 0.9, 1e-8, 0.01]


@kernel
def average_update(average, values, weight):
    """average ← average + weight·(values - average); an element that equals its value stays exactly as it is."""
    for xp, (a, x), scratch in _chunks(average, values):
        xp.subtract(x, a, out=scratch)
        scratch *= weight
        a += scratch


average_update.example(lambda make: [*make.flat(2), 0.01])


@loop
def _sgd(start, stop, p, g, rate, decay, scale):
    p, g = p[start:stop], g[start:stop]
    for i in range(p.size):
        p[i] -= rate * (scale * g[i] + decay * p[i])


@loop
def _momentum(start, stop, p, g, v, rate, momentum, nesterov, decay, scale):
    p, g, v = p[start:stop], g[start:stop], v[start:stop]
    for i in range(p.size):
        slope = scale * g[i] + decay * p[i]
        v[i] = momentum * v[i] + slope
        p[i] -= rate * (slope + momentum * v[i] if nesterov else v[i])


@loop
def _adam(start, stop, p, g, m, v, rate, eps, rest1, beta2, root, decay, shrink, scale):
    p, g, m, v = p[start:stop], g[start:stop], m[start:stop], v[start:stop]
    for i in range(p.size):
        slope = scale * g[i] + decay * p[i]
        m[i] += rest1 * (slope - m[i])
        v[i] = beta2 * v[i] + (root * slope) * (root * slope)
        p[i] = shrink * p[i] - rate * (m[i] / (math.sqrt(v[i]) + eps))


@loop
def _rmsprop(start, stop, p, g, v, rate, eps, keep, root, decay, scale):
    p, g, v = p[start:stop], g[start:stop], v[start:stop]
    for i in range(p.size):
        slope = scale * g[i] + decay * p[i]
        v[i] = keep * v[i] + (root * slope) * (root * slope)
        p[i] -= rate * (slope / (math.sqrt(v[i]) + eps))


@loop
def _average(start, stop, a, x, weight):
    a, x = a[start:stop], x[start:stop]
    for i in range(a.size):
        a[i] += weight * (x[i] - a[i])


def _in_place(loop, arrays, *constants):
    """Run `loop(start, stop, *arrays, *constants)`, the constants in the arrays' dtype, or give NotImplemented."""
    first = arrays[0]
    if not covered(*arrays) or any(a.shape != (first.size,) or not a.flags.c_contiguous for a in arrays):
        return NotImplemented
    kind = first.dtype.type
    run(loop, first.size, GRAIN, *arrays, *[c if isinstance(c, bool) else kind(c) for c in constants])
    return None


@sgd_update.compiled()
def _(parameter, gradient, velocity, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0, scale=1.0):
    if not momentum:
        return _in_place(_sgd, (parameter, gradient), learning_rate, weight_decay, scale)
    return _in_place(_momentum, (parameter, gradient, velocity), learning_rate, momentum, bool(nesterov), weight_decay,
                     scale)


@adam_update.compiled()
def _(parameter, gradient, mean, square, step, learning_rate, beta1, beta2, eps, weight_decay=0.0, decoupled=True,
      scale=1.0):
    rate, eps = _corrected(step, learning_rate, beta1, beta2, eps)
    shrink, decay = (1 - learning_rate * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    return _in_place(_adam, (parameter, gradient, mean, square), rate, eps, 1 - beta1, beta2, math.sqrt(1 - beta2),
                     decay, shrink, scale)


@rmsprop_update.compiled()
def _(parameter, gradient, square, learning_rate, decay, eps, weight_decay=0.0, scale=1.0):
    return _in_place(_rmsprop, (parameter, gradient, square), learning_rate, eps, decay, math.sqrt(1 - decay),
                     weight_decay, scale)


average_update.compiled()(lambda average, values, weight: _in_place(_average, (average, values), weight))


def _flat_on_device(*arrays):
    """Whether these are contiguous arrays that the source covers; None stands for no array."""
    present = [a for a in arrays if a is not None]
    return cuda.covered(*present) and all(a.flags.c_contiguous for a in present)


@sgd_update.on_device
def _(parameter, gradient, velocity, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0, scale=1.0):
    if not _flat_on_device(parameter, gradient, velocity):
        return NotImplemented
    velocity = velocity if momentum else None
    cuda.launch("updates", "sgd_update", parameter.dtype, parameter.size, parameter, gradient, velocity,
                parameter.size, *cuda.scalar(learning_rate), *cuda.scalar(scale), float(momentum), nesterov,
                float(weight_decay))


@adam_update.on_device
def _(parameter, gradient, mean, square, step, learning_rate, beta1, beta2, eps, weight_decay=0.0, decoupled=True,
      scale=1.0):
    if not _flat_on_device(parameter, gradient, mean, square):
        return NotImplemented
    cuda.launch("updates", "adam_update", parameter.dtype, parameter.size, parameter, gradient, mean, square,
                parameter.size, *cuda.scalar(step), *cuda.scalar(learning_rate), *cuda.scalar(scale),
                np.float64(beta1), np.float64(beta2), np.float64(eps), np.float64(weight_decay), decoupled)


@rmsprop_update.on_device
def _(parameter, gradient, square, learning_rate, decay, eps, weight_decay=0.0, scale=1.0):
    if not _flat_on_device(parameter, gradient, square):
        return NotImplemented
    cuda.launch("updates", "rmsprop_update", parameter.dtype, parameter.size, parameter, gradient, square,
                parameter.size, *cuda.scalar(learning_rate), *cuda.scalar(scale), float(decay), float(eps),
                float(weight_decay))


@average_update.on_device
def _(average, values, weight):
    if not _flat_on_device(average, values):
        return NotImplemented
    cuda.launch("updates", "average_update", average.dtype, average.size, average, values, average.size,
                *cuda.scalar(weight))
