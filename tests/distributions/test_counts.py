"""Binomial, Poisson and one-hot distributions against scipy and enumeration; quantiles of all over the integers."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from minigen import Tensor, check_grads, grad, ops
from minigen.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    DiscretizedLogisticMixture,
    Normal,
    OneHot,
    Poisson,
    kl_divergence,
)

RANDOM = np.random.default_rng(12)
LOGITS = 1.5 * RANDOM.standard_normal((3, 4))
RATE = np.array([1e-3, 0.5, 3.0, 30.0, 1e3, 2e4])
COUNTS = np.array([1, 7, 100, 10_000])
pytestmark = pytest.mark.filterwarnings("error")


def binomial_oracle():
    return stats.binom(COUNTS, special.expit(LOGITS))


@pytest.mark.parametrize("event_ndim", [0, 1, 2])
def test_binomial_against_scipy(event_ndim):
    d, oracle = Binomial(COUNTS, LOGITS, event_ndim=event_ndim), binomial_oracle()
    x, axes = RANDOM.binomial(COUNTS, special.expit(LOGITS), (6, 3, 4)), tuple(range(-event_ndim, 0))
    for values in (x, x.astype(float)):
        np.testing.assert_allclose(d.log_prob(values), oracle.logpmf(x).sum(axis=axes), rtol=1e-9)
    np.testing.assert_allclose(d.entropy(), oracle.entropy().sum(axis=axes), rtol=1e-9)
    np.testing.assert_allclose(d.mean, oracle.mean())
    np.testing.assert_allclose(d.variance, oracle.var())
    np.testing.assert_allclose(d.cdf(x), oracle.cdf(x), rtol=1e-10)
    np.testing.assert_allclose(d.probs, special.expit(LOGITS))
    assert d.sample(2, 0).shape == (2, 3, 4) and d.batch_shape + d.event_shape == (3, 4)


@pytest.mark.parametrize("event_ndim", [0, 1])
def test_poisson_against_scipy(event_ndim):
    d, oracle = Poisson(RATE, event_ndim=event_ndim), stats.poisson(RATE)
    x, axes = np.concatenate([RANDOM.poisson(RATE, (6, 6)), np.arange(20)[:, None].repeat(6, 1)]), (-1,) * event_ndim
    total = (lambda a: a.sum(axis=axes)) if event_ndim else np.asarray
    np.testing.assert_allclose(d.log_prob(x), total(oracle.logpmf(x)), rtol=1e-9)
    np.testing.assert_allclose(d.cdf(x), oracle.cdf(x), rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(d.mean, RATE)
    np.testing.assert_array_equal(d.variance, RATE)
    k = np.arange(25_000)[:, None]
    np.testing.assert_allclose(d.entropy(), total(special.entr(oracle.pmf(k)).sum(0)), rtol=1e-9)


def test_large_rates():
    below, above = Poisson(1e4).entropy(), Poisson(1e4 * (1 + 1e-9)).entropy()  # the sum, and the series
    assert abs(above - below - 0.5e-9) < 1e-13
    for rate in (1e6, 1e10):
        np.testing.assert_allclose(Poisson(rate).log_prob(rate + np.sqrt(rate)), -0.5 * np.log(2 * np.pi * rate) - 0.5,
                                   atol=2 / np.sqrt(rate))
        single = Poisson(np.float32(rate)).log_prob(np.float32(rate))
        np.testing.assert_allclose(single, -0.5 * np.log(2 * np.pi * rate), rtol=1e-5)
    d = Binomial(10**6, np.float32(0.7))
    x = np.array([665_000, 668_188, 670_000])
    oracle = stats.binom(10**6, special.expit(np.float64(d.logits)))
    np.testing.assert_allclose(d.log_prob(x), oracle.logpmf(x), atol=0.1)


def test_masses_sum_to_one():
    np.testing.assert_allclose(np.exp(Binomial(7, LOGITS).log_prob(np.arange(8)[:, None, None])).sum(0), 1)
    np.testing.assert_allclose(np.exp(Poisson(RATE).log_prob(np.arange(22_000)[:, None])).sum(0), 1)
    events = np.array(list(itertools.product(range(4), repeat=2)))
    np.testing.assert_allclose(np.exp(Binomial(3, LOGITS[:, :2], event_ndim=1).log_prob(events[:, None])).sum(0), 1)


def test_certainties():
    np.testing.assert_array_equal(Binomial(3, np.array([-np.inf, np.inf])).log_prob(np.array([[0], [3], [1]])),
                                  [[0, -np.inf], [-np.inf, 0], [-np.inf, -np.inf]])
    np.testing.assert_array_equal(Binomial(0, LOGITS).log_prob(0), np.zeros((3, 4)))
    np.testing.assert_array_equal(Poisson(0.0).log_prob(np.array([0, 1, 2.5])), [0, -np.inf, -np.inf])
    for d in (Binomial(3, np.inf), Binomial(0, 0.3), Poisson(0.0)):
        assert d.entropy() == 0 and len(np.unique(d.sample(100, 0))) == 1 and d.variance == 0
    assert kl_divergence(Poisson(0.0), Poisson(2.0)) == 2 and kl_divergence(Poisson(2.0), Poisson(0.0)) == np.inf
    rate, logits = Tensor(np.array([0.0, 2.0])), Tensor(np.array([np.inf, 1.0]))
    assert np.isfinite(grad(ops.sum(Poisson(rate).log_prob(0)), rate)).all()
    assert np.isfinite(grad(ops.sum(Binomial(3, logits).log_prob(3)), logits)).all()


def test_out_of_support():
    bad = np.array([-1, 0.5, np.inf, -np.inf, np.nan])
    for d in (Poisson(2.0), Binomial(4, 0.3), DiscretizedLogisticMixture(np.zeros(2), 0.0, 0.0, 4)):
        np.testing.assert_array_equal(d.log_prob(bad), [-np.inf] * 4 + [np.nan])
        np.testing.assert_allclose(d.cdf(bad), [0, np.exp(d.log_prob(0)), 1, 0, np.nan], rtol=1e-12)
    assert Binomial(4, 0.3).log_prob(5) == -np.inf
    for make, start in ((Poisson, 2.0), (lambda v: Binomial(4, v), 0.3)):
        v = Tensor(np.array(start))
        assert np.isfinite(grad(ops.sum(make(v).log_prob(np.array([-1.0, 0.5, 2.0]))), v))


@pytest.mark.parametrize("d, oracle", [
    (Bernoulli(LOGITS), stats.bernoulli(special.expit(LOGITS))),
    (Binomial(COUNTS, LOGITS), binomial_oracle()),
    (Poisson(RATE), stats.poisson(RATE)),
], ids=["bernoulli", "binomial", "poisson"])
def test_quantiles_against_scipy(d, oracle):
    shape = d.batch_shape
    p = RANDOM.uniform(1e-6, 1 - 1e-6, (200, *shape))
    np.testing.assert_array_equal(d.icdf(p), oracle.ppf(p))
    assert np.isnan(d.icdf(np.full((3, *(1,) * len(shape)), np.nan))).all()
    assert np.isnan(d.icdf(-0.1)).all() and np.isnan(d.icdf(1.1)).all()
    np.testing.assert_array_equal(d.icdf(0.0), np.zeros(shape))
    np.testing.assert_array_equal(d.icdf(1.0), np.broadcast_to(oracle.support()[1], shape))
    assert Bernoulli(0.0).icdf(0.5) == Binomial(1, 0.0).icdf(0.5) == 0  # cdf(0) is ½ itself, which is enough
    x = RANDOM.integers(-2, 9, (5, *shape)) + RANDOM.choice([0.0, 0.3], (5, *shape))
    np.testing.assert_allclose(d.cdf(x), oracle.cdf(x), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("event_ndim", [0, 1])
def test_categorical_distribution_function(event_ndim):
    logits = np.concatenate([RANDOM.standard_normal((3, 4, 5)), np.full((3, 4, 1), -np.inf)], -1)
    d, p = Categorical(logits, event_ndim=event_ndim), special.softmax(logits, -1)
    for k in range(-1, 7):
        expected = p[..., : max(k + 1, 0)].sum(-1)
        np.testing.assert_allclose(d.cdf(np.full((3, 4), k)), expected, atol=1e-15)
        np.testing.assert_allclose(d.cdf(np.full((3, 4), k + 0.5)), expected, atol=1e-15)
    np.testing.assert_array_equal(d.icdf(np.ones((3, 4))), np.full((3, 4), 4))  # the last one is impossible
    np.testing.assert_array_equal(d.icdf(np.zeros((3, 4))), np.zeros((3, 4)))
    q = RANDOM.random((50, 3, 4))
    quantile = d.icdf(q).astype(int)
    running = np.concatenate([np.zeros((3, 4, 1)), np.cumsum(p, -1)], -1)
    grid = np.broadcast_to(running, (50, 3, 4, 7))
    assert (np.take_along_axis(grid, quantile[..., None] + 1, -1)[..., 0] >= q).all()
    assert (np.take_along_axis(grid, quantile[..., None], -1)[..., 0] < q).all()
    assert np.isnan(d.cdf(np.full((3, 4), np.nan))).all() and np.isnan(d.icdf(np.full((3, 4), -1e-9))).all()


@pytest.mark.parametrize("d, oracle", [
    (Binomial(COUNTS, LOGITS[0]), stats.binom(COUNTS, special.expit(LOGITS[0]))),
    (Poisson(RATE), stats.poisson(RATE)),
], ids=["binomial", "poisson"])
def test_samples_follow_the_masses(d, oracle):
    n = 40_000
    samples = d.sample(n, 3)
    assert samples.dtype == np.int64 and samples.shape == (n, *d.batch_shape)
    mean, var = oracle.stats("mv")
    assert np.abs((samples.mean(0) - mean) / np.sqrt(var / n)).max() < 4.5
    for i in range(d.batch_shape[0]):  # chi-square over cells of about a twentieth of the mass
        cuts = np.unique(oracle.ppf(np.linspace(0.05, 0.95, 19)[:, None])[:, i])
        expected = np.diff(np.concatenate([[0], oracle.cdf(cuts[:, None])[:, i], [1]])) * n
        counts = np.bincount(np.searchsorted(cuts, samples[:, i]), minlength=len(cuts) + 1)
        used = expected > 1e-9
        assert counts[~used].sum() == 0
        if used.sum() > 1:
            assert stats.chisquare(counts[used], expected[used]).pvalue > 1e-4
    correlations = np.corrcoef(samples[:, 1:].T.astype(float)) - np.eye(d.batch_shape[0] - 1)
    assert np.abs(correlations).max() < 5 / np.sqrt(n)


def test_one_hot():
    d, p = OneHot(LOGITS), special.softmax(LOGITS, -1)
    vectors = np.eye(4)
    for x in (vectors, vectors.astype(int), vectors.astype(bool)):
        np.testing.assert_allclose(np.exp(d.log_prob(x[:, None])), p.T)
    assert d.batch_shape == (3,) and d.event_shape == (4,)
    np.testing.assert_allclose(d.entropy(), stats.entropy(p, axis=-1))
    np.testing.assert_allclose(d.mean, p)
    np.testing.assert_allclose(d.variance, p * (1 - p))
    np.testing.assert_array_equal(d.log_prob(np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0.5, 0.5, 0, 0]])), -np.inf)
    assert np.isnan(d.log_prob(np.array([1, np.nan, 0, 0]))).all()
    assert (OneHot(np.array([0, -np.inf])).log_prob(vectors[:2, :2]) == [0, -np.inf]).all()
    n = 40_000
    samples = d.sample(n, 3)
    assert samples.shape == (n, 3, 4) and (samples.sum(-1) == 1).all() and set(np.unique(samples)) == {0, 1}
    for k in range(3):
        assert stats.chisquare(samples[:, k].sum(0), n * p[k]).pvalue > 1e-4


@pytest.mark.parametrize("event_ndim", [0, 1])
def test_divergences_against_enumeration(event_ndim):
    total = (lambda a: a.sum(-1)) if event_ndim else np.asarray
    p, q = Binomial(COUNTS[:3], LOGITS[:, :3], event_ndim=event_ndim), LOGITS[::-1, :3] + 0.5
    k = np.arange(101)[:, None, None]

    def enumerated(a, b):
        weight = a.pmf(k)
        used = weight > 0
        return (weight * (np.where(used, a.logpmf(k), 0) - np.where(used, b.logpmf(k), 0))).sum(0)

    a = stats.binom(COUNTS[:3], special.expit(LOGITS[:, :3]))
    for other, oracle in ((Binomial(COUNTS[:3], q, event_ndim=event_ndim), stats.binom(COUNTS[:3], special.expit(q))),
                          (Binomial(COUNTS[:3] + 2, q, event_ndim=event_ndim),
                           stats.binom(COUNTS[:3] + 2, special.expit(q))),
                          (Poisson(np.exp(q), event_ndim=event_ndim), stats.poisson(np.exp(q)))):
        np.testing.assert_allclose(kl_divergence(p, other), total(enumerated(a, oracle)), rtol=1e-8)
    assert (kl_divergence(Binomial(4, LOGITS), Binomial(3, LOGITS)) == np.inf).all()
    rates, others = np.exp(LOGITS), np.exp(LOGITS[::-1])
    k = np.arange(200)[:, None, None]
    np.testing.assert_allclose(kl_divergence(Poisson(rates, event_ndim=event_ndim),
                                             Poisson(others, event_ndim=event_ndim)),
                               total(enumerated(stats.poisson(rates), stats.poisson(others))), rtol=1e-9)
    np.testing.assert_allclose(kl_divergence(OneHot(LOGITS), OneHot(LOGITS[::-1])),
                               stats.entropy(special.softmax(LOGITS, -1), special.softmax(LOGITS[::-1], -1), axis=-1))


def test_divergences_between_kinds_of_finite_distributions():
    b, c = Bernoulli(LOGITS, event_ndim=1), Categorical(RANDOM.standard_normal((3, 4, 2)), event_ndim=1)
    p, q = np.stack([special.expit(-LOGITS), special.expit(LOGITS)], -1), special.softmax(c.logits, -1)
    np.testing.assert_allclose(kl_divergence(b, c), stats.entropy(p, q, axis=-1).sum(-1))
    np.testing.assert_allclose(kl_divergence(c, b), stats.entropy(q, p, axis=-1).sum(-1))
    wide = Categorical(RANDOM.standard_normal((3, 4, 3)), event_ndim=1)
    assert (kl_divergence(wide, b) == np.inf).all()
    np.testing.assert_allclose(kl_divergence(b, wide), (
        p * (np.log(p) - np.log(special.softmax(wide.logits, -1)[..., :2]))).sum((-1, -2)))
    d = DiscretizedLogisticMixture(RANDOM.standard_normal((3, 4, 2)), 0.3, -1.0, 3, event_ndim=1)
    mixtures = DiscretizedLogisticMixture(d.logits, 0.3, -1.0, 3)
    masses = np.exp([mixtures.log_prob(k) for k in range(3)]).transpose(1, 2, 0)
    np.testing.assert_allclose(kl_divergence(d, wide), stats.entropy(
        masses, special.softmax(wide.logits, -1), axis=-1).sum(-1))
    np.testing.assert_allclose(kl_divergence(d, d), 0, atol=1e-14)
    one = Binomial(1, LOGITS, event_ndim=1)
    np.testing.assert_allclose(kl_divergence(one, b), 0, atol=1e-14)
    assert d.event_shape == (4,)  # the tables were made of a copy


@given(st.floats(1e-3, 50), st.floats(1e-3, 50))
def test_poisson_divergence_is_the_formula(a, b):
    expected = a * (math.log(a) - math.log(b)) + b - a
    assert kl_divergence(Poisson(a), Poisson(b)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_gradients_to_second_order():
    k = np.array([0, 1, 3, 7])

    def f(a, b):
        p, q = Binomial(7, a, event_ndim=1), Binomial(7, b, event_ndim=1)
        r, s = Poisson(ops.exp(a)), Poisson(ops.exp(b))
        return (p.log_prob(k), p.entropy(), p.mean, p.variance, p.cdf(k), kl_divergence(p, q),
                kl_divergence(Binomial(7, a), Binomial(9, b)), kl_divergence(Binomial(7, a), s),
                r.log_prob(k), r.entropy(), r.cdf(k), kl_divergence(r, s),
                Poisson(1e4 * ops.exp(a + 5)).entropy(), Bernoulli(a).cdf(k * 0.1),
                Categorical(a).cdf(np.arange(4)[:, None]),
                OneHot(a).log_prob(np.eye(4)[:, None]), OneHot(a).entropy(), OneHot(a).variance,
                kl_divergence(OneHot(a), OneHot(b)), kl_divergence(Bernoulli(a[:, 0]), Categorical(b)),
                kl_divergence(Bernoulli(a), s))

    check_grads(f, (LOGITS, LOGITS[::-1] + 0.3))


def test_float32_stays_float32():
    f = np.float32
    x = np.ones((3, 4), np.int64)
    for d in (Binomial(5, LOGITS.astype(f)), Binomial(np.full(4, 5), Tensor(LOGITS.astype(f))),
              Poisson(np.exp(LOGITS.astype(f))), Poisson(Tensor(np.exp(LOGITS.astype(f))), event_ndim=1)):
        results = [d.log_prob(x), d.log_prob(x.astype(f)), d.entropy(), d.mean, d.variance, d.cdf(x), d.icdf(0.3 * x),
                   kl_divergence(d, d)]
        assert {r.dtype for r in results} == {np.dtype(f)}
    d = OneHot(LOGITS.astype(f))
    assert {r.dtype for r in (d.log_prob(np.eye(4)[:3]), d.entropy(), d.mean, d.variance, d.sample((), 0),
                              kl_divergence(d, d))} == {np.dtype(f)}
    for d in (Bernoulli(LOGITS.astype(f)), Categorical(np.zeros((3, 4, 5), f))):
        assert d.cdf(x).dtype == d.icdf(np.full((3, 4), 0.5)).dtype == f


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Poisson(-1.0), ValueError, "rate: expected finite numbers of at least 0, got -1"),
        (lambda: Poisson(np.array([1, np.inf])), ValueError, "rate.*inf"),
        (lambda: Poisson("3"), TypeError, "rate"),
        (lambda: Poisson(RATE, event_ndim=2), ValueError, "event_ndim"),
        (lambda: Binomial(-1, 0.0), ValueError, "total_count: expected integers of at least 0"),
        (lambda: Binomial(2.5, 0.0), ValueError, "total_count"),
        (lambda: Binomial(np.nan, 0.0), ValueError, "total_count"),
        (lambda: Binomial("3", 0.0), TypeError, "total_count"),
        (lambda: Binomial(np.arange(3), LOGITS), ValueError, r"total_count \(3,\), logits \(3, 4\)"),
        (lambda: OneHot(0.5), ValueError, "logits"),
        (lambda: OneHot(LOGITS).log_prob(np.zeros((3, 3))), ValueError, "shape"),
        (lambda: Poisson(RATE).rsample((), 0), NotImplementedError, "no reparameterised sample"),
        (lambda: kl_divergence(Poisson(RATE), Normal(0.0, 1.0)), NotImplementedError, "Poisson, Normal"),
        (lambda: kl_divergence(OneHot(LOGITS), OneHot(LOGITS[:, :3])), ValueError, r"\(4,\) and \(3,\)"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
