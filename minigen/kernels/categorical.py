"""Categorical log-likelihood: the log-softmax of logits on the last axis, picked at an index."""

import numpy as np

from ..arrays import array_module
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import exp, log
from .machinery.wrapping import by_rows, covered, rows
from .reductions import difference, log_softmax, row_shift, softmax


def _pick(logits, index):
    """Logits and index with the same number of axes, so that they broadcast; the index's last axis has extent 1."""
    missing = index.ndim + 1 - logits.ndim
    logits = logits.reshape((1,) * max(missing, 0) + logits.shape)
    return logits, index.reshape((1,) * max(-missing, 0) + index.shape + (1,))


@kernel
def categorical_log_prob(logits, index):
    """logits[index] - logsumexp(logits), along the last axis; the other axes broadcast with those of `index`."""
    xp = array_module(logits)
    values, index = _pick(log_softmax(logits), index)
    if values.shape[:-1] != index.shape[:-1]:
        shape = np.broadcast_shapes(values.shape[:-1], index.shape[:-1])
        values, index = xp.broadcast_to(values, (*shape, values.shape[-1])), xp.broadcast_to(index, (*shape, 1))
    return xp.take_along_axis(values, index, axis=-1)[..., 0]


@categorical_log_prob.example
def _(make):
    *leading, levels = make.rows()
    return [make.normal((*leading, levels)), make.integers(0, levels, leading)]


@kernel
def categorical_log_prob_vjp(g, logits, index):
    """The cotangent of the logits, g·(1 at the index, 0 elsewhere, minus softmax(logits)); of the broadcast shape."""
    xp = array_module(logits)
    weights, index = _pick(softmax(logits), index)
    hit = (xp.arange(weights.shape[-1]) == index).astype(logits.dtype)
    return g[..., None] * (hit - weights)


@categorical_log_prob_vjp.example
def _(make):
    *leading, levels = make.rows()
    several = make.choice([(), (2,)])  # indices may have more leading axes than the logits
    g, index = make.normal((*several, *leading)), make.integers(0, levels, (*several, *leading))
    return [g, make.normal((*leading, levels)), index]


@loop
def _log_prob(start, stop, logits, index, out):
    for r in range(start, stop):
        v, total = logits[r % logits.shape[0]], logits.dtype.type(0)
        shift = row_shift(v)
        for j in range(v.size):
            total += exp(v[j] - shift)
        out[r] = difference(v[index[r]], shift, log(total))


@loop
def _log_prob_vjp(start, stop, g, logits, index, out):
    for r in range(start, stop):
        v, o, total = logits[r % logits.shape[0]], out[r], logits.dtype.type(0)
        shift = row_shift(v)
        for j in range(v.size):
            o[j] = exp(v[j] - shift)
            total += o[j]
        weight = -g[r]
        for j in range(v.size):
            o[j] = weight * (o[j] / total)
        o[index[r]] += g[r]


def _fits(logits, index):
    """Whether each index has a row of logits, or several leading axes of indices share the rows."""
    k = index.ndim - logits.ndim + 1
    return covered(logits) and logits.size and index.size and k >= 0 and index.shape[k:] == logits.shape[:-1]


@categorical_log_prob.compiled()
def _(logits, index):
    if not _fits(logits, index):
        return NotImplemented
    out = np.empty(index.shape, logits.dtype)
    by_rows(_log_prob, logits.shape[-1], index.size, rows(logits), _flat_index(index), out.reshape(-1))
    return out


@categorical_log_prob_vjp.compiled(by=1)
def _(g, logits, index):
    if not _fits(logits, index) or not covered(logits, g) or g.shape != index.shape:
        return NotImplemented
    out = np.empty((*index.shape, logits.shape[-1]), logits.dtype)
    by_rows(_log_prob_vjp, logits.shape[-1], index.size, np.ascontiguousarray(g).reshape(-1), rows(logits),
            _flat_index(index), rows(out))
    return out


def _flat_index(index):
    return np.ascontiguousarray(index, np.int64).reshape(-1)


def _fits_on_device(logits, index):
    """As `_fits`, of arrays on the device."""
    extra = index.ndim - logits.ndim + 1
    return cuda.covered(logits) and logits.size and index.size and extra >= 0 and (
        index.shape[extra:] == logits.shape[:-1])


@categorical_log_prob.on_device
def _(logits, index):
    if not _fits_on_device(logits, index):
        return NotImplemented
    logits, index = cuda.contiguous(logits, index.astype(np.int64, copy=False))
    n, out = logits.shape[-1], array_module(logits).empty(index.shape, logits.dtype)
    cuda.launch("categorical", "categorical_log_prob", logits.dtype, index.size, logits, index, out, n,
                logits.size // n, width=n)
    return out


@categorical_log_prob_vjp.on_device
def _(g, logits, index):
    if not _fits_on_device(logits, index) or not cuda.covered(logits, g) or g.shape != index.shape:
        return NotImplemented
    g, logits, index = cuda.contiguous(g, logits, index.astype(np.int64, copy=False))
    n = logits.shape[-1]
    out = array_module(logits).empty((*index.shape, n), logits.dtype)
    cuda.launch("categorical", "categorical_log_prob_vjp", logits.dtype, index.size, g, logits, index, out, n,
                logits.size // n, width=n)
    return out
