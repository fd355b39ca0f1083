"""What holds of every kernel that is compiled: it agrees with its reference, however it is called."""

import numpy as np

from minigen import kernels
from minigen.arrays import pool
from minigen.kernels.machinery.dispatch import reference_kernels

DTYPES = [np.float32, np.float64]
# Relative to the largest terms of a result: in float32, and in float64.
TOLERANCE = {"f": 2e-6, "d": 1e-14}


def values(seed, dtype, *shapes, scale=3.0):
    """Normal random arrays."""
    random = np.random.default_rng(seed)
    return [np.asarray(scale * random.standard_normal(shape), dtype) for shape in shapes]


def all_combinations(*numbers):
    """Arrays in which all combinations of the numbers stand beside each other, several times over."""
    return [np.tile(grid.ravel(), 5) for grid in np.meshgrid(*numbers, indexing="ij")]


def as_tuple(result):
    """Several results as a tuple, one as a tuple of one."""
    return result if isinstance(result, tuple) else (result,)


@np.errstate(all="ignore")
def check_kernel(name, *args, rtol=None, atol=None):
    """The compiled version, whatever the arrays' size, agrees with the reference; inputs are left alone.

    Results share no memory with inputs; of large arrays they are the same bits with one thread as with several.
    """
    kernel = getattr(kernels, name)
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    copies = [a.copy() for a in arrays]
    with reference_kernels():
        expected = as_tuple(kernel(*args))
    result = kernel.fast(*args)
    assert result is not NotImplemented, "the compiled version does not cover these arrays"
    result = as_tuple(result)
    tolerance = TOLERANCE[np.asarray(expected[0]).dtype.char] if rtol is None else rtol
    assert len(result) == len(expected)
    for y, reference in zip(result, expected, strict=True):
        assert isinstance(y, np.ndarray) and y.dtype == reference.dtype and y.shape == reference.shape
        np.testing.assert_allclose(y, reference, rtol=tolerance, atol=5 * tolerance if atol is None else atol)
        assert not any(np.shares_memory(y, a) for a in arrays), "a result is a view of an input"
    assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays, copies, strict=True)), "an input was written to"
    if max(a.size for a in arrays) > 4096:
        _check_threads(kernel, args, result)


def _check_threads(kernel, args, result):
    before = pool.thread_count()
    try:
        for threads in (1, 2, 3):
            pool.set_thread_count(threads)
            for y, again in zip(result, as_tuple(kernel.fast(*args)), strict=True):
                assert y.tobytes() == again.tobytes(), f"{threads} threads give other bits"
    finally:
        pool.set_thread_count(before)
