"""Bernoulli log-likelihood from logits, summed over the last axis."""

import numpy as np

from ..arrays import array_module
from .activations import sigmoid, softplus
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import exp, log1p
from .machinery.functions import sigmoid as logistic
from .machinery.wrapping import by_rows, covered, repeats, rows


@kernel
def bernoulli_log_prob(x, logits):
    """Σ x·l - log(1 + exp(l)) over the last axis: log p(x) where p(x = 1) = sigmoid(l)."""
    return (x * logits - softplus(logits)).sum(axis=-1)


@bernoulli_log_prob.example
def _(make):
    shape = make.rows()
    return [make.booleans(make.without_leading(shape)).astype(make.dtype), make.normal(shape)]


@kernel
def bernoulli_log_prob_vjp(g, x, logits):
    """The cotangent of the logits, g·(x - sigmoid(l))."""
    xp = array_module(logits)
    return xp.expand_dims(g, -1) * (x - sigmoid(logits))


@bernoulli_log_prob_vjp.example
def _(make):
    shape = make.rows()
    x = make.booleans(make.without_leading(shape)).astype(make.dtype)
    return [make.normal(shape[:-1]), x, make.normal(shape)]


@loop
def _log_prob(start, stop, x, logits, out):
    """One logarithm for eight elements: Σ log(1 + tₖ) = log(1 + p), and p ← p + t·(1 + p) loses no small t."""
    zero = logits.dtype.type(0)
    eighth = logits.shape[1] // 8
    for r in range(start, stop):
        b, v = x[r % x.shape[0]], logits[r]
        total = zero
        for j in range(eighth):
            p = linear = zero
            for k in range(8):
                i = np.uint64(j + k * eighth)  # unsigned: an index that might be negative would not vectorise
                t = exp(-abs(v[i]))
                p += t + t * p
                linear += b[i] * v[i] - (zero if v[i] < zero else v[i])
            total += linear - log1p(p)
        for j in range(np.uint64(8 * eighth), np.uint64(v.size)):
            total += b[j] * v[j] - (zero if v[j] < zero else v[j]) - log1p(exp(-abs(v[j])))
        out[r] = total


@loop
def _log_prob_vjp(start, stop, g, x, logits, out):
    for r in range(start, stop):
        b, v, o, scale = x[r % x.shape[0]], logits[r], out[r], g[r]
        for j in range(v.size):
            o[j] = scale * (b[j] - logistic(v[j]))


@bernoulli_log_prob.compiled(by=1)
def _(x, logits):
    if not covered(logits, x) or not repeats(x, logits):
        return NotImplemented
    x, v, out = rows(x), rows(logits), np.empty(logits.shape[:-1], logits.dtype)
    by_rows(_log_prob, v.shape[1], len(v), x, v, out.reshape(-1))
    return out


@bernoulli_log_prob_vjp.compiled(by=2)
def _(g, x, logits):
    if not covered(logits, x, g) or not repeats(x, logits) or g.shape != logits.shape[:-1]:
        return NotImplemented
    g, x, v, out = np.ascontiguousarray(g).reshape(-1), rows(x), rows(logits), np.empty(logits.shape, logits.dtype)
    by_rows(_log_prob_vjp, v.shape[1], len(v), g, x, v, rows(out))
    return out


def _shared_rows(x, logits):
    """Whether the source covers them: x has the logits' shape, or lacks some leading axes of it."""
    return hasattr(x, "dtype") and cuda.covered(logits, x) and logits.ndim > 0 and logits.size > 0 and (
        cuda.shares_rows(x, logits))


@bernoulli_log_prob.on_device
def _(x, logits):
    if not _shared_rows(x, logits):
        return NotImplemented
    x, logits = cuda.contiguous(x, logits)
    n, out = logits.shape[-1], array_module(logits).empty(logits.shape[:-1], logits.dtype)
    cuda.launch("bernoulli", "bernoulli_log_prob", logits.dtype, logits.size // n, x, logits, out, n, x.size // n,
                width=n)
    return out


@bernoulli_log_prob_vjp.on_device
def _(g, x, logits):
    if not _shared_rows(x, logits) or not cuda.covered(g, logits) or g.shape != logits.shape[:-1]:
        return NotImplemented
    g, x, logits = cuda.contiguous(g, x, logits)
    out = array_module(logits).empty_like(logits)
    cuda.launch("bernoulli", "bernoulli_log_prob_vjp", logits.dtype, logits.size, g, x, logits, out, logits.shape[-1],
                x.size, logits.size)
    return out
