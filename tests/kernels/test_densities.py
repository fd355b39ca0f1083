"""The compiled likelihoods and softmax kernels against their references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.agreement import DTYPES, all_combinations, check_kernel, values
from minigen import kernels

SHAPES = st.lists(st.integers(1, 12), min_size=0, max_size=2).flatmap(
    lambda batch: st.integers(1, 70).map(lambda n: (*batch, n)))
TAILS = [0, -0.0, 1e-30, 20, -20, 90, -90, 1e4, -1e4, np.inf, -np.inf, np.nan]


def relative_to_row(name, *args, terms):
    """As check_kernel, the absolute tolerance being that of a sum of terms so large."""
    eps = 3e-7 if args[0].dtype == np.float32 else 1e-15
    check_kernel(name, *args, atol=eps * (10 + float(terms)))


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=SHAPES, copies=st.integers(0, 3), seed=st.integers(0, 1000))
def test_bernoulli(dtype, shape, copies, seed):
    full = (copies, *shape) if copies else shape
    logits, g = values(seed, dtype, full, full[:-1])
    x = (np.random.default_rng(seed).random(shape) < 0.5).astype(dtype)
    relative_to_row("bernoulli_log_prob", x, logits, terms=np.abs(logits).sum(axis=-1).max())
    check_kernel("bernoulli_log_prob_vjp", g, x, logits)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bernoulli_tails(dtype):
    x, logits = (a[:, None] for a in all_combinations([0, 1, 0.25], TAILS))
    check_kernel("bernoulli_log_prob", x.astype(dtype), logits.astype(dtype))
    check_kernel("bernoulli_log_prob", x.astype(dtype).repeat(9, 1), logits.astype(dtype).repeat(9, 1))
    check_kernel("bernoulli_log_prob_vjp", np.ones(len(x), dtype), x.astype(dtype), logits.astype(dtype))


def test_bernoulli_keeps_small_terms():
    """Eight confident elements share a logarithm, and none is lost in 1 + t."""
    logits = np.full((3, 64), -30, np.float32)
    result = kernels.bernoulli_log_prob.fast(np.zeros_like(logits), logits)
    np.testing.assert_allclose(result, np.full(3, -64 * np.exp(-30.0)), rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=SHAPES, copies=st.integers(0, 3), seed=st.integers(0, 1000))
def test_normal(dtype, shape, copies, seed):
    full = (copies, *shape) if copies else shape
    x, loc, log_scale, noise, g = values(seed, dtype, full, shape, shape, shape, full[:-1], scale=1.0)
    z = (x - loc) * np.exp(-log_scale)
    relative_to_row("normal_log_prob", x, loc, log_scale, terms=(z * z + np.abs(log_scale) + 1).sum(axis=-1).max())
    scale = float((np.abs(z) + 1).max() ** 2 * np.exp(-log_scale).max() * (1 + np.abs(g).max()))
    check_kernel("normal_log_prob_vjp", g, x, loc, log_scale,
                 rtol=1e-5 if dtype is np.float32 else 1e-13, atol=(1e-6 if dtype is np.float32 else 1e-14) * scale)
    relative_to_row("normal_kl", loc, log_scale, terms=(np.exp(2 * log_scale) + loc**2 + 1).sum(axis=-1).max())
    (h,) = values(seed, dtype, shape[:-1])
    check_kernel("normal_kl_vjp", h, loc, log_scale)
    check_kernel("reparameterize", loc, log_scale, noise)
    check_kernel("reparameterize_vjp", x[(0,) * bool(copies)], log_scale, noise)


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=SHAPES, copies=st.integers(0, 3), seed=st.integers(0, 1000), kind=st.sampled_from(["i8", "u1", "i4"]))
def test_categorical(dtype, shape, copies, seed, kind):
    (logits,) = values(seed, dtype, shape)
    batch = (copies, *shape[:-1]) if copies else shape[:-1]
    index = np.random.default_rng(seed).integers(0, shape[-1], batch).astype(kind)
    (g,) = values(seed, dtype, batch)
    check_kernel("categorical_log_prob", logits, index)
    check_kernel("categorical_log_prob_vjp", g, logits, index)


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=SHAPES, seed=st.integers(0, 1000), scale=st.sampled_from([1.0, 30.0, 1e4]))
def test_softmax(dtype, shape, seed, scale):
    x, g = values(seed, dtype, shape, shape)
    x *= dtype(scale)
    for axis in (-1, len(shape) - 1):
        check_kernel("softmax", x, axis)
        check_kernel("log_softmax", x, axis)
        check_kernel("logsumexp", x, axis)
        check_kernel("logsumexp", x, axis, True)
    y = kernels.softmax.reference(x)
    check_kernel("softmax_vjp", g, y, -1)
    relative_to_row("log_softmax_vjp", g, kernels.log_softmax.reference(x), -1, terms=np.abs(g).sum(axis=-1).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_infinities_and_nan(dtype):
    rows = [[-np.inf] * 3, [0, -np.inf, -np.inf], [np.inf, 0, 1], [np.nan, 0, 1], [-np.nan, 0, 1], [1e4, -1e4, 0],
            [np.inf, np.inf, 0], [np.inf, -np.inf, np.nan]]
    x = np.array(rows, dtype)
    for name in ("softmax", "log_softmax", "logsumexp"):
        check_kernel(name, x, -1)
    for i in range(3):
        index = np.full(len(x), i)
        check_kernel("categorical_log_prob", x, index)
        check_kernel("categorical_log_prob_vjp", np.ones(len(x), dtype), x, index)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 3, 7, 8, 33, 100])
def test_large_logits_keep_small_logarithms(dtype, size):
    x = np.linspace(-2, 0, size).astype(dtype)
    x -= x[-1]
    large = x + dtype(2**17 if dtype == np.float32 else 2**45)  # exact, so every result is that of rows near 0
    x = large - large[-1]
    for name, args in (("log_softmax", (-1,)), ("softmax", (-1,)), ("categorical_log_prob", (np.array(size // 2),))):
        kernel = getattr(kernels, name)
        expected = kernel.reference(x.astype(np.float64), *args)
        np.testing.assert_allclose(kernel.fast(large, *args), expected, rtol=1e-6 if dtype == np.float32 else 1e-14)


def test_other_axes_and_dtypes_run_as_array_code():
    (x,) = values(0, np.float32, (70, 80))
    for name in ("softmax", "log_softmax", "logsumexp"):
        assert getattr(kernels, name).fast(x, 0) is NotImplemented
        assert getattr(kernels, name).fast(x.astype(">f4"), -1) is NotImplemented
    assert kernels.normal_kl.fast(x, x.astype(float)) is NotImplemented
    assert kernels.bernoulli_log_prob.fast(x, x[:, :1]) is NotImplemented
    np.testing.assert_allclose(kernels.bernoulli_log_prob(x, x[:, :1]),
                               kernels.bernoulli_log_prob.reference(x, x[:, :1]))


def test_large_arrays_are_cut_for_threads():
    x, g = values(0, np.float32, (700, 301), (700, 301))
    for name in ("softmax", "log_softmax", "logsumexp"):
        check_kernel(name, x, -1)
    bits = (g > 0).astype(np.float32)
    check_kernel("bernoulli_log_prob", bits, x, atol=1e-3)
    check_kernel("normal_kl_vjp", g[:, 0], g / 3, x / 3)
    check_kernel("categorical_log_prob_vjp", g[:, 0], x, np.arange(700) % 301)
