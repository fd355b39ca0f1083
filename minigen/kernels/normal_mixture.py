"""The E-step of a mixture of normals: log p(x, k), and the posterior's moments summed over the examples.

A component N(μ, Σ) with Σ = L Lᵀ is described by the map that makes it standard normal, y = L⁻¹ (x - μ). For rows x
this is y = x @ whitening - offset, with `whitening` = L⁻ᵀ and `offset` = μᵀ L⁻ᵀ; if Σ is diagonal, `whitening` is a
vector that multiplies x. `constant` is log p(x, k) at y = 0. One matrix product gives all components' y for a block of
rows, and others give the sums over these rows while they are in the cache. Sums of y rather than of x stay exact where
components are small and far apart.
"""

import numpy as np

from ..arrays import array_module
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.examples import Example
from .machinery.functions import exp, log
from .machinery.wrapping import covered, in_chunks
from .reductions import logsumexp, row_shift

BLOCK_BYTES = 1 << 19  # of y, about half of a usual second-level cache
CHUNKS = 32  # sums are made in so many chunks, however many threads there are
CHUNK_BYTES = 1 << 26  # memory for the sums of all chunks; there are fewer chunks if they would need more


@kernel
def normal_mixture_log_joint(x, whitening, offset, constant):
    """log p(x, k) = constant[k] - ½ |y[k]|², of rows `x` `(n, D)`: `(n, K)`.

    `whitening` is `(K, D, D)`, or `(K, D)` for diagonal covariances; `offset` is `(K, D)` and `constant` `(K,)`.
    """
    y = _whiten(x, whitening, offset)
    return constant - 0.5 * (y * y).sum(axis=-1)


@normal_mixture_log_joint.example
def _(make):
    x, whitening, *others = _example(make)
    return Example(x, whitening, *others, operations=2 * len(x) * whitening.size)


@kernel
def normal_mixture_moments(x, whitening, offset, constant):
    """Sums over the rows of log p(x), of r[k], of r[k] y[k] and of r[k] y[k] y[k]ᵀ, with r[k] = p(k | x).

    Arguments as in `normal_mixture_log_joint`. Returns arrays of shapes `()`, `(K,)`, `(K, D)` and `(K, D, D)`; for
    diagonal covariances the last is `(K, D)`, the sum of r[k] y[k]².
    """
    y, xp = _whiten(x, whitening, offset), array_module(x)
    joint = constant - 0.5 * (y * y).sum(axis=-1)
    log_prob = logsumexp(joint, axis=-1, keepdims=True)
    r = xp.exp(joint - log_prob)
    pairs = "nk,nki,nkj->kij" if whitening.ndim == 3 else "nk,nki,nki->ki"
    return log_prob.sum(), r.sum(axis=0), xp.einsum("nk,nkd->kd", r, y), xp.einsum(pairs, r, y, y)


@normal_mixture_moments.example
def _(make):
    x, whitening, *others = _example(make)
    return Example(x, whitening, *others, operations=4 * len(x) * whitening.size)


def _example(make):
    """x, whitening, offset and constant; in a small example covariances may be diagonal."""
    components, width = make.size(10), make.size(16)
    full = bool(make.elements) or make.boolean()
    return [make.standard((make.count(16), width)), make.standard((components, width) + (width,) * full),
            make.standard((components, width)), make.standard(components)]


def _whiten(x, whitening, offset):
    """y `(n, K, D)`."""
    if whitening.ndim == 2:
        return x[:, None] * whitening - offset
    return array_module(x).einsum("ni,kij->nkj", x, whitening) - offset


@loop
def _scale(x, whitening, y):
    """y for diagonal covariances, before the offset is subtracted."""
    for n in range(x.shape[0]):
        for k in range(whitening.shape[0]):
            row, scale, out = x[n], whitening[k], y[n, k]
            for d in range(np.uint64(row.size)):
                out[d] = row[d] * scale[d]


@loop
def _squares(y, offset):
    """Subtract the offset from y, and return |y|²."""
    total = y.dtype.type(0)
    for d in range(np.uint64(y.size)):
        y[d] -= offset[d]
        total += y[d] * y[d]
    return total


@loop
def _joint(y, offset, constant, out):
    """log p(x, k) for one block; its y still contain the offset."""
    for n in range(y.shape[0]):
        for k in range(y.shape[1]):
            out[n, k] = constant[k] - _squares(y[n, k], offset[k]) / 2


@loop
def _posterior(y, weighted, offset, constant, counts, first):
    """For one block: subtract the offset from y, put r·y into `weighted`, and add r and r·y to their sums.

    Returns the sum of log p(x).
    """
    total, joint = 0.0, np.empty(constant.size, y.dtype)
    for n in range(y.shape[0]):
        for k in range(joint.size):
            joint[k] = constant[k] - _squares(y[n, k], offset[k]) / 2
        shift, mass = row_shift(joint), y.dtype.type(0)
        for k in range(joint.size):
            joint[k] = exp(joint[k] - shift)
            mass += joint[k]
        total += log(mass) + shift
        for k in range(joint.size):
            r, source, out, sums = joint[k] / mass, y[n, k], weighted[n, k], first[k]
            counts[k] += r
            for d in range(np.uint64(source.size)):
                out[d] = r * source[d]
                sums[d] += out[d]
    return total


@loop
def _add_products(weighted, y, second):
    """Add Σ_n weighted·y, element by element, to `second`."""
    for n in range(y.shape[0]):
        for k in range(y.shape[1]):
            a, b, sums = weighted[n, k], y[n, k], second[k]
            for d in range(np.uint64(a.size)):
                sums[d] += a[d] * b[d]


def _blocks(x, whitening):
    """A function (start, stop) that yields slices of these rows with their y, without offset, in the same memory."""
    (k, d), full = whitening.shape[:2], whitening.ndim == 3
    rows = max(256, BLOCK_BYTES // (k * d * x.itemsize))
    together = np.ascontiguousarray(whitening.transpose(1, 0, 2).reshape(d, k * d)) if full else whitening

    def blocks(start, stop):
        memory = np.empty((min(rows, stop - start), k, d), x.dtype)
        for low in range(start, stop, rows):
            block = slice(low, min(low + rows, stop))
            y = memory[: block.stop - low]
            if full:
                np.matmul(x[block], together, out=y.reshape(len(y), k * d))
            else:
                _scale(x[block], whitening, y)
            yield block, y

    return blocks


def _chunks(x, size):
    """Into how many chunks to cut the rows, if a chunk takes `size` numbers of memory beside its blocks."""
    return max(1, min(CHUNKS, len(x) // 256, CHUNK_BYTES // (size * x.itemsize)))


@normal_mixture_log_joint.compiled(above=2048)
def _(x, whitening, offset, constant):
    if not covered(x, whitening, offset, constant):
        return NotImplemented
    x, out, blocks = np.ascontiguousarray(x), np.empty((len(x), len(constant)), x.dtype), _blocks(x, whitening)

    def piece(i, start, stop):
        for block, y in blocks(start, stop):
            _joint(y, offset, constant, out[block])

    in_chunks(piece, _chunks(x, 1), len(x))
    return out


@normal_mixture_moments.compiled(above=2048)
def _(x, whitening, offset, constant):
    if not covered(x, whitening, offset, constant):
        return NotImplemented
    x, blocks = np.ascontiguousarray(x), _blocks(x, whitening)
    chunks = _chunks(x, whitening.size)
    totals, counts = np.zeros(chunks, x.dtype), np.zeros((chunks, len(constant)), x.dtype)
    first, second = np.zeros((chunks, *offset.shape), x.dtype), np.zeros((chunks, *whitening.shape), x.dtype)

    def piece(i, start, stop):
        weighted = term = None
        for _, y in blocks(start, stop):
            if weighted is None:
                weighted, term = np.empty_like(y), np.empty_like(whitening)
            ry = weighted[: len(y)]
            totals[i] += _posterior(y, ry, offset, constant, counts[i], first[i])
            if whitening.ndim == 3:
                second[i] += np.matmul(ry.transpose(1, 2, 0), y.transpose(1, 0, 2), out=term)
            else:
                _add_products(ry, y, second[i])

    in_chunks(piece, chunks, len(x))
    return np.array(totals.sum()), counts.sum(axis=0), first.sum(axis=0), second.sum(axis=0)
