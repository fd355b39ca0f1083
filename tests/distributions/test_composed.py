"""Mixtures, independent batches and empirical distributions against enumeration, quadrature and sums by hand."""

import numpy as np
import pytest
from scipy import special, stats

from minigen import Tensor, check_grads, grad, ops
from minigen.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Empirical,
    Independent,
    Mixture,
    MultivariateNormal,
    Normal,
    OneHot,
    Poisson,
    kl_divergence,
    mixture,
)

RANDOM = np.random.default_rng(15)
LOGITS, LOC = RANDOM.standard_normal((3, 4)), 2 * RANDOM.standard_normal((3, 4))
LOG_SCALE = 0.4 * RANDOM.standard_normal((3, 4))
WEIGHTS = special.softmax(LOGITS, -1)
pytestmark = pytest.mark.filterwarnings("error")


def test_mixture_of_normals_against_the_sum():
    d, x = Mixture(LOGITS, Normal(LOC, log_scale=LOG_SCALE)), 3 * RANDOM.standard_normal((6, 3))
    oracle = stats.norm(LOC, np.exp(LOG_SCALE))
    assert d.batch_shape == (3,) and d.event_shape == () and d.n_components == 4
    np.testing.assert_allclose(d.log_prob(x), np.log((WEIGHTS * oracle.pdf(x[..., None])).sum(-1)), rtol=1e-10)
    np.testing.assert_allclose(d.weights, WEIGHTS)
    joint = WEIGHTS * oracle.pdf(x[..., None])
    np.testing.assert_allclose(d.responsibilities(x), joint / joint.sum(-1, keepdims=True), rtol=1e-9)
    grid = np.linspace(-30, 30, 20_001)[:, None]
    density = (WEIGHTS * oracle.pdf(grid[..., None])).sum(-1)
    area, mean, second = (density * grid ** np.arange(3)[:, None, None]).sum(1) * (60 / 20_000)
    np.testing.assert_allclose(area, 1, rtol=1e-9)
    np.testing.assert_allclose(d.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(d.variance, second - mean**2, rtol=1e-9)


@pytest.mark.parametrize("loc, logits, batch", [((3, 4), (4,), (3,)), ((4,), (3, 4), (3,)), ((4,), (4,), ()),
                                                ((2, 1, 4), (3, 4), (2, 3)), ((3, 1, 4), (1, 2, 4), (3, 2))])
def test_mixture_shapes(loc, logits, batch):
    loc, logits = np.resize(LOC, loc), np.resize(LOGITS, logits)
    d = Mixture(logits, Normal(loc, 0.5))
    assert d.batch_shape == batch and d.sample((5, 2), 0).shape == (5, 2, *batch) and d.sample((), 0).shape == batch
    assert d.mean.shape == d.variance.shape == batch and d.sample(0, 0).shape == (0, *batch)
    weights, x = special.softmax(logits, -1), RANDOM.standard_normal((6, *batch))
    np.testing.assert_allclose(np.exp(d.log_prob(x)), (weights * stats.norm(loc, 0.5).pdf(x[..., None])).sum(-1))
    np.testing.assert_allclose(np.exp(d.log_prob(0.3)), (weights * stats.norm(loc, 0.5).pdf(0.3)).sum(-1)
                               * np.ones(batch))
    n = 20_000
    samples = d.sample(n, 4)
    assert (np.abs(samples.mean(0) - d.mean) < 4.5 * np.sqrt(d.variance / n)).all()
    assert np.abs(np.atleast_2d(np.corrcoef(samples.reshape(n, -1).T)) - np.eye(max(1, int(np.prod(batch))))).max() \
        < 5 / np.sqrt(n)


@pytest.mark.parametrize("block", [2**22, 40])
def test_mixture_samples_follow_the_density(block, monkeypatch):
    monkeypatch.setattr(mixture, "BLOCK", block)  # a small one makes the draws in many rounds
    d, n = Mixture(LOGITS, Normal(LOC, log_scale=LOG_SCALE)), 20_000 if block > 40 else 2_000
    samples = d.sample(n, 5)
    for k in range(3):
        def cdf(x, k=k):
            return (WEIGHTS[k] * stats.norm(LOC[k], np.exp(LOG_SCALE[k])).cdf(x[:, None])).sum(-1)
        assert stats.kstest(samples[:, k], cdf).pvalue > 1e-4
    assert len(np.unique(samples)) == samples.size  # no draw is used twice
    samples = samples - samples.mean(0)
    halves = samples[: n // 2].ravel(), samples[n // 2 :].ravel()
    assert abs(np.corrcoef(*halves)[0, 1]) < 4.5 / np.sqrt(halves[0].size)


def test_mixture_over_events():
    # over whole vectors: the parts of an event share their component
    p = RANDOM.uniform(0.1, 0.9, (2, 3))
    d = Mixture(np.log([0.3, 0.7]), Bernoulli(special.logit(p), event_ndim=1))
    x = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    terms = np.prod(np.where(x[:, None], p, 1 - p), -1)
    masses = terms @ [0.3, 0.7]
    np.testing.assert_allclose(np.exp(d.log_prob(x)), masses)
    np.testing.assert_allclose(d.responsibilities(x), terms * [0.3, 0.7] / masses[:, None])
    np.testing.assert_allclose(d.mean, masses @ x)
    np.testing.assert_allclose(d.variance, masses @ (x - masses @ x) ** 2)
    assert d.discrete and d.event_shape == (3,) and d.batch_shape == ()
    n = 40_000
    samples = d.sample(n, 3)
    assert stats.chisquare(np.bincount(samples.astype(int) @ [4, 2, 1], minlength=8), n * masses).pvalue > 1e-4


def test_mixture_of_multivariate_normals():
    root = RANDOM.standard_normal((3, 2, 2))
    d = Mixture(LOGITS[0, :3], MultivariateNormal(LOC[:, :2], root @ root.swapaxes(-1, -2) + 0.2 * np.eye(2)))
    assert d.batch_shape == () and d.event_shape == (2,) and not d.discrete
    n = 40_000
    samples, w = d.sample(n, 2), special.softmax(LOGITS[0, :3])
    np.testing.assert_allclose(d.mean, w @ LOC[:, :2])
    assert (np.abs(samples.mean(0) - d.mean) < 4.5 * np.sqrt(d.variance / n)).all()
    spread = (samples - d.mean) ** 2
    assert (np.abs(spread.mean(0) - d.variance) < 4.5 * spread.std(0) / np.sqrt(n)).all()
    x = samples[:5]
    terms = np.stack([stats.multivariate_normal(LOC[k, :2], d.components.covariance[k]).pdf(x) for k in range(3)], -1)
    np.testing.assert_allclose(d.log_prob(x), np.log(terms @ w), rtol=1e-9)


def test_mixture_of_counts_and_its_distribution_function():
    d = Mixture(LOGITS[0], Categorical(RANDOM.standard_normal((4, 5))))
    masses = special.softmax(LOGITS[0]) @ special.softmax(d.components.logits, -1)
    np.testing.assert_allclose(np.exp(d.log_prob(np.arange(5))), masses)
    np.testing.assert_allclose(d.cdf(np.arange(5)), np.cumsum(masses))
    samples = d.sample(20_000, 2)
    assert samples.dtype == np.int64 and stats.chisquare(np.bincount(samples), 20_000 * masses).pvalue > 1e-4
    nested = Mixture(LOGITS[0, :2], Mixture(LOGITS[:2], Normal(LOC[:2], 1.0)))
    x = RANDOM.standard_normal(9)
    flat = special.softmax(LOGITS[0, :2])[:, None] * WEIGHTS[:2]
    oracle = stats.norm(LOC[:2], 1)
    np.testing.assert_allclose(np.exp(nested.log_prob(x)), (flat * oracle.pdf(x[:, None, None])).sum((1, 2)))
    samples = nested.sample(20_000, 3)
    assert stats.kstest(samples, lambda x: (flat * oracle.cdf(x[:, None, None])).sum((1, 2))).pvalue > 1e-4


def test_excluded_components_and_far_values():
    d = Mixture(np.array([0, -np.inf, 1.0]), Normal(np.array([0.0, 5, 9]), 1.0))
    assert np.abs(d.sample(5000, 0) - 5).min() > 0 and set(d.responsibilities(np.array([5.0]))[:, 1]) == {0}
    assert np.isfinite(d.log_prob(np.array([1e3, -1e5]))).all() and np.isnan(d.log_prob(np.nan))
    counts = Mixture(np.zeros(2), Poisson(np.array([1.0, 5.0])))
    np.testing.assert_array_equal(counts.log_prob(np.array([-1.0, 0.5])), -np.inf)
    logits, rate = Tensor(np.zeros(2)), Tensor(np.array([1.0, 5.0]))
    gradient = grad(ops.sum(Mixture(logits, Poisson(rate)).log_prob(np.array([-1.0, 2.0]))), [logits, rate])
    assert all(np.isfinite(g).all() for g in gradient)


def test_independent_sums_over_batch_axes():
    base = Normal(LOC, log_scale=LOG_SCALE)
    x = RANDOM.standard_normal((5, 3, 4))
    for n, axes in ((0, ()), (1, (-1,)), (2, (-1, -2))):
        d, same = Independent(base, n), Normal(LOC, log_scale=LOG_SCALE, event_ndim=n)
        assert d.batch_shape == same.batch_shape and d.event_shape == same.event_shape and d.event_ndim == n
        np.testing.assert_allclose(d.log_prob(x), stats.norm(LOC, np.exp(LOG_SCALE)).logpdf(x).sum(axis=axes))
        np.testing.assert_allclose(d.entropy(), same.entropy())
        np.testing.assert_array_equal(d.mean, LOC)
        np.testing.assert_allclose(d.variance, np.exp(2 * LOG_SCALE))
        np.testing.assert_array_equal(d.sample(2, 3), base.sample(2, 3))
        np.testing.assert_array_equal(d.rsample(2, 3), base.rsample(2, 3))
        other = Independent(Normal(LOC[::-1], 1.0), n)
        np.testing.assert_allclose(kl_divergence(d, other), kl_divergence(base, Normal(LOC[::-1], 1.0)).sum(axis=axes))
    pixels = Independent(Mixture(LOGITS, Normal(LOC, 1.0)), 1)  # of each element a mixture of its own
    assert pixels.event_shape == (3,) and pixels.sample(2, 0).shape == (2, 3)
    np.testing.assert_allclose(pixels.log_prob(x[..., 0]), pixels.base.log_prob(x[..., 0]).sum(-1))
    nested = Independent(Independent(base, 1), 1)
    assert nested.event_shape == (3, 4)
    np.testing.assert_allclose(nested.log_prob(x), Independent(base, 2).log_prob(x))
    assert Independent(OneHot(LOGITS), 1).discrete and not nested.discrete
    np.testing.assert_array_equal(Independent(Categorical(LOC), 1).cdf(np.full(3, 3.0)), np.ones(3))
    np.testing.assert_array_equal(Independent(Categorical(LOC), 1).icdf(np.full(3, 1.0)), np.full(3, 3.0))


def test_empirical_atoms():
    values, weights = np.array([2.0, -1.0, 2.0, 0.0, 7.0]), np.array([1.0, 2, 3, 4, 0])
    d, w = Empirical(values, weights), weights / 10
    x = np.array([2.0, -1, -0.0, 7, 5, np.inf, np.nan])
    np.testing.assert_allclose(np.exp(d.log_prob(x)), [0.4, 0.2, 0.4, 0, 0, 0, np.nan])
    np.testing.assert_allclose(d.entropy(), special.entr([0.4, 0.2, 0.4]).sum())
    np.testing.assert_allclose(d.mean, w @ values)
    np.testing.assert_allclose(d.variance, w @ (values - w @ values) ** 2)
    np.testing.assert_allclose(d.cdf(np.array([-2, -1, -0.5, 0, 1.9, 2, 100, np.nan])),
                               [0, 0.2, 0.2, 0.6, 0.6, 1, 1, np.nan])
    np.testing.assert_array_equal(d.icdf(np.array([0, 0.1, 0.2, 0.21, 0.6, 0.61, 1, np.nan, -1, 1.1])),
                                  [-1, -1, -1, 0, 0, 2, 2, np.nan, np.nan, np.nan])
    n = 40_000
    samples = d.sample(n, 3)
    counts = [(samples == v).sum() for v in (-1, 0, 2)]
    assert sum(counts) == n and stats.chisquare(counts, n * np.array([0.2, 0.4, 0.4])).pvalue > 1e-4
    assert d.discrete and d.batch_shape == () and d.sample((2, 3), 0).shape == (2, 3) and d.log_prob(2.0).shape == ()


def test_empirical_of_rows_and_images():
    values = RANDOM.integers(0, 2, (50, 2, 2)).astype(np.uint8)
    d = Empirical(values)
    every = np.array([[i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(16)]).reshape(16, 2, 2)
    counts = (values[:, None] == every).all((-1, -2)).sum(0)
    np.testing.assert_allclose(np.exp(d.log_prob(every)), counts / 50)
    np.testing.assert_allclose(np.exp(d.log_prob(every.astype(float)[None])).sum(), 1)
    np.testing.assert_allclose(d.entropy(), special.entr(counts / 50).sum())
    np.testing.assert_allclose(d.mean, values.mean(0))
    np.testing.assert_allclose(d.variance, values.var(0))
    samples = d.sample(7, 0)
    assert samples.dtype == np.uint8 and samples.shape == (7, 2, 2) and np.isfinite(d.log_prob(samples)).all()
    assert np.isnan(d.log_prob(np.full((2, 2), np.nan))) and d.log_prob(np.full((2, 2), 0.5)) == -np.inf
    zeros = Empirical(np.array([[0.0, 1], [-0.0, 1], [2, 3]]))
    np.testing.assert_allclose(zeros.log_prob(np.array([-0.0, 1])), np.log(2 / 3))
    with pytest.raises(NotImplementedError, match="single numbers only"):
        d.cdf(every)


def test_empirical_divergences():
    values, weights = np.array([0, 2, 2, 5]), np.array([0.1, 0.4, 0.2, 0.3])
    p, masses = Empirical(values, weights), {0: 0.1, 2: 0.6, 5: 0.3}
    rates = np.array([1.0, 4.0])
    binomial = stats.binom(9, special.expit(0.3))
    for q, oracle in ((Poisson(rates), stats.poisson(rates).logpmf), (Binomial(9, 0.3), binomial.logpmf)):
        expected = sum(m * (np.log(m) - oracle(v)) for v, m in masses.items())
        np.testing.assert_allclose(kl_divergence(p, q), expected)
        np.testing.assert_allclose(p.cross_entropy(q), -sum(m * oracle(v) for v, m in masses.items()))
    assert kl_divergence(p, Binomial(4, 0.3)) == np.inf  # 5 is not among its values
    np.testing.assert_allclose(kl_divergence(p, p), 0, atol=1e-15)
    assert kl_divergence(p, Empirical([0, 2])) == np.inf
    np.testing.assert_array_equal(kl_divergence(p, Normal(np.zeros(3), 1.0)), [np.inf] * 3)  # a density has no atoms
    np.testing.assert_allclose(p.cross_entropy(Normal(1.0, 2.0)), -weights @ stats.norm(1, 2).logpdf(values))
    np.testing.assert_allclose(kl_divergence(Empirical([0, 3], [1.0, 0.0]), Binomial(2, 0.0)), np.log(4))
    rows = Empirical(RANDOM.integers(0, 2, (20, 3)))
    q = Bernoulli(LOC[:, :3], event_ndim=1)
    np.testing.assert_allclose(kl_divergence(rows, q), -q.log_prob(rows.values[:, None]).mean(0) - rows.entropy())


def test_gradients_to_second_order():
    x, k = RANDOM.standard_normal((2, 3)), np.array([0, 1, 4])

    def mixture_(logits, loc, log_scale, x):
        d = Mixture(logits, Normal(loc, log_scale=log_scale))
        counts = Mixture(logits, Poisson(ops.exp(loc * 0.3)))
        return (d.log_prob(x), d.responsibilities(x), d.mean, d.variance, counts.log_prob(k),
                Mixture(logits[0, :3], Normal(loc, log_scale=log_scale, event_ndim=1)).log_prob(x[0, 0] * loc[1:2]))

    def others(loc, log_scale, weights):
        d = Independent(Normal(loc, log_scale=log_scale), 1)
        e = Empirical(np.array([0, 2, 2, 5]), ops.exp(weights))
        other = Independent(Normal(LOC, 1.0), 1)
        return (d.log_prob(np.ones((3, 4))), d.rsample(2, 0), d.entropy(), kl_divergence(d, other),
                e.log_prob(np.array([0, 2, 5])), e.entropy(), e.mean, e.variance, e.cdf(np.array([1, 2])),
                kl_divergence(e, Poisson(ops.exp(loc))), e.cross_entropy(Normal(loc, 1.0)))

    check_grads(mixture_, (LOGITS, LOC, LOG_SCALE, x))
    check_grads(others, (LOC, LOG_SCALE, RANDOM.standard_normal(4)))


def test_float32_stays_float32():
    f = np.float32
    d = Mixture(LOGITS.astype(f), Normal(LOC.astype(f), 1.0))
    x = np.ones(3, f)
    results = [d.log_prob(x), d.responsibilities(x), d.mean, d.variance, d.stddev, d.sample((), 0), d.sample(5, 0)]
    e = Independent(Normal(LOC.astype(f), 1.0), 1)
    results += [e.log_prob(np.ones((3, 4), f)), e.entropy(), e.mean, e.variance, e.sample((), 0), e.rsample((), 0),
                kl_divergence(e, e)]
    for a in (Empirical(LOC[0].astype(f)), Empirical(LOC.astype(f), Tensor(np.ones(3, f)))):
        results += [a.log_prob(a.values), a.entropy(), a.mean, a.variance, a.sample((), 0), kl_divergence(a, a)]
    a = Empirical(LOC[0].astype(f))
    results += [a.cdf(x), a.icdf(x)]
    assert {r.dtype for r in results} == {np.dtype(f)}


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Mixture(LOGITS, LOC), TypeError, "components: expected a Distribution, got ndarray"),
        (lambda: Mixture(0.5, Normal(LOC, 1.0)), ValueError, "logits: expected shape"),
        (lambda: Mixture(LOGITS[:, :3], Normal(LOC, 1.0)), ValueError, r"logits: .*\(3, 4\).*got \(3, 3\)"),
        (lambda: Mixture(LOGITS[:2], Normal(LOC, 1.0)), ValueError, "logits: expected a shape that broadcasts"),
        (lambda: Mixture(LOGITS[0], Normal(0.0, 1.0)), ValueError, "logits"),
        (lambda: Mixture(LOGITS, Normal(LOC, 1.0)).log_prob(np.zeros(4)), ValueError, "shape"),
        (lambda: Mixture(LOGITS, Normal(LOC, 1.0)).responsibilities(np.zeros(4)), ValueError, "shape"),
        (lambda: Mixture(LOGITS, Normal(LOC, 1.0)).entropy(), NotImplementedError, "entropy"),
        (lambda: Mixture(LOGITS, Normal(LOC, 1.0)).rsample((), 0), NotImplementedError, "reparameterised"),
        (lambda: Independent(LOC, 1), TypeError, "base: expected a Distribution"),
        (lambda: Independent(Normal(LOC, 1.0), 3), ValueError, "event_ndim: expected 0 … 2"),
        (lambda: Independent(Normal(LOC, 1.0), True), TypeError, "event_ndim"),
        (lambda: kl_divergence(Independent(OneHot(LOGITS), 1), Independent(Normal(LOC, 1.0), 2)), NotImplementedError,
         "over 1 and over 2 axes"),
        (lambda: Empirical([]), ValueError, "values: expected at least one"),
        (lambda: Empirical(3.0), ValueError, "values"),
        (lambda: Empirical([1, np.nan]), ValueError, "NaN"),
        (lambda: Empirical(["a"]), TypeError, "values"),
        (lambda: Empirical([1, 2], [1.0]), ValueError, r"weights: expected shape \(2,\)"),
        (lambda: Empirical([1, 2], [1.0, -1]), ValueError, "weights: expected finite numbers of at least 0"),
        (lambda: Empirical([1, 2], [0.0, 0]), ValueError, "not all 0"),
        (lambda: Empirical([1, 2], [np.nan, 1]), ValueError, "weights"),
        (lambda: Empirical(LOC).log_prob(np.zeros(3)), ValueError, "shape"),
        (lambda: kl_divergence(Empirical(LOC), Normal(0.0, 1.0)), ValueError, r"\(4,\) and \(\)"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
