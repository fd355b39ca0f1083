"""Matrix products that are cut for the threads which compiled loops have.

OpenBLAS has threads of its own. One that has helped with a product goes on asking for more for some 25 ms, and takes
that long a core from the loops that come after it: a PixelCNN's training step took 85 ms for 55. So a large product is
cut along its longest axis, and each part is a product on one thread.
"""

import math

import numpy as np

from ..arrays.blas import run_products
from ..arrays.pool import thread_count
from .dispatch import kernel
from .wrapping import covered

ALONE = 1 << 18  # multiplications up to which OpenBLAS uses one thread anyway
PART = 1 << 20  # multiplications that pay for a thread
STEP = 32  # parts begin at multiples of it, where products have no remainders


@kernel
def matmul(x, y):
    """x @ y, of matrices or of stacks of as many matrices."""
    return x @ y


@matmul.compiled(above=1024)
def _(x, y):
    if x.ndim < 2 or y.ndim < 2 or (x.ndim > 2 and x.shape[:-2] != y.shape[:-2]) or y.ndim > x.ndim:
        return NotImplemented
    work = x.size * y.shape[-1]
    if work <= ALONE or not covered(x, y) or x.shape[-1] != y.shape[-2] or y.size == 0:
        return NotImplemented
    if x.ndim > 2:
        return _stacks(x, y, work)
    out = np.empty((x.shape[0], y.shape[1]), x.dtype)
    extents = x.shape[0], x.shape[1], y.shape[1]
    axis = extents.index(max(extents))
    count = max(1, min(thread_count(), work // PART, extents[axis] // STEP))
    bounds = [extents[axis] * i // count // STEP * STEP for i in range(count)] + [extents[axis]]
    parts = [slice(*pair) for pair in zip(bounds, bounds[1:], strict=False)]
    sums = [out, *(np.empty_like(out) for _ in parts[1:])] if axis == 1 else None

    def product(start, stop):
        for i in range(start, stop):
            part = parts[i]
            if axis == 0:
                np.matmul(x[part], y, out=out[part])
            elif axis == 1:
                np.matmul(x[:, part], y[part], out=sums[i])
            else:
                np.matmul(x, y[:, part], out=out[:, part])

    run_products(product, count, 1)
    for more in sums[1:] if sums else ():
        out += more
    return out


def _stacks(x, y, work):
    """Products of so many matrices, some on each thread."""
    stack, count = x.shape[:-2], math.prod(x.shape[:-2])
    x, y = x.reshape(count, *x.shape[-2:]), y.reshape(count, *y.shape[-2:])
    out = np.empty((count, x.shape[1], y.shape[2]), x.dtype)
    run_products(lambda start, stop: np.matmul(x[start:stop], y[start:stop], out=out[start:stop]), count,
                 -(-count * PART // work))
    return out.reshape(*stack, *out.shape[1:])
