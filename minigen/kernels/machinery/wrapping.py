"""How compiled kernels call their loops over elements, rows or chunks, and which arrays they cover."""

import numpy as np

from ...arrays.blas import run_products
from ...arrays.pool import run

# A thread works through so many elements in about twice the time that it takes to wake another thread up.
GRAIN = 65536


def covered(*arrays) -> bool:
    """Whether these are NumPy arrays of one dtype, float32 or float64 in native byte order."""
    dtype = arrays[0].dtype
    if dtype.char not in "fd" or not dtype.isnative:
        return False
    for array in arrays:
        if type(array) is not np.ndarray or array.dtype != dtype:
            return False
    return True


def flat(array) -> np.ndarray:
    """The elements as one contiguous row, copied only if they do not lie like that yet."""
    return np.ascontiguousarray(array).reshape(-1)


def rows(array) -> np.ndarray:
    """The array as a contiguous matrix: all axes but the last become one."""
    return np.ascontiguousarray(array).reshape(-1, array.shape[-1])


def elementwise(loop, arrays, constants=(), outputs=1):
    """Run `loop(start, stop, *arrays, *constants, *outputs)` over arrays of one shape and dtype.

    `constants` are numbers; the loop gets them in the arrays' dtype. Returns the output, or a tuple of several, or
    NotImplemented for arrays of different shapes or dtypes.
    """
    first = arrays[0]
    if not covered(*arrays) or any(array.shape != first.shape for array in arrays):
        return NotImplemented
    kind = first.dtype.type
    results = [np.empty(first.shape, kind) for _ in range(outputs)]
    run(loop, first.size, GRAIN, *[flat(array) for array in arrays], *[kind(value) for value in constants],
        *[result.reshape(-1) for result in results])
    return results[0] if outputs == 1 else tuple(results)


def by_rows(loop, width: int, count: int, *args) -> None:
    """Run `loop(start, stop, *args)` over `count` rows of `width` elements."""
    run(loop, count, GRAIN // (width or 1) + 1, *args)


def repeats(small, large) -> bool:
    """Whether `small` has the shape of `large`, or lacks some leading axes of it.

    Row r of `large` then goes with row r modulo the number of rows of `small`.
    """
    return small.ndim > 0 and small.shape == large.shape[large.ndim - small.ndim :]


def in_chunks(piece, count: int, n: int) -> None:
    """Run `piece(i, start, stop)` for n rows cut into `count` chunks, on several threads if there are several chunks.

    A sum for each chunk does not depend on the number of threads. Matrix products in a piece use its thread alone; only
    with a single chunk they may use more threads.
    """
    def pieces(first, last):
        for i in range(first, last):
            piece(i, n * i // count, n * (i + 1) // count)

    if count == 1:
        pieces(0, 1)
    else:
        run_products(pieces, count, 1)
