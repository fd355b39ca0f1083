"""The E-step of a mixture of products of Bernoullis: the posterior's sums over the examples, in matrix products.

    log p(x, k) = constant[k] + x · logits[k] + observed · log_zero[k],

with log_zero the log-probabilities of a 0 (where all values are observed their sum is in `constant` instead), and
logits those of a 1 less those of a 0. Rows are taken in blocks, so that one block of the (n, K) posterior is in memory
at a time, and only one block of the binary data is copied as floating numbers.
"""

import numpy as np

from ..arrays import array_module
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.examples import Example
from .machinery.functions import exp, log
from .machinery.wrapping import covered, in_chunks
from .reductions import logsumexp, row_shift

ROWS = 1024  # of a block
CHUNKS = 16  # sums are made in so many chunks, however many threads there are
CHUNK_BYTES = 1 << 26  # memory for the sums of all chunks; there are fewer chunks if they would need more


@kernel
def bernoulli_mixture_moments(x, logits, constant, observed, log_zero):
    """Sums over the rows of log p(x), of r[k], of r[k] x and of r[k] observed, with r[k] = p(k | x).

    Rows `x` are `(n, D)`, 0 where `observed` (booleans likewise, or None) is false; `logits` is `(K, D)` and
    `constant` `(K,)`, of the result's dtype; `log_zero` is `(K, D)`, or None without `observed`. Returns arrays of
    shapes `()` (float64), `(K,)`, `(K, D)` and `(K, D)`, the last None without `observed`.
    """
    xp, x = array_module(x), x.astype(logits.dtype)
    joint = x @ logits.T + constant
    if observed is not None:
        observed = observed.astype(logits.dtype)
        joint += observed @ log_zero.T
    log_prob = logsumexp(joint, axis=-1, keepdims=True)
    r = xp.exp(joint - log_prob)
    return log_prob.sum(dtype=xp.float64), r.sum(axis=0), r.T @ x, None if observed is None else r.T @ observed


@bernoulli_mixture_moments.example
def _(make):
    rows, components, width = make.count(512), make.size(10), make.size(512)
    observed = log_zero = None
    x, logits, constant = make.booleans((rows, width)), make.standard((components, width)), make.standard(components)
    if not make.elements and make.boolean():
        observed, log_zero = make.booleans((rows, width)), -abs(make.standard((components, width)))
        x &= observed
    return Example(x.astype(make.dtype), logits, constant, observed, log_zero, operations=4 * rows * logits.size)


@loop
def _posterior(joint, constant, counts):
    """Turn log p(x, k) less its constant into r for one block, add r to `counts`, and return the sum of log p(x)."""
    total = 0.0
    for n in range(joint.shape[0]):
        row, mass = joint[n], joint.dtype.type(0)
        for k in range(np.uint64(row.size)):
            row[k] += constant[k]
        shift = row_shift(row)
        for k in range(np.uint64(row.size)):
            row[k] = exp(row[k] - shift)
            mass += row[k]
        total += log(mass) + shift
        scale = 1 / mass
        for k in range(np.uint64(row.size)):
            row[k] *= scale
            counts[k] += row[k]
    return total


@bernoulli_mixture_moments.compiled(above=4096)
def _(x, logits, constant, observed, log_zero):
    tables = [logits, constant] if observed is None else [logits, constant, log_zero]
    if not covered(*tables) or x.dtype.kind not in "buif":
        return NotImplemented
    dtype, (k, d), n = logits.dtype, logits.shape, len(x)
    count = max(1, min(CHUNKS, n // ROWS, CHUNK_BYTES // (k * d * dtype.itemsize)))
    totals, counts = np.zeros(count), np.zeros((count, k), dtype)
    ones = np.zeros((count, k, d), dtype)
    present = None if observed is None else np.zeros_like(ones)

    def chunk(i, start, stop):
        joint, block, term = np.empty((ROWS, k), dtype), np.empty((ROWS, d), dtype), np.empty((k, d), dtype)
        for low in range(start, stop, ROWS):
            rows = slice(low, min(low + ROWS, stop))
            r, values = joint[: rows.stop - low], block[: rows.stop - low]
            if observed is not None:
                values[...] = observed[rows]
                zeros = values @ log_zero.T
            values[...] = x[rows]
            np.matmul(values, logits.T, out=r)
            if observed is not None:
                r += zeros
            totals[i] += _posterior(r, constant, counts[i])
            ones[i] += np.matmul(r.T, values, out=term)
            if observed is not None:
                values[...] = observed[rows]
                present[i] += np.matmul(r.T, values, out=term)

    in_chunks(chunk, count, n)
    return np.array(totals.sum()), *(None if sums is None else sums.sum(axis=0) for sums in (counts, ones, present))
