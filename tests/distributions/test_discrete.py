"""The Bernoulli and categorical distributions against enumeration and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from minigen import Tensor, check_grads, grad, ops, random
from minigen.distributions import Bernoulli, Categorical, Normal, kl_divergence

RANDOM = np.random.default_rng(2)
L, K = 2 * RANDOM.standard_normal((3, 4)), 2 * RANDOM.standard_normal((3, 4, 5))
TAIL = [-np.inf, -1e4, -30.0, -1.0, 0.0, 1e-3, 2.0, 30.0, 1e4, np.inf]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("event_ndim", [0, 1, 2])
def test_bernoulli_against_scipy(event_ndim):
    d, x = Bernoulli(L, event_ndim=event_ndim), RANDOM.integers(0, 2, (6, 3, 4))
    oracle, axes = stats.bernoulli(special.expit(L)), tuple(range(-event_ndim, 0))
    for values in (x, x.astype(bool), x.astype(np.uint8), x.astype(float)):
        np.testing.assert_allclose(d.log_prob(values), oracle.logpmf(x).sum(axis=axes), rtol=1e-12)
    np.testing.assert_allclose(d.entropy(), oracle.entropy().sum(axis=axes))
    np.testing.assert_allclose(d.mean, oracle.mean())
    np.testing.assert_allclose(d.variance, oracle.var())
    assert d.sample(2, 0).shape == (2, 3, 4)


def test_bernoulli_sums_to_one_over_all_events():
    x = np.array(list(itertools.product((0, 1), repeat=4)))
    np.testing.assert_allclose(np.exp(Bernoulli(L, event_ndim=1).log_prob(x[:, None])).sum(0), 1)


@pytest.mark.parametrize("event_ndim", [0, 1])
def test_categorical_against_enumeration(event_ndim):
    d, p = Categorical(K, event_ndim=event_ndim), special.softmax(K, -1)
    axes, k = tuple(range(-event_ndim, 0)), np.arange(5)
    for x in (RANDOM.integers(0, 5, (6, 3, 4)), RANDOM.integers(0, 5, (3, 4)).astype(float), np.zeros(4, np.uint8)):
        full = np.broadcast_to(x, np.broadcast_shapes(x.shape, (3, 4))).astype(int)
        terms = np.take_along_axis(np.log(np.broadcast_to(p, (*full.shape, 5))), full[..., None], -1)[..., 0]
        np.testing.assert_allclose(d.log_prob(x), terms.sum(axis=axes), rtol=1e-12)
    np.testing.assert_allclose(d.entropy(), stats.entropy(p, axis=-1).sum(axis=axes))
    np.testing.assert_allclose(d.mean, p @ k)
    np.testing.assert_allclose(d.variance, p @ k**2 - (p @ k) ** 2)
    np.testing.assert_allclose(d.probs, p)
    assert d.sample((2, 1), 0).shape == (2, 1, 3, 4) and d.levels == 5


@pytest.mark.parametrize("event_ndim", [0, 1])
def test_gradients_to_second_order(event_ndim):
    x, k = RANDOM.integers(0, 2, (2, 3, 4)), RANDOM.integers(0, 5, (2, 3, 4))

    def bernoulli(a, b):
        p, q = Bernoulli(a, event_ndim=event_ndim), Bernoulli(b, event_ndim=event_ndim)
        return p.log_prob(x), p.entropy(), p.mean, p.variance, kl_divergence(p, q)

    def categorical(a, b):
        p, q = Categorical(a, event_ndim=event_ndim), Categorical(b, event_ndim=event_ndim)
        return p.log_prob(k), p.entropy(), p.mean, p.variance, kl_divergence(p, q)

    check_grads(bernoulli, (L, L[::-1] + 0.5))
    check_grads(bernoulli, (np.zeros((3, 4)), np.zeros((3, 4))))  # where |logits| has a kink
    check_grads(categorical, (K, K[::-1] + 0.5))


def test_out_of_support():
    b, c = Bernoulli(np.zeros(2), event_ndim=1), Categorical(np.zeros(3))
    np.testing.assert_array_equal(b.log_prob(np.array([[0.5, 1], [2, 1], [-1, 0], [np.inf, 0]])), -np.inf)
    np.testing.assert_array_equal(c.log_prob(np.array([-1, 3, 10**9])), -np.inf)
    np.testing.assert_array_equal(c.log_prob(np.array([0.5, np.inf, -np.inf])), -np.inf)
    assert np.isnan(b.log_prob(np.array([np.nan, 1]))) and np.isnan(c.log_prob(np.nan))
    assert Bernoulli(0.0).log_prob(2) == -np.inf and c.log_prob(7) == -np.inf
    np.testing.assert_allclose(Bernoulli(np.zeros(2)).log_prob(np.array([0.5, 1])), [-np.inf, -np.log(2)])


@pytest.mark.parametrize("event_ndim", [0, 1])
def test_gradients_beside_values_out_of_support_are_finite(event_ndim):
    logits, wide = Tensor(L), Tensor(K)
    x = np.full((3, 4), 0.5)
    assert np.isfinite(grad(ops.sum(Bernoulli(logits, event_ndim=event_ndim).log_prob(x)), logits)).all()
    assert np.isfinite(grad(ops.sum(Categorical(wide, event_ndim=event_ndim).log_prob(x)), wide)).all()


@pytest.mark.parametrize("logit", TAIL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bernoulli_tails(logit, dtype):
    expected = {1: -np.logaddexp(0, -logit), 0: -np.logaddexp(0, logit)}
    close = {"rtol": 1e-6 if dtype == np.float32 else 1e-13}
    for d in (Bernoulli(dtype(logit)), Bernoulli(np.full(1, logit, dtype), event_ndim=1)):
        for x, value in expected.items():
            log_p = d.log_prob(np.full(d.event_shape, x))
            assert log_p.dtype == dtype
            if d.event_ndim:  # sums have the precision of the logits' size
                np.testing.assert_allclose(log_p, value, atol=1e-6 * max(1, min(abs(logit), 50)), **close)
            else:
                np.testing.assert_allclose(log_p, value, **close)
        p = special.expit(-abs(logit))
        entropy = 0 if p == 0 else -(p * -np.logaddexp(0, abs(logit)) + np.exp(-np.logaddexp(0, -abs(logit)))
                                     * -np.logaddexp(0, -abs(logit)))
        np.testing.assert_allclose(d.entropy(), entropy, atol=1e-30, **close)
        np.testing.assert_array_equal(kl_divergence(d, d), 0)
        assert np.isfinite(d.variance)


@pytest.mark.parametrize("a", TAIL)
@pytest.mark.parametrize("b", TAIL)
def test_bernoulli_divergence_tails(a, b):
    p, log_p = special.expit([-a, a]), -np.logaddexp(0, [a, -a])
    log_q = -np.logaddexp(0, [b, -b])
    expected = sum(w * (u - v) for w, u, v in zip(p, log_p, log_q, strict=True) if w > 0)
    kl = kl_divergence(Bernoulli(a), Bernoulli(b))
    np.testing.assert_allclose(kl, expected, rtol=1e-9, atol=1e-15)


def test_categorical_tails_and_excluded_values():
    logits = np.float32([[1e4, -1e4, 0], [0, -np.inf, 0], [-np.inf, -np.inf, 5]])
    d = Categorical(logits)
    expected = [[0, -2e4, -1e4], [-np.log(2), -np.inf, -np.log(2)], [-np.inf, -np.inf, 0]]
    for k in range(3):
        np.testing.assert_allclose(d.log_prob(np.full(3, k)), np.array(expected)[:, k], rtol=1e-6)
    np.testing.assert_allclose(d.entropy(), [0, np.log(2), 0], rtol=1e-6)
    np.testing.assert_array_equal(kl_divergence(d, d), 0)
    uniform = Categorical(np.zeros(3, np.float32))
    np.testing.assert_allclose(kl_divergence(d, uniform), [np.log(3), np.log(1.5), np.log(3)], rtol=1e-5)
    assert list(np.isinf(kl_divergence(uniform, d))) == [False, True, True]
    for function in (lambda q: q.entropy(), lambda q: q.log_prob(0)[1:2], lambda q: kl_divergence(q, uniform)):
        x = Tensor(logits)
        assert np.isfinite(grad(ops.sum(function(Categorical(x))), x)).all()
    assert set(np.unique(d.sample(1000, 0)[:, 1])) == {0, 2}


def test_bernoulli_samples():
    d, n = Bernoulli(np.concatenate([L.ravel(), [1e4, -1e4, np.inf, -np.inf]]).astype(np.float32)), 40_000
    samples = d.sample(n, 3)
    assert samples.dtype == np.float32 and set(np.unique(samples)) == {0, 1}
    p = special.expit(d.logits.astype(float))
    z = (samples.mean(0, dtype=float) - p) / np.maximum(np.sqrt(p * (1 - p) / n), 1e-12)
    assert np.abs(z).max() < 4.5
    pairs = np.corrcoef(samples[:, :12].T.astype(float)) - np.eye(12)
    assert np.abs(pairs).max() < 5 / np.sqrt(n)


@pytest.mark.parametrize("logits", [K[0], K[0, 0], np.array([0.0]), np.log([1e-3, 0.5, 0.499])])
def test_categorical_samples(logits):
    d, n = Categorical(logits), 40_000
    samples = d.sample(n, 4)
    assert samples.dtype == np.int64 and samples.shape == (n, *logits.shape[:-1])
    for i in np.ndindex(logits.shape[:-1]):
        counts = np.bincount(samples[(slice(None), *i)], minlength=logits.shape[-1])
        if len(counts) > 1:
            assert stats.chisquare(counts, n * special.softmax(logits[i])).pvalue > 1e-4


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("u, logits, expected", [(0.0, [-np.inf, 0, 0], 1), (1 - 2.0**-53, [0] * 1000, 999),
                                                 (1 - 2.0**-53, [0, 0, -np.inf], 1)])
def test_categorical_samples_at_the_ends_of_the_uniform(batch, u, logits, expected, monkeypatch):
    monkeypatch.setattr(random.Generator, "random", lambda self, size: np.full(size, u))
    samples = Categorical(np.broadcast_to(np.array(logits, float), (*batch, len(logits)))).sample(3, 0)
    np.testing.assert_array_equal(samples, np.full((3, *batch), expected))


@given(st.lists(st.floats(-8, 8), min_size=2, max_size=6), st.data())
def test_categorical_divergence_against_the_sum(a, data):
    b = data.draw(st.lists(st.floats(-8, 8), min_size=len(a), max_size=len(a)))
    expected = stats.entropy(special.softmax(a), special.softmax(b))
    assert kl_divergence(Categorical(a), Categorical(b)) == pytest.approx(expected, abs=1e-12)


def test_float32_stays_float32():
    b, c = Bernoulli(L.astype(np.float32), event_ndim=1), Categorical(K.astype(np.float32), event_ndim=1)
    x = np.ones((3, 4), np.int64)
    for d, bad in ((b, 0.5), (c, 0.5)):
        results = [d.log_prob(x), d.log_prob(np.full((3, 4), bad, np.float32)), d.entropy(), d.mean, d.variance,
                   d.stddev, kl_divergence(d, d)]
        assert {r.dtype for r in results} == {np.dtype(np.float32)}


def test_discrete_values_are_not_reparameterised():
    for d in (Bernoulli(L), Categorical(K)):
        with pytest.raises(NotImplementedError, match="no reparameterised sample"):
            d.rsample((), 0)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Categorical(0.5), ValueError, "logits"),
        (lambda: Categorical(np.zeros((2, 0))), ValueError, "at least 1"),
        (lambda: Categorical(np.zeros((2, 3)), event_ndim=2), ValueError, "event_ndim"),
        (lambda: Bernoulli(None), TypeError, "logits"),
        (lambda: Bernoulli(L, event_ndim=1).log_prob(np.zeros((3, 1))), ValueError, "shape"),
        (lambda: kl_divergence(Bernoulli(L), Normal(0.0, 1.0)), NotImplementedError, r"\(Bernoulli, Normal\)"),
        (lambda: kl_divergence(Bernoulli(L), 3), NotImplementedError, "int"),
        (lambda: kl_divergence(Bernoulli(L, event_ndim=1), Bernoulli(L)), ValueError, r"\(4,\) and \(\)"),
        (lambda: kl_divergence(Categorical(K), Categorical(K[..., :3])), ValueError, "5 and 3"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
