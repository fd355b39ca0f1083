"""Compiled products with masked matrices against their references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen import kernels
from minigen.arrays import blas, pool
from minigen.kernels import masked
from minigen.kernels.masked import Blocks

RANDOM = np.random.default_rng(11)


def staircase(rows, columns, levels=30):
    low, high = (np.sort(RANDOM.integers(0, levels, n)) for n in (rows, columns))
    return low[:, None] <= high


def agree(mask, leading, dtype, tolerance):
    x, g = (RANDOM.standard_normal((*leading, n)).astype(dtype) for n in mask.shape)
    w, blocks = RANDOM.standard_normal(mask.shape).astype(dtype), Blocks(mask)
    for kernel, args in ((kernels.masked_matmul, (x, w, blocks)), (kernels.masked_weight, (x, g, blocks)),
                         (kernels.masked_matmul, (g, w.T, blocks.transposed)),
                         (kernels.masked_matmul, (g, np.ascontiguousarray(w.T), blocks.transposed))):
        result, expected = kernel.fast(*args), kernel.reference(*args)
        if result is NotImplemented:
            continue
        assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * np.sqrt(1 + max(x.shape + mask.shape)))


@given(st.integers(0, 90), st.integers(0, 90), st.lists(st.integers(0, 5), max_size=2), st.booleans(), st.booleans())
def test_compiled_is_reference(rows, columns, leading, ordered, double):
    mask = staircase(rows, columns) if ordered else RANDOM.random((rows, columns)) < 0.3
    agree(mask, leading, *(("f8", 1e-13) if double else ("f4", 3e-6)))


@pytest.mark.parametrize("mask", [
    staircase(200, 300), staircase(300, 200)[::-1, ::-1], staircase(200, 300)[::-1], np.zeros((200, 300), bool),
    np.ones((200, 300), bool), RANDOM.random((200, 300)) < 0.01,
])
def test_in_threads(mask, monkeypatch):
    monkeypatch.setattr(masked, "FLOPS", 1)
    monkeypatch.setattr(pool, "thread_count", lambda: 3)
    agree(mask, (70,), "f4", 3e-6)


def test_staircase_does_half_the_work():
    mask = staircase(784, 500, 784)
    for blocks in (Blocks(mask), Blocks(mask.T), Blocks(mask).transposed):
        covered = np.zeros(blocks.shape, bool)
        for columns, live in blocks.panels:
            covered[live, columns] = True
        assert (covered | ~blocks.mask).all() and covered.sum() == blocks.work
        assert blocks.work < 0.6 * mask.size


def test_values_behind_the_mask_are_not_read():
    mask = staircase(64, 64)
    x, w = RANDOM.standard_normal((64, 64)), RANDOM.standard_normal((64, 64))
    expected = kernels.masked_matmul(x, w, Blocks(mask))
    np.testing.assert_array_equal(kernels.masked_matmul(x, np.where(mask, w, np.nan), Blocks(mask)), expected)


@pytest.mark.parametrize(("mask", "words"), [(np.ones(3), "matrix"), (np.full((2, 2), 0.5), "ones and zeros|1 and 0")])
def test_refused_masks(mask, words):
    with pytest.raises(ValueError, match=words):
        Blocks(mask)


def test_blas_threads_come_back():
    """Also when contexts are nested, and when another number is set inside."""
    set_number, get_number = blas._numpy_openblas()
    if set_number is None:
        pytest.skip("NumPy's BLAS is not an OpenBLAS")
    before = get_number()
    try:
        set_number(2)
        with blas.one_blas_thread() as outer, blas.one_blas_thread() as inner:
            assert outer and inner and get_number() == 1
        assert get_number() == 2
        with blas.one_blas_thread():
            set_number(3)
        assert get_number() == 3
        with pytest.raises(KeyError), blas.one_blas_thread():
            raise KeyError
        assert get_number() == 3
    finally:
        set_number(before)
