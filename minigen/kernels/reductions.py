"""Sums of exponentials, shifted by the largest element so that they cannot overflow."""

import math

import numpy as np

from ..arrays import array_module
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import exp, log, ordered, unordered
from .machinery.wrapping import by_rows, covered, rows


def _shift(x, axis, xp):
    """The largest element along `axis`, kept, and 0 where it is infinite (inf - inf would be NaN)."""
    if x.size == 0:
        return xp.zeros(x.sum(axis=axis, keepdims=True).shape, x.dtype)
    largest = x.max(axis=axis, keepdims=True)
    return xp.where(xp.isfinite(largest), largest, 0)


@kernel
def logsumexp(x, axis=None, keepdims=False):
    """log Σ exp(x) over `axis`; -inf for no elements, or where every element is -inf."""
    xp = array_module(x)
    shift = _shift(x, axis, xp)
    total = xp.exp(x - shift).sum(axis=axis, keepdims=True)
    empty = total == 0
    result = xp.where(empty, -float("inf"), xp.log(xp.where(empty, 1, total))) + shift
    return result if keepdims else result.reshape(x.sum(axis=axis).shape)


logsumexp.example(lambda make: [*make.alike(1), -1, make.boolean()])


@kernel
def log_softmax(x, axis=-1):
    """x - log Σ exp(x) along `axis`; the shift is subtracted from both terms, so that large x keep their digits."""
    xp = array_module(x)
    shifted = x - _shift(x, axis, xp)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


log_softmax.example(lambda make: [*make.alike(1), -1])


@kernel
def log_softmax_vjp(g, y, axis):
    """g - exp(y)·Σ g along `axis`, y the output."""
    return g - array_module(y).exp(y) * g.sum(axis=axis, keepdims=True)


log_softmax_vjp.example(lambda make: [*make.alike(2), -1])


@kernel
def softmax(x, axis=-1):
    """exp(x) / Σ exp(x) along `axis`."""
    xp = array_module(x)
    weights = xp.exp(x - _shift(x, axis, xp))
    return weights / weights.sum(axis=axis, keepdims=True)


softmax.example(lambda make: [*make.alike(1), -1])


@kernel
def softmax_vjp(g, y, axis):
    """y·(g - Σ g·y) along `axis`, y the output."""
    gy = g * y
    return gy - y * gy.sum(axis=axis, keepdims=True)


softmax_vjp.example(lambda make: [*make.alike(2), -1])


@loop
def row_shift(row):
    """The largest element of a row, or 0 where that is infinite or NaN."""
    top = ordered(row[0])
    for j in range(row.size):
        value = ordered(row[j])
        top = value if value > top else top
    largest = unordered(top)
    return largest if abs(largest) < math.inf else row.dtype.type(0)


@loop(fastmath=False)
def difference(a, b, c):
    """(a - b) - c in this order; with FASTMATH it becomes a - (b + c), which loses a small c."""
    return (a - b) - c


@loop(forceinline=True)  # a call for each short row would cost a third of its time
def row_logsumexp(row):
    """log Σ exp(row)."""
    shift, total = row_shift(row), row.dtype.type(0)
    for j in range(row.size):
        total += exp(row[j] - shift)
    return log(total) + shift


@loop
def _logsumexp(start, stop, x, out):
    for r in range(start, stop):
        out[r] = row_logsumexp(x[r])


@loop
def _log_softmax(start, stop, x, out):
    for r in range(start, stop):
        v, o, total = x[r], out[r], x.dtype.type(0)
        shift = row_shift(v)
        for j in range(v.size):
            total += exp(v[j] - shift)
        logarithm = log(total)
        for j in range(v.size):
            o[j] = difference(v[j], shift, logarithm)


@loop(fastmath={"reassoc", "contract", "nsz", "afn"})  # no reciprocal: weights / total is exact where total is 1
def _softmax(start, stop, x, out):
    for r in range(start, stop):
        v, o, total = x[r], out[r], x.dtype.type(0)
        shift = row_shift(v)
        for j in range(v.size):
            o[j] = exp(v[j] - shift)
            total += o[j]
        for j in range(v.size):
            o[j] /= total


@loop
def _softmax_vjp(start, stop, g, y, out):
    for r in range(start, stop):
        a, p, o, total = g[r], y[r], out[r], g.dtype.type(0)
        for j in range(a.size):
            total += a[j] * p[j]
        for j in range(a.size):
            o[j] = a[j] * p[j] - p[j] * total


@loop
def _log_softmax_vjp(start, stop, g, y, out):
    for r in range(start, stop):
        a, v, o, total = g[r], y[r], out[r], g.dtype.type(0)
        for j in range(a.size):
            total += a[j]
        for j in range(a.size):
            o[j] = a[j] - exp(v[j]) * total


def _last(x, axis) -> bool:
    """Whether `axis` is the last one of x, and rows along it have elements."""
    return x.size > 0 and (axis is None and x.ndim == 1 or isinstance(axis, int) and axis in (-1, x.ndim - 1))


def _along_rows(loop, axis, *arrays):
    first = arrays[0]
    if not covered(*arrays) or not _last(first, axis) or any(array.shape != first.shape for array in arrays):
        return NotImplemented
    out = np.empty(first.shape, first.dtype)
    by_rows(loop, first.shape[-1], first.size // first.shape[-1], *[rows(array) for array in arrays], rows(out))
    return out


@logsumexp.compiled()
def _(x, axis=None, keepdims=False):
    if not covered(x) or not _last(x, axis):
        return NotImplemented
    out = np.empty(x.shape[:-1], x.dtype)
    by_rows(_logsumexp, x.shape[-1], out.size, rows(x), out.reshape(-1))
    return out[..., None] if keepdims else out


softmax.compiled()(lambda x, axis=-1: _along_rows(_softmax, axis, x))
softmax_vjp.compiled()(lambda g, y, axis: _along_rows(_softmax_vjp, axis, g, y))
log_softmax.compiled()(lambda x, axis=-1: _along_rows(_log_softmax, axis, x))
log_softmax_vjp.compiled()(lambda g, y, axis: _along_rows(_log_softmax_vjp, axis, g, y))


@logsumexp.on_device
def _(x, axis=None, keepdims=False):
    if not cuda.covered(x) or not _last(x, axis):
        return NotImplemented
    (x,) = cuda.contiguous(x)
    n = x.shape[-1]
    out = array_module(x).empty((*x.shape[:-1], 1) if keepdims else x.shape[:-1], x.dtype)
    cuda.launch("reductions", "logsumexp", x.dtype, x.size // n, x, out, n, width=n)
    return out


def _launch_along_rows(name, axis, *arrays):
    """Launch a kernel of arrays of one shape that works along the last axis and gives one array of that shape."""
    x = arrays[0]
    if not cuda.covered(*arrays) or not _last(x, axis) or any(a.shape != x.shape for a in arrays):
        return NotImplemented
    out, n = array_module(x).empty(x.shape, x.dtype), x.shape[-1]
    cuda.launch("reductions", name, x.dtype, x.size // n, *cuda.contiguous(*arrays), out, n, width=n)
    return out


softmax.on_device(lambda x, axis=-1: _launch_along_rows("softmax", axis, x))
softmax_vjp.on_device(lambda g, y, axis: _launch_along_rows("softmax_vjp", axis, g, y))
log_softmax.on_device(lambda x, axis=-1: _launch_along_rows("log_softmax", axis, x))
log_softmax_vjp.on_device(lambda g, y, axis: _launch_along_rows("log_softmax_vjp", axis, g, y))
