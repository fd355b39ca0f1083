"""The compiled layer and group norms, sums of rows, and the adjoint of row lookup against their references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.agreement import DTYPES, check_kernel, values
from minigen import kernels

SHAPES = st.lists(st.integers(1, 12), min_size=0, max_size=2).flatmap(
    lambda batch: st.integers(1, 70).map(lambda n: (*batch, n)))


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=SHAPES, seed=st.integers(0, 1000), eps=st.sampled_from([1e-5, 0.1]))
def test_layer_norm(dtype, shape, seed, eps):
    x, g, gain, bias = values(seed, dtype, shape, shape, shape[-1:], shape[-1:])
    large = {"rtol": 1e-5, "atol": 1e-4} if dtype is np.float32 else {"rtol": 1e-13, "atol": 1e-12}
    check_kernel("layer_norm", x, gain, bias, eps, **large)
    _, normalised, scale = kernels.layer_norm.reference(x, gain, bias, eps)
    size = float(scale.max())
    check_kernel("layer_norm_vjp", g, gain, normalised, scale, rtol=large["rtol"], atol=large["atol"] * (1 + size))


def test_layer_norm_of_a_row_far_from_zero():
    """The mean comes off before squares are taken."""
    x = (1e4 + np.random.default_rng(0).standard_normal((20, 300))).astype(np.float32)
    out, _, _ = kernels.layer_norm.fast(x, np.ones(300, np.float32), np.zeros(300, np.float32), 1e-5)
    exact = x.astype(float) - x.astype(float).mean(axis=1, keepdims=True)
    exact /= np.sqrt((exact**2).mean(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, exact, atol=1e-2)


def test_layer_norm_with_nan():
    x, gain, bias = values(0, np.float32, (20, 300), (300,), (300,))
    x[3, 7], x[5, 0] = np.nan, np.inf
    check_kernel("layer_norm", x, gain, bias, 1e-5, rtol=1e-5, atol=1e-4)
    wide = values(1, np.float32, (300, 20))[0]
    assert kernels.layer_norm.fast(x, wide.T, bias, 1e-5) is NotImplemented


@pytest.mark.parametrize("dtype", DTYPES)
@given(count=st.integers(1, 30), row=st.lists(st.integers(1, 9), max_size=2).map(tuple), seed=st.integers(0, 1000),
       positions=st.lists(st.integers(1, 20), min_size=1, max_size=2).map(tuple), wrap=st.booleans())
def test_scatter_of_rows(dtype, count, row, seed, positions, wrap):
    index = np.random.default_rng(seed).integers(-count if wrap else 0, count, positions)
    (added,) = values(seed, dtype, (*positions, *row))
    for form in (index, (index,)):
        result = kernels.scatter.fast(added, form, (count, *row))
        expected = np.zeros((count, *row), dtype)
        for position in np.ndindex(positions):
            expected[index[position]] += added[position]
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(result, kernels.scatter.reference(added, form, (count, *row)))


def test_scatter_over_threads_and_of_other_indices():
    (added,) = values(0, np.float32, (5000, 33))
    index = np.random.default_rng(0).integers(0, 300, 5000)
    check_kernel("scatter", added, index, (300, 33))
    assert kernels.scatter.fast(added, (slice(None), index), (5000, 300)) is NotImplemented
    assert kernels.scatter.fast(added, index > 3, (300, 33)) is NotImplemented
    columns = kernels.scatter(added[:, :20], (slice(None), np.arange(20)[::-1].copy()), (5000, 33))
    np.testing.assert_array_equal(columns[:, :20], added[:, 19::-1])


@given(st.integers(1, 2000), st.integers(1, 40), st.sampled_from([np.float32, np.float64]))
def test_sums_of_rows(count, width, dtype):
    (x,) = values(count, dtype, (count, width))
    result, exact = kernels.sum_rows.fast(x), x.astype(np.longdouble).sum(axis=0)
    assert result.dtype == dtype and result.shape == (width,)
    assert (abs(result - exact) <= 20 * np.finfo(dtype).eps * abs(x).astype(float).sum(axis=0)).all()


def test_sums_of_rows_over_threads_and_axes():
    x = np.round(values(0, np.float32, (40, 50, 50, 3))[0])  # sums of small integers are exact
    check_kernel("sum_rows", x)
    np.testing.assert_array_equal(kernels.sum_rows(x), x.reshape(-1, 3).sum(axis=0))
    x[3, 2, 1, 0] = np.nan
    assert np.isnan(kernels.sum_rows(x)).tolist() == [True, False, False]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, groups", [((3, 200, 6), 2), ((1, 700, 64), 64), ((5, 19, 20, 3), 3), ((2, 1100), 4),
                                           ((2, 1, 40000), 5), ((2, 90_000, 1), 1)])
def test_group_norm(dtype, shape, groups):
    x, g, weight, bias = values(1, dtype, shape, shape, shape[-1:], shape[-1:])
    large = {"rtol": 1e-5, "atol": 1e-4} if dtype is np.float32 else {"rtol": 1e-12, "atol": 1e-11}
    check_kernel("group_norm", x, weight, bias, groups, 1e-3, **large)
    _, mean, variance = kernels.group_norm.reference(x, weight, bias, groups, 1e-3)
    scale = 1 / np.sqrt(variance + dtype(1e-3))
    sums = {"rtol": large["rtol"], "atol": large["atol"] * x.size / shape[0] / shape[-1]}
    check_kernel("group_norm_sums", g, x, mean, scale, **sums)
    total, along = kernels.group_norm_sums.reference(g, x, mean, scale)
    check_kernel("group_norm_vjp", g, x, weight, mean, scale, total, along, **large)


def test_group_norm_of_values_far_from_zero():
    """The mean comes off before squares are taken, and many chunks lose no digits."""
    x = (1e4 + np.random.default_rng(0).standard_normal((1, 20_000, 3))).astype(np.float32)
    y, mean, variance = kernels.group_norm.fast(x, np.ones(3, np.float32), np.zeros(3, np.float32), 3, 1e-5)
    exact = x.astype(float) - x.astype(float).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(mean, x.astype(float).mean(axis=1), rtol=2e-7)
    np.testing.assert_allclose(variance, (exact**2).mean(axis=1), rtol=1e-3)
    np.testing.assert_allclose(y, exact / np.sqrt((exact**2).mean(axis=1, keepdims=True) + 1e-5), atol=2e-3)
