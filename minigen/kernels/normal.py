"""Log-densities of independent normal variables by their mean and log scale, summed over the last axis."""

import numpy as np

from ..arrays import array_module
from ..arrays.constants import LOG_2PI
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import exp, expm1
from .machinery.wrapping import by_rows, covered, elementwise, repeats, rows

HALF_LOG_2PI = 0.5 * LOG_2PI


@kernel
def normal_log_prob(x, loc, log_scale):
    """-Σ ½z² + log scale + ½ log 2π over the last axis, z = (x - loc)·exp(-log_scale)."""
    z = (x - loc) * array_module(log_scale).exp(-log_scale)
    return -(0.5 * (z * z) + (log_scale + HALF_LOG_2PI)).sum(axis=-1)


@normal_log_prob.example
def _(make):
    shape = make.rows()
    return [make.normal(shape), make.normal(make.without_leading(shape)), make.standard(make.without_leading(shape))]


@kernel
def normal_log_prob_vjp(g, x, loc, log_scale):
    """The cotangents of x, -g·z/scale; of loc, its negative; and of log_scale, g·(z² - 1)."""
    inverse = array_module(log_scale).exp(-log_scale)
    z = (x - loc) * inverse
    g = g[..., None]
    slope = g * (z * inverse)
    return -slope, slope, g * (z * z - 1)


@normal_log_prob_vjp.example
def _(make):
    shape = make.rows()
    parameters = [make.standard(make.without_leading(shape)) for _ in range(2)]
    return [make.normal(shape[:-1]), make.normal(shape), *parameters]


@kernel
def normal_kl(loc, log_scale):
    """KL(N(loc, scale²) ‖ N(0, 1)) = Σ ½(scale² - 1 + loc²) - log scale over the last axis."""
    return (0.5 * (array_module(log_scale).expm1(2 * log_scale) + loc * loc) - log_scale).sum(axis=-1)


@normal_kl.example
def _(make):
    shape = make.rows()
    return [make.normal(shape), make.standard(shape)]


@kernel
def normal_kl_vjp(g, loc, log_scale):
    """The cotangents of loc, g·loc, and of log_scale, g·(scale² - 1)."""
    xp = array_module(log_scale)
    loc, log_scale = xp.broadcast_arrays(loc, log_scale)  # one number for a whole row counts for every element of it
    g = g[..., None]
    return g * loc, g * xp.expm1(2 * log_scale)


@normal_kl_vjp.example
def _(make):
    shape = make.rows()
    return [make.normal(shape[:-1]), make.normal(shape), make.standard(shape)]


@kernel
def reparameterize(loc, log_scale, noise):
    """loc + exp(log_scale)·noise."""
    return loc + array_module(log_scale).exp(log_scale) * noise


reparameterize.example(lambda make: make.alike(3))


@kernel
def reparameterize_vjp(g, log_scale, noise):
    """The cotangent of log_scale, g·noise·exp(log_scale)."""
    return g * (array_module(log_scale).exp(log_scale) * noise)


reparameterize_vjp.example(lambda make: make.alike(3))


@loop
def _log_prob(start, stop, x, loc, log_scale, constant, out):
    half, zero = x.dtype.type(0.5), x.dtype.type(0)
    for r in range(start, stop):
        a, m, s = x[r], loc[r % loc.shape[0]], log_scale[r % log_scale.shape[0]]
        total = zero
        for j in range(a.size):
            z = (a[j] - m[j]) * exp(-s[j])
            total += half * (z * z) + (s[j] + constant)
        out[r] = -total


@loop
def _log_prob_vjp(start, stop, g, x, loc, log_scale, out_x, out_loc, out_scale):
    one = x.dtype.type(1)
    for r in range(start, stop):
        a, m, s, weight = x[r], loc[r % loc.shape[0]], log_scale[r % log_scale.shape[0]], g[r]
        ox, om, os = out_x[r], out_loc[r], out_scale[r]
        for j in range(a.size):
            inverse = exp(-s[j])
            z = (a[j] - m[j]) * inverse
            slope = weight * (z * inverse)
            ox[j] = -slope
            om[j] = slope
            os[j] = weight * (z * z - one)


@loop
def _kl(start, stop, loc, log_scale, out):
    half, zero = loc.dtype.type(0.5), loc.dtype.type(0)
    for r in range(start, stop):
        m, s = loc[r], log_scale[r]
        total = zero
        for j in range(m.size):
            total += half * (expm1(s[j] + s[j]) + m[j] * m[j]) - s[j]
        out[r] = total


@loop
def _kl_vjp(start, stop, g, loc, log_scale, out_loc, out_scale):
    for r in range(start, stop):
        m, s, weight, om, os = loc[r], log_scale[r], g[r], out_loc[r], out_scale[r]
        for j in range(m.size):
            om[j] = weight * m[j]
            os[j] = weight * expm1(s[j] + s[j])


@loop
def _reparameterize(start, stop, loc, log_scale, noise, out):
    loc, log_scale, noise, out = loc[start:stop], log_scale[start:stop], noise[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = loc[i] + exp(log_scale[i]) * noise[i]


@loop
def _reparameterize_vjp(start, stop, g, log_scale, noise, out):
    g, log_scale, noise, out = g[start:stop], log_scale[start:stop], noise[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = g[i] * (exp(log_scale[i]) * noise[i])


@normal_log_prob.compiled()
def _(x, loc, log_scale):
    if not covered(x, loc, log_scale) or not (repeats(loc, x) and repeats(log_scale, x)):
        return NotImplemented
    out = np.empty(x.shape[:-1], x.dtype)
    by_rows(_log_prob, x.shape[-1], out.size, rows(x), rows(loc), rows(log_scale), x.dtype.type(HALF_LOG_2PI),
            out.reshape(-1))
    return out


@normal_log_prob_vjp.compiled(by=1)
def _(g, x, loc, log_scale):
    if not covered(x, g, loc, log_scale) or not (repeats(loc, x) and repeats(log_scale, x)) or (
            g.shape != x.shape[:-1]):
        return NotImplemented
    outs = [np.empty(x.shape, x.dtype) for _ in range(3)]
    by_rows(_log_prob_vjp, x.shape[-1], g.size, np.ascontiguousarray(g).reshape(-1), rows(x), rows(loc),
            rows(log_scale), *[rows(out) for out in outs])
    return tuple(outs)


@normal_kl.compiled()
def _(loc, log_scale):
    if not covered(loc, log_scale) or loc.shape != log_scale.shape or loc.ndim == 0:
        return NotImplemented
    out = np.empty(loc.shape[:-1], loc.dtype)
    by_rows(_kl, loc.shape[-1], out.size, rows(loc), rows(log_scale), out.reshape(-1))
    return out


@normal_kl_vjp.compiled(by=1)
def _(g, loc, log_scale):
    if not covered(loc, g, log_scale) or loc.shape != log_scale.shape or loc.ndim == 0 or g.shape != loc.shape[:-1]:
        return NotImplemented
    outs = [np.empty(loc.shape, loc.dtype) for _ in range(2)]
    by_rows(_kl_vjp, loc.shape[-1], g.size, np.ascontiguousarray(g).reshape(-1), rows(loc), rows(log_scale),
            *[rows(out) for out in outs])
    return tuple(outs)


reparameterize.compiled()(lambda loc, log_scale, noise: elementwise(_reparameterize, (loc, log_scale, noise)))
reparameterize_vjp.compiled()(lambda g, log_scale, noise: elementwise(_reparameterize_vjp, (g, log_scale, noise)))


@normal_log_prob.on_device
def _(x, loc, log_scale):
    if not cuda.covered(x, loc, log_scale) or x.size == 0 or not (
            cuda.shares_rows(loc, x) and cuda.shares_rows(log_scale, x)):
        return NotImplemented
    x, loc, log_scale = cuda.contiguous(x, loc, log_scale)
    n, out = x.shape[-1], array_module(x).empty(x.shape[:-1], x.dtype)
    cuda.launch("normal", "normal_log_prob", x.dtype, x.size // n, x, loc, log_scale, out, n, loc.size // n,
                log_scale.size // n, width=n)
    return out


@normal_log_prob_vjp.on_device
def _(g, x, loc, log_scale):
    if not cuda.covered(x, g, loc, log_scale) or x.size == 0 or g.shape != x.shape[:-1] or not (
            cuda.shares_rows(loc, x) and cuda.shares_rows(log_scale, x)):
        return NotImplemented
    g, x, loc, log_scale = cuda.contiguous(g, x, loc, log_scale)
    outs = tuple([array_module(x).empty(x.shape, x.dtype) for _ in range(3)])
    cuda.launch("normal", "normal_log_prob_vjp", x.dtype, x.size, g, x, loc, log_scale, *outs, x.shape[-1], loc.size,
                log_scale.size, x.size)
    return outs


@normal_kl.on_device
def _(loc, log_scale):
    if not cuda.covered(loc, log_scale) or loc.shape != log_scale.shape or loc.ndim == 0 or loc.size == 0:
        return NotImplemented
    loc, log_scale = cuda.contiguous(loc, log_scale)
    n, out = loc.shape[-1], array_module(loc).empty(loc.shape[:-1], loc.dtype)
    cuda.launch("normal", "normal_kl", loc.dtype, loc.size // n, loc, log_scale, out, n, width=n)
    return out


@normal_kl_vjp.on_device
def _(g, loc, log_scale):
    if not cuda.covered(loc, g, log_scale) or loc.shape != log_scale.shape or loc.ndim == 0 or (
            g.shape != loc.shape[:-1]):
        return NotImplemented
    g, loc, log_scale = cuda.contiguous(g, loc, log_scale)
    outs = tuple([array_module(loc).empty(loc.shape, loc.dtype) for _ in range(2)])
    cuda.launch("normal", "normal_kl_vjp", loc.dtype, loc.size, g, loc, log_scale, *outs, loc.shape[-1], loc.size)
    return outs


reparameterize.on_device(
    lambda loc, log_scale, noise: cuda.elementwise("normal", "reparameterize", loc, log_scale, noise))
reparameterize_vjp.on_device(
    lambda g, log_scale, noise: cuda.elementwise("normal", "reparameterize_vjp", g, log_scale, noise))
