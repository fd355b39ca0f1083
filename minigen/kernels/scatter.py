"""The adjoint of indexing: values added into zeros."""

import math

import numpy as np

from ..arrays import array_module
from ..arrays.pool import run
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.wrapping import GRAIN, covered


@kernel
def scatter(values, index, shape):
    """Zeros of `shape` with `values` added at `index`; where an index comes twice, both values are added."""
    xp = array_module(values)
    result = xp.zeros(shape, values.dtype)
    indices = index if isinstance(index, tuple) else (index,)
    if all(i is None or i is Ellipsis or isinstance(i, slice | int | np.integer) for i in indices):
        result[index] = values  # slices and integers name no element twice
    else:
        xp.add.at(result, index, values)
    return result


@scatter.example
def _(make):
    rows, width, count = make.count(64), make.size(64), make.size(256)
    return [make.normal((rows, width)), make.integers(-count, count, rows), (count, width)]


@loop
def _add_rows(start, stop, values, index, out):
    """Rows start to stop of the result. Every thread looks through all indices, and no two write to the same row."""
    for k in range(index.size):
        r = index[k] + (out.shape[0] if index[k] < 0 else 0)
        if start <= r < stop:
            v, o = values[k], out[r]
            for j in range(v.size):
                o[j] += v[j]


@scatter.compiled(above=1024)
def _(values, index, shape):
    """Adds rows to a table at an array of integers along the first axis, as the gradient of an embedding does."""
    indices = index if isinstance(index, tuple) else (index,)
    first = indices[0] if len(indices) == 1 else None
    if not isinstance(first, np.ndarray) or first.dtype.kind not in "iu" or not covered(values) or (
            values.shape != (*first.shape, *shape[1:])) or 0 in shape:
        return NotImplemented
    result = np.zeros(shape, values.dtype)
    width = math.prod(shape[1:])
    pieces = -(-values.size // GRAIN)
    run(_add_rows, shape[0], -(-shape[0] // pieces), np.ascontiguousarray(values).reshape(-1, width),
        np.ascontiguousarray(first, np.int64).reshape(-1), result.reshape(-1, width))
    return result


SEARCH = 1 << 30  # up to so many comparisons, each row of a table looks for its values itself, in a fixed order


@scatter.on_device
def _(values, index, shape):
    indices = index if isinstance(index, tuple) else (index,)
    rows = indices[0] if len(indices) == 1 else None
    if getattr(rows, "dtype", None) is None or rows.dtype.kind not in "iu" or array_module(rows) is np or (
            not cuda.covered(values)):
        return NotImplemented
    values, rows = cuda.contiguous(values, rows.astype(np.int64))
    m, n, count = rows.size, math.prod(shape[1:]), shape[0]
    xp = array_module(values)
    if m * count <= SEARCH:
        out = xp.empty(shape, values.dtype)
        cuda.launch("scatter", "scatter_rows", values.dtype, count, values, rows, out, m, n, count, width=n)
    else:
        out = xp.zeros(shape, values.dtype)
        cuda.launch("scatter", "scatter_rows_atomic", values.dtype, m * n, values, rows, out, m, n, count)
    return out
