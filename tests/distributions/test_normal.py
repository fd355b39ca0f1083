"""The normal distribution against scipy, and its own laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from minigen import Generator, Tensor, check_grads, grad, ops, random
from minigen.distributions import Normal, kl_divergence

RANDOM = np.random.default_rng(1)
LOC, LOG_SCALE = RANDOM.standard_normal((3, 4)), 0.5 * RANDOM.standard_normal((3, 4))
BOTH = pytest.mark.parametrize("make", [
    lambda loc, log_scale, **k: Normal(loc, ops.exp(log_scale), **k),
    lambda loc, log_scale, **k: Normal(loc, log_scale=log_scale, **k),
], ids=["scale", "log_scale"])


@BOTH
def test_values_against_scipy(make):
    d, oracle, x = make(LOC, LOG_SCALE), stats.norm(LOC, np.exp(LOG_SCALE)), RANDOM.standard_normal((5, 3, 4)) * 3
    np.testing.assert_allclose(d.log_prob(x), oracle.logpdf(x), rtol=1e-12)
    np.testing.assert_allclose(d.entropy(), oracle.entropy(), rtol=1e-12)
    np.testing.assert_allclose(d.mean, oracle.mean())
    np.testing.assert_allclose(d.variance, oracle.var())
    np.testing.assert_allclose(d.stddev, oracle.std())


@BOTH
@pytest.mark.parametrize("event_ndim", [0, 1, 2])
def test_events_are_summed(make, event_ndim):
    d, x = make(LOC, LOG_SCALE, event_ndim=event_ndim), RANDOM.standard_normal((5, 3, 4))
    oracle = stats.norm(LOC, np.exp(LOG_SCALE))
    axes = tuple(range(-event_ndim, 0))
    assert d.batch_shape + d.event_shape == (3, 4) and d.event_ndim == event_ndim
    np.testing.assert_allclose(d.log_prob(x), oracle.logpdf(x).sum(axis=axes))
    np.testing.assert_allclose(d.entropy(), oracle.entropy().sum(axis=axes))
    assert d.sample((5,), 0).shape == (5, 3, 4)


@BOTH
@pytest.mark.parametrize("event_ndim", [0, 1])
def test_gradients_to_second_order(make, event_ndim):
    x, other = RANDOM.standard_normal((2, 3, 4)), Normal(LOC + 1, np.ones(4) * 0.7, event_ndim=event_ndim)

    def f(loc, log_scale, x):
        d = make(loc, log_scale, event_ndim=event_ndim)
        return (d.log_prob(x), d.rsample(2, 3), d.entropy(), d.mean, d.variance, kl_divergence(d, other),
                kl_divergence(other, d))

    check_grads(f, (LOC, LOG_SCALE, x))


def test_parameters_broadcast():
    d = Normal(np.zeros((3, 1)), np.ones(4), event_ndim=1)
    assert (d.batch_shape, d.event_shape) == ((3,), (4,))
    assert d.entropy().shape == (3,) and d.mean.shape == d.variance.shape == (3, 4)
    assert d.log_prob(np.zeros((2, 1, 4))).shape == (2, 3)
    np.testing.assert_allclose(d.entropy(), 4 * stats.norm.entropy())


@BOTH
def test_samples_follow_the_density(make):
    d, n = make(LOC, LOG_SCALE), 20_000
    for samples in (d.sample(n, 5), d.rsample(n, 6)):
        for i in np.ndindex(3, 4):
            oracle = stats.norm(LOC[i], np.exp(LOG_SCALE[i]))
            assert stats.kstest(samples[(slice(None), *i)], oracle.cdf).pvalue > 1e-4
        z = ((samples - LOC) / np.exp(LOG_SCALE)).reshape(n, -1)
        covariance = z.T @ z / n
        assert np.abs(covariance - np.eye(12)).max() < 5 * np.sqrt(2 / n)  # standard errors √(2/n) and 1/√n


def test_the_same_seed_samples_the_same():
    d = Normal(LOC, log_scale=LOG_SCALE)
    np.testing.assert_array_equal(d.sample((), 3), d.rsample((), 3))
    rng = random.Generator(3)
    np.testing.assert_array_equal(d.sample((), rng), d.sample((), 3))
    assert not np.array_equal(d.sample((), rng), d.sample((), 3))


def test_float32_stays_float32():
    f = np.float32
    kinds = [Normal(LOC.astype(f), log_scale=LOG_SCALE.astype(f)), Normal(LOC.astype(f), 2.0),
             Normal(0.0, np.ones(4, f)), Normal(0, log_scale=np.ones(4, f), event_ndim=1),
             Normal(Tensor(LOC.astype(f)), log_scale=-0.5)]
    for d in kinds:
        x = np.ones((3, 4))
        results = [d.log_prob(x.astype(f)), d.log_prob(x.astype(int)), d.sample((), 0), d.rsample((), 0),
                   d.entropy(), d.mean, d.variance, d.stddev, kl_divergence(d, d)]
        assert {r.dtype for r in results} == {np.dtype(f)}
        assert kl_divergence(d, Normal(np.zeros(d.event_shape or 1, f), 1.0, event_ndim=d.event_ndim)).dtype == f
    assert Normal(0.0, 1.0).log_prob(np.ones(2, f)).dtype == f
    assert Normal(0.0, log_scale=0.3).log_prob(np.ones(2, f)).dtype == f


def test_tails_are_finite_and_right():
    x = np.float32([1e4, -1e4, 0, np.inf, -np.inf, np.nan])
    log_p = Normal(np.float32(0), np.float32(1)).log_prob(x)
    np.testing.assert_allclose(log_p[:3], stats.norm.logpdf([1e4, -1e4, 0]), rtol=1e-6)
    assert log_p[3] == log_p[4] == -np.inf and np.isnan(log_p[5])
    # a standard deviation of exp(-120) is 0 in float32, its logarithm is not
    assert Normal(np.float32(1), log_scale=np.float32(-120)).entropy() == pytest.approx(-120 + stats.norm.entropy())
    wide = Normal(np.float32(1), log_scale=np.float32(120)).log_prob(np.float32(3))
    assert wide == pytest.approx(-120 - 0.5 * np.log(2 * np.pi))


def test_plain_arrays_give_plain_arrays_and_tensors_tensors():
    plain = Normal(LOC, 1.0)
    assert isinstance(plain.log_prob(LOC), np.ndarray) and isinstance(plain.rsample((), 0), np.ndarray)
    assert isinstance(plain.log_prob(Tensor(LOC)), Tensor)
    loc = Tensor(LOC)
    d = Normal(loc, 1.0)
    assert isinstance(d.sample((), 0), np.ndarray)
    np.testing.assert_array_equal(grad(ops.sum(d.rsample((), 0)), loc), 1)


@given(st.floats(-3, 3), st.floats(0.2, 3), st.floats(-3, 3), st.floats(0.2, 3))
def test_divergence_against_quadrature(a, s, b, t):
    z = np.linspace(-12, 12, 4001)  # the trapezoidal rule is exact to rounding for what falls off like this
    log_p, log_q = stats.norm.logpdf(z) - np.log(s), stats.norm.logpdf(a + s * z, b, t)
    expected = (stats.norm.pdf(z) * (log_p - log_q)).sum() * (z[1] - z[0])
    divergence = kl_divergence(Normal(a, s), Normal(b, log_scale=np.log(t)))
    assert divergence == pytest.approx(expected, rel=1e-11, abs=1e-10) and divergence >= -1e-15


def test_divergence_of_close_distributions_does_not_cancel():
    # to second order in a small change e of log scale the divergence is e²
    e = np.float32(1e-3)
    kl = kl_divergence(Normal(np.float32(0), log_scale=e), Normal(np.float32(0), log_scale=np.float32(0)))
    assert kl == pytest.approx(np.expm1(2e-3) / 2 - 1e-3, rel=2e-2)


def test_samples_are_asked_for_by_number_and_then_by_generator():
    d = Normal(0.0, 1.0)
    seven = d.sample(7, 3)
    assert seven.shape == (7,) and d.sample((), 3).shape == () and d.sample((2, 0), 3).shape == (2, 0)
    for rng in (Generator(3), np.int64(3)):
        np.testing.assert_array_equal(d.sample(7, rng), seven)
    np.testing.assert_array_equal(d.rsample(n=7, rng=3), seven)
    by_numpy = d.sample(7, np.random.default_rng(3))
    np.testing.assert_array_equal(by_numpy, d.sample(np.int64(7), np.random.default_rng(3)))
    assert by_numpy.shape == (7,) and not np.array_equal(by_numpy, d.sample(7, np.random.default_rng(4)))


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Normal(0.0), TypeError, "exactly one"),
        (lambda: Normal(0.0, 1.0, log_scale=0.0), TypeError, "exactly one"),
        (lambda: Normal(0.0, 0.0), ValueError, "scale.*above 0.*0.0"),
        (lambda: Normal(0.0, np.array([1.0, -2.0])), ValueError, "scale.*-2.0"),
        (lambda: Normal(np.zeros(3), np.ones(4)), ValueError, r"loc \(3,\).*scale \(4,\)"),
        (lambda: Normal(np.zeros(3), 1.0, event_ndim=2), ValueError, "event_ndim"),
        (lambda: Normal(np.zeros(3), 1.0, event_ndim=True), TypeError, "event_ndim"),
        (lambda: Normal(np.zeros(3, complex), 1.0), TypeError, "complex"),
        (lambda: Normal(np.zeros(3, np.float16), 1.0), TypeError, "float16"),
        (lambda: Normal(True, 1.0), TypeError, "loc"),
        (lambda: Normal("a", 1.0), TypeError, "loc"),
        (lambda: Normal(np.zeros(3), 1.0, event_ndim=1).log_prob(np.zeros(1)), ValueError, r"\(3,\).*\(1,\)"),
        (lambda: Normal(np.zeros(3), 1.0).log_prob(np.zeros(2)), ValueError, "shape"),
        (lambda: Normal(0.0, 1.0).log_prob("a"), TypeError, "real"),
        (lambda: Normal(0.0, 1.0).sample((), None), TypeError, "rng"),
        (lambda: Normal(0.0, 1.0).sample(-1, 0), ValueError, "n:"),
        (lambda: Normal(0.0, 1.0).sample(1.5, 0), TypeError, "n:"),
        (lambda: Normal(0.0, 1.0).sample(True, 0), TypeError, "n: expected an integer"),
        (lambda: Normal(0.0, 1.0).sample(Generator(3), 7), TypeError, "n: expected an integer or a shape, got Gen"),
        (lambda: Normal(0.0, 1.0).rsample(np.random.default_rng(3), 7), TypeError, "n: expected an integer or a shape"),
        (lambda: Normal(0.0, 1.0).sample(3, (7, 2)), TypeError, "rng: expected .*(7, 2)"),
        (lambda: Normal(0.0, 1.0).sample(3), TypeError, "rng"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_nan_parameters_are_let_through():
    assert np.isnan(Normal(np.nan, np.nan).log_prob(0.0))
