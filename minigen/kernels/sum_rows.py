"""The sum of all rows: the gradient of a vector that was added to every row."""

import numpy as np

from ..arrays.pool import run
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.wrapping import covered, rows

CHUNK = 512  # rows that are added up together: the order of additions does not depend on the number of threads


@kernel
def sum_rows(x):
    """Σ x over all axes but the last."""
    return x.sum(axis=tuple(range(x.ndim - 1)))


sum_rows.example(lambda make: make.alike(1))


@loop
def _sum(start, stop, x, sums):
    """Add chunks start … stop to their rows of `sums`. A row of `sums` is read and written once for four rows of x."""
    for i in range(start, stop):
        total, r, last = sums[i], i * CHUNK, min((i + 1) * CHUNK, x.shape[0])
        while r + 4 <= last:
            a, b, c, d = x[r], x[r + 1], x[r + 2], x[r + 3]
            for j in range(total.size):
                total[j] += (a[j] + b[j]) + (c[j] + d[j])
            r += 4
        while r < last:
            a = x[r]
            for j in range(total.size):
                total[j] += a[j]
            r += 1


@sum_rows.compiled(above=65536)
def _(x):
    if x.ndim < 2 or not covered(x) or not x.size:
        return NotImplemented
    x = rows(x)
    sums = np.zeros((-(-len(x) // CHUNK), x.shape[1]), x.dtype)
    run(_sum, len(sums), max(1, 65536 // (CHUNK * x.shape[1])), x, sums)
    return sums.sum(axis=0)
