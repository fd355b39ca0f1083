"""Discretised logistic mixtures against differences of exact sigmoids, at every scale."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from minigen import Tensor, check_grads, grad, ops
from minigen.distributions import DiscretizedLogisticMixture, kl_divergence

RANDOM = np.random.default_rng(13)
LOGITS, LOC = RANDOM.standard_normal((3, 2, 4)), 0.6 * RANDOM.standard_normal((3, 2, 4))
LOG_SCALE = RANDOM.uniform(-3, 0, (3, 2, 4))
SCALES = [-300.0, -50.0, -12.0, -7.0, -5.0, -2.0, 0.0, 3.0, 10.0, 40.0, 300.0, 800.0]
pytestmark = pytest.mark.filterwarnings("error")


def exact(logits, loc, log_scale, levels):
    """Masses of all levels, on the first axis, as differences of the mixture's distribution function at the edges."""
    edges = np.concatenate([[-np.inf], (2 * np.arange(1, levels) - 1) / (levels - 1) - 1, [np.inf]])
    edges = edges.reshape((-1, *(1,) * logits.ndim))
    below = (special.softmax(logits, -1) * special.expit((edges - loc) / np.exp(log_scale))).sum(-1)
    return np.diff(below, axis=0)


@pytest.mark.parametrize("levels", [2, 3, 16, 256])
@pytest.mark.parametrize("event_ndim", [0, 1, 2])
def test_against_the_differences(levels, event_ndim):
    d = DiscretizedLogisticMixture(LOGITS, LOC, LOG_SCALE, levels, event_ndim=event_ndim)
    assert d.batch_shape + d.event_shape == (3, 2)
    masses, axes = exact(LOGITS, LOC, LOG_SCALE, levels), tuple(range(-event_ndim, 0))
    x = RANDOM.integers(0, levels, (7, 3, 2))
    chosen = np.take_along_axis(masses, x, 0)
    for values in (x, x.astype(float)):
        np.testing.assert_allclose(d.log_prob(values), np.log(chosen).sum(axis=axes), rtol=1e-6, atol=1e-9)
    k = np.arange(levels).reshape(-1, 1, 1)
    mean = (k * masses).sum(0)
    np.testing.assert_allclose(d.mean, mean, atol=1e-9)
    np.testing.assert_allclose(d.variance, ((k - mean) ** 2 * masses).sum(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d.entropy(), special.entr(masses).sum(0).sum(axis=axes), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d.cdf(k * np.ones((3, 2))), np.cumsum(masses, 0), atol=1e-12)
    np.testing.assert_allclose(d.cdf((k + 0.5) * np.ones((3, 2))), np.cumsum(masses, 0), atol=1e-12)


@pytest.mark.parametrize("log_scale", SCALES)
@pytest.mark.parametrize("loc", [-3.0, -1.0, -1 / 255, 0.0, 0.3, 1.0, 40.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masses_sum_to_one_at_every_scale(log_scale, loc, dtype):
    d = DiscretizedLogisticMixture(dtype([0.3, -1]), dtype([loc, loc + 0.11]), dtype([log_scale, log_scale + 1]), 256)
    log_p = d.log_prob(np.arange(256))
    assert log_p.dtype == dtype and np.isfinite(log_p).all()
    np.testing.assert_allclose(np.exp(log_p.astype(float)).sum(), 1, rtol=1e-12 if dtype == np.float64 else 1e-4)
    assert np.isfinite(d.entropy()) and 0 <= d.mean <= 255.001


@given(st.floats(-60, 60), st.floats(-5, 5), st.integers(2, 300))
def test_masses_sum_to_one(log_scale, loc, levels):
    d = DiscretizedLogisticMixture(np.zeros(1), np.full(1, loc), np.full(1, log_scale), levels)
    np.testing.assert_allclose(np.exp(d.log_prob(np.arange(levels))).sum(), 1, rtol=1e-10)


@pytest.mark.parametrize("log_scale", [-4.0, -9.0, 6.0, 30.0])
def test_tails_where_the_mass_underflows(log_scale):
    # σ(b) - σ(a) in exact arithmetic: far out exp(-|a|)-like masses, and of wide scales density times width
    from decimal import Decimal, getcontext

    getcontext().prec = 60
    scale = Decimal(log_scale).exp()

    def sigmoid(z):
        return 1 / (1 + (-z).exp()) if z > 0 else z.exp() / (1 + z.exp())

    d = DiscretizedLogisticMixture(np.zeros(1), np.full(1, 0.1), np.full(1, log_scale), 256)
    for x in (1, 7, 100, 140, 141, 200, 254):
        lower, upper = (((Decimal(2 * x + s) / 255) - 1 - Decimal(0.1)) / scale for s in (-1, 1))
        expected = _log_of_difference(sigmoid, lower, upper)
        np.testing.assert_allclose(d.log_prob(x), expected, rtol=1e-9)


def _log_of_difference(sigmoid, lower, upper):
    if lower > 0:  # by symmetry, where σ would round to 1
        lower, upper = -upper, -lower
    return float((sigmoid(upper) - sigmoid(lower)).ln())


def test_out_of_support():
    d = DiscretizedLogisticMixture(LOGITS[0, 0], LOC[0, 0], LOG_SCALE[0, 0], 8)
    np.testing.assert_array_equal(d.log_prob(np.array([-1, 8, 0.5, np.inf, -np.inf, np.nan])), [-np.inf] * 5 + [np.nan])
    np.testing.assert_array_equal(d.cdf(np.array([-0.5, 7, 9, np.inf, np.nan])), [0, 1, 1, 1, np.nan])
    loc = Tensor(LOC[0, 0])
    f = DiscretizedLogisticMixture(LOGITS[0, 0], loc, LOG_SCALE[0, 0], 8)
    assert np.isfinite(grad(ops.sum(f.log_prob(np.array([-1, 0.5, 3]))), loc)).all()


def test_quantiles_invert_the_distribution_function():
    d, p = DiscretizedLogisticMixture(LOGITS, LOC, LOG_SCALE, 32, event_ndim=1), RANDOM.uniform(0, 1, (50, 3, 2))
    quantile = d.icdf(p)
    assert (d.cdf(quantile) >= p).all() and (d.cdf(quantile - 1) < p).all()
    np.testing.assert_array_equal(d.icdf(np.ones((3, 2))), np.full((3, 2), 31))
    np.testing.assert_array_equal(d.icdf(np.zeros((3, 2))), np.zeros((3, 2)))
    assert np.isnan(d.icdf(np.array([np.nan, 1.5]))).all()


def test_samples_follow_the_masses():
    d, n = DiscretizedLogisticMixture(LOGITS, LOC, LOG_SCALE, 12), 40_000
    samples, masses = d.sample(n, 3), exact(LOGITS, LOC, LOG_SCALE, 12)
    assert samples.dtype == np.int64 and samples.shape == (n, 3, 2)
    for i in np.ndindex(3, 2):
        counts, expected = np.bincount(samples[(slice(None), *i)], minlength=12), n * masses[(slice(None), *i)]
        rare = expected < 5  # taken together
        counts = np.append(counts[~rare], counts[rare].sum() + 1e-9)
        expected = np.append(expected[~rare], expected[rare].sum() + 1e-9)
        assert stats.chisquare(counts, expected).pvalue > 1e-4
    flat = samples.reshape(n, -1)
    assert np.abs(np.corrcoef(flat.T) - np.eye(6)).max() < 5 / math.sqrt(n)


@pytest.mark.parametrize("log_scale", [-400.0, 400.0, 1000.0])
def test_samples_of_extreme_scales(log_scale):
    d = DiscretizedLogisticMixture(np.zeros(1), np.full(1, 0.2), np.full(1, log_scale), 256)
    samples = d.sample(4000, 0)
    if log_scale < 0:
        assert set(samples) == {153}
    else:
        assert set(samples) == {0, 255} and abs((samples == 0).mean() - 0.5) < 4.5 * 0.5 / math.sqrt(4000)


def test_parameters_broadcast():
    d = DiscretizedLogisticMixture(np.zeros(4), LOC, -1.0, 8)
    same = DiscretizedLogisticMixture(np.zeros((3, 2, 4)), LOC, np.full((3, 2, 4), -1.0), 8)
    x = RANDOM.integers(0, 8, (5, 3, 2))
    np.testing.assert_allclose(d.log_prob(x), same.log_prob(x))
    np.testing.assert_array_equal(d.sample(5, 0), same.sample(5, 0))
    assert d.batch_shape == (3, 2) and d.entropy().shape == (3, 2)


def test_divergence_against_enumeration():
    a = DiscretizedLogisticMixture(LOGITS, LOC, LOG_SCALE, 16, event_ndim=1)
    b = DiscretizedLogisticMixture(LOGITS[::-1], LOC + 0.2, LOG_SCALE + 0.3, 16, event_ndim=1)
    p, q = exact(LOGITS, LOC, LOG_SCALE, 16), exact(LOGITS[::-1], LOC + 0.2, LOG_SCALE + 0.3, 16)
    np.testing.assert_allclose(kl_divergence(a, b), stats.entropy(p, q).sum(-1), rtol=1e-7)


@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_gradients_to_second_order(offset):
    x = np.array([[[0, 7], [3, 6], [5, 5]], [[1, 0], [7, 7], [4, 2]]])  # both edges among them

    def f(logits, loc, log_scale):
        d = DiscretizedLogisticMixture(logits, loc, log_scale + offset, 8, event_ndim=1)
        other = DiscretizedLogisticMixture(logits, LOC, 0.0, 8, event_ndim=1)
        return d.log_prob(x), d.entropy(), d.mean, d.variance, d.cdf(x), kl_divergence(d, other)

    check_grads(f, (LOGITS, LOC, LOG_SCALE))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_at_extreme_scales_are_finite(dtype):
    for log_scale in SCALES:
        values = [Tensor(dtype([0.3, -1])), Tensor(dtype([0.1, -1 / 255])), Tensor(dtype([log_scale, log_scale]))]
        gradient = grad(ops.sum(DiscretizedLogisticMixture(*values, 256).log_prob(np.arange(256))), values)
        assert all(np.isfinite(g).all() for g in gradient)


def test_float32_stays_float32():
    f = np.float32
    d = DiscretizedLogisticMixture(LOGITS.astype(f), Tensor(LOC.astype(f)), -1.0, 8)
    results = [d.log_prob(np.ones((3, 2), np.int64)), d.log_prob(np.ones((3, 2), f)), d.entropy(), d.mean, d.variance,
               d.cdf(np.ones((3, 2))), d.icdf(np.full((3, 2), 0.5)), kl_divergence(d, d)]
    assert {r.dtype for r in results} == {np.dtype(f)}


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC, LOG_SCALE, 1), ValueError,
         "levels: expected an integer of at least 2"),
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC, LOG_SCALE, 2.0), TypeError, "levels"),
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC, LOG_SCALE, True), TypeError, "levels"),
        (lambda: DiscretizedLogisticMixture(0.0, LOC, LOG_SCALE, 8), ValueError, "logits: expected shape"),
        (lambda: DiscretizedLogisticMixture(LOGITS[..., :1], LOC, 0.0, 8), ValueError, "logits: expected shape"),
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC[..., :3], 0.0, 8), ValueError, "loc"),
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC, None, 8), TypeError, "log_scale"),
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC, 0.0, 8, event_ndim=3), ValueError, "event_ndim"),
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC, 0.0, 8).log_prob(np.zeros(5)), ValueError, "shape"),
        (lambda: DiscretizedLogisticMixture(LOGITS, LOC, 0.0, 8).rsample((), 0), NotImplementedError,
         "reparameterised"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
