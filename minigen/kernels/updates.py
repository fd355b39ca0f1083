"""Optimiser updates on flat arrays, in place, and the norm that clipping needs.

Each pass over an array is one ufunc, so the arrays are taken in chunks that stay in the cache from one pass to the
next; beyond the arrays themselves an update needs memory for one chunk or two.
"""

import math

import numpy as np

from ..arrays import array_module

CHUNK = 65536


def _chunks(*arrays):
    """(array module, the same chunk of each array, scratch of that size) over all chunks; None stays None."""
    size = arrays[0].size
    xp = array_module(arrays[0])
    extent = min(size, CHUNK) if xp is np else size
    scratch = xp.empty(extent, arrays[0].dtype)
    for start in range(0, size, extent or 1):
        stop = min(start + extent, size)
        yield xp, [None if a is None else a[start:stop] for a in arrays], scratch[: stop - start]


def global_norm(*gradients):
    """Euclidean norm of flat arrays taken together, as a 0-d array or a NumPy scalar."""
    xp = array_module(*gradients)
    return xp.sqrt(sum(xp.dot(g, g) for g in gradients))


def sgd_update(parameter, gradient, velocity, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0):
    """g ← g + weight_decay·p, v ← momentum·v + g, p ← p - learning_rate·v.

    Nesterov's variant takes g + momentum·v in place of v in the last. Without momentum `velocity` may be None.
    """
    for xp, (p, g, v), scratch in _chunks(parameter, gradient, velocity):
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


def adam_update(parameter, gradient, mean, square, step, learning_rate, beta1, beta2, eps, weight_decay=0.0,
                decoupled=True):
    """Adam (Kingma and Ba, 2015, algorithm 1) with weight decay.

    m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², and with the bias corrections m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ), t = `step`
    from 1: p ← p - learning_rate·m̂/(√v̂ + eps). Decoupled weight decay first takes learning_rate·weight_decay·p off
    p (Loshchilov and Hutter, 2019); the other kind adds weight_decay·p to g.
    """
    # m̂/(√v̂ + eps) with the corrections taken out of the arrays: m·√(1-β₂ᵗ)/(1-β₁ᵗ) / (√v + eps·√(1-β₂ᵗ))
    correction = math.sqrt(1 - beta2**step)
    rate, eps = learning_rate * correction / (1 - beta1**step), eps * correction
    root = math.sqrt(1 - beta2)
    for xp, (p, g, m, v), scratch in _chunks(parameter, gradient, mean, square):
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


def rmsprop_update(parameter, gradient, square, learning_rate, decay, eps, weight_decay=0.0):
    """g ← g + weight_decay·p, v ← decay·v + (1-decay)g², p ← p - learning_rate·g/(√v + eps).

    Source: Tieleman and Hinton (2012).
    """
    root = math.sqrt(1 - decay)
    for xp, (p, g, v), scratch in _chunks(parameter, gradient, square):
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


def average_update(average, values, weight):
    """average ← average + weight·(values - average), which leaves what has not moved exactly as it is."""
    for xp, (a, x), scratch in _chunks(average, values):
        xp.subtract(x, a, out=scratch)
        scratch *= weight
        a += scratch
