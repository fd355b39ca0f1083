"""Layer normalisation over the last axis, with its gradient (Ba, Kiros and Hinton, 2016)."""

import math

import numpy as np

from ..arrays import array_module
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.wrapping import by_rows, covered, rows


@kernel
def layer_norm(x, gain, bias, eps):
    """(x - mean) / √(variance + eps)·gain + bias, the normalised x, and 1 / √(variance + eps)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    scale = 1 / array_module(x).sqrt(variance + eps)
    normalised = centred * scale
    return normalised * gain + bias, normalised, scale


@layer_norm.example
def _(make):
    shape = make.rows()
    return [make.normal(shape), make.normal(shape[-1:]), make.normal(shape[-1:]), make.choice([1e-5, 0.1])]


@kernel
def layer_norm_vjp(g, gain, normalised, scale):
    """The cotangent of x.

    With h = g·gain: (h - mean(h) - normalised·mean(h·normalised))·scale, the projection of h away from the constant
    vector and from the normalised one, since normalisation takes out the mean and the length.
    """
    h = g * gain
    along = (h * normalised).mean(axis=-1, keepdims=True)
    return (h - h.mean(axis=-1, keepdims=True) - normalised * along) * scale


@layer_norm_vjp.example
def _(make):
    shape = make.rows()
    scale = abs(make.normal((*shape[:-1], 1))) + 1
    return [make.normal(shape), make.normal(shape[-1:]), make.normal(shape), scale]


@loop
def _layer_norm(start, stop, x, gain, bias, eps, out, normalised, scale):
    n, one = x.dtype.type(x.shape[1]), x.dtype.type(1)
    for r in range(start, stop):
        v, o, z = x[r], out[r], normalised[r]
        total = square = x.dtype.type(0)
        for j in range(v.size):
            total += v[j]
        mean = total / n
        for j in range(v.size):
            square += (v[j] - mean) * (v[j] - mean)
        inverse = one / math.sqrt(square / n + eps)
        scale[r] = inverse
        for j in range(v.size):
            z[j] = (v[j] - mean) * inverse
            o[j] = z[j] * gain[j] + bias[j]


@loop
def _layer_norm_vjp(start, stop, g, gain, normalised, scale, out):
    n = g.dtype.type(g.shape[1])
    for r in range(start, stop):
        a, z, o = g[r], normalised[r], out[r]
        total = along = g.dtype.type(0)
        for j in range(a.size):
            total += a[j] * gain[j]
            along += a[j] * gain[j] * z[j]
        total, along, factor = total / n, along / n, scale[r]
        for j in range(a.size):
            o[j] = (a[j] * gain[j] - total - z[j] * along) * factor


@layer_norm.compiled()
def _(x, gain, bias, eps):
    if not covered(x, gain, bias) or not gain.shape == bias.shape == x.shape[-1:]:
        return NotImplemented
    out, normalised, scale = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype), np.empty(x.shape[:-1], x.dtype)
    by_rows(_layer_norm, x.shape[-1], scale.size, rows(x), *map(np.ascontiguousarray, (gain, bias)),
            x.dtype.type(eps), rows(out), rows(normalised), scale.reshape(-1))
    return out, normalised, scale[..., None]


@layer_norm_vjp.compiled()
def _(g, gain, normalised, scale):
    if not covered(g, gain, normalised, scale) or gain.shape != g.shape[-1:] or g.shape != normalised.shape or (
            scale.shape != (*g.shape[:-1], 1)):
        return NotImplemented
    out = np.empty(g.shape, g.dtype)
    by_rows(_layer_norm_vjp, g.shape[-1], scale.size, rows(g), np.ascontiguousarray(gain), rows(normalised),
            np.ascontiguousarray(scale).reshape(-1), rows(out))
    return out


@layer_norm.on_device
def _(x, gain, bias, eps):
    if not cuda.covered(x, gain, bias) or x.size == 0 or not gain.shape == bias.shape == x.shape[-1:]:
        return NotImplemented
    x, gain, bias = cuda.contiguous(x, gain, bias)
    xp, n = array_module(x), x.shape[-1]
    out, normalised, scale = xp.empty_like(x), xp.empty_like(x), xp.empty((*x.shape[:-1], 1), x.dtype)
    cuda.launch("layer_norm", "layer_norm", x.dtype, x.size // n, x, gain, bias, float(eps), out, normalised, scale, n,
                width=n)
    return out, normalised, scale


@layer_norm_vjp.on_device
def _(g, gain, normalised, scale):
    if not cuda.covered(g, gain, normalised, scale) or g.size == 0 or gain.shape != g.shape[-1:] or (
            g.shape != normalised.shape):
        return NotImplemented
    g, gain, normalised, scale = cuda.contiguous(g, gain, normalised, scale)
    out, n = array_module(g).empty_like(g), g.shape[-1]
    cuda.launch("layer_norm", "layer_norm_vjp", g.dtype, g.size // n, g, gain, normalised, scale, out, n, width=n)
    return out
