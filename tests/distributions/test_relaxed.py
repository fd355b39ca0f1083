"""Relaxed one-hot and binary variables against quadrature, limits and their distribution functions."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from minigen import Tensor, check_grads, grad, ops
from minigen.distributions import ExpRelaxedOneHot, LogitRelaxedBernoulli, RelaxedBernoulli, RelaxedOneHot

RANDOM = np.random.default_rng(14)
LOGITS = RANDOM.standard_normal((3, 4))
TEMPERATURES = [0.1, 0.5, 1.0, 3.0]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("event_ndim", [0, 1])
def test_logits_are_logistic(temperature, event_ndim):
    d = LogitRelaxedBernoulli(temperature, LOGITS, event_ndim=event_ndim)
    oracle = stats.logistic(LOGITS / temperature, 1 / temperature)
    y, total = 5 * RANDOM.standard_normal((6, 3, 4)), (lambda a: a.sum(-1)) if event_ndim else np.asarray
    np.testing.assert_allclose(d.log_prob(y), total(oracle.logpdf(y)), rtol=1e-10)
    np.testing.assert_allclose(d.entropy(), total(oracle.entropy() * np.ones((3, 4))))
    np.testing.assert_allclose(d.mean, oracle.mean())
    np.testing.assert_allclose(d.variance, oracle.var() * np.ones((3, 4)))
    np.testing.assert_allclose(d.cdf(y), oracle.cdf(y), rtol=1e-12)
    p = RANDOM.random((6, 3, 4))
    np.testing.assert_allclose(d.icdf(p), oracle.ppf(p), rtol=1e-10)
    np.testing.assert_array_equal(d.log_prob(np.full((3, 4), np.inf)), total(np.full((3, 4), -np.inf)))
    np.testing.assert_array_equal(d.log_prob(np.full((3, 4), -1e5)) < -1e3, True)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_relaxed_bernoulli_density(temperature):
    # the published density λ α x^(-λ-1) (1-x)^(-λ-1) / (α x^(-λ) + (1-x)^(-λ))², α = exp(logits)
    d, x, alpha = RelaxedBernoulli(temperature, LOGITS), RANDOM.uniform(0.01, 0.99, (50, 3, 4)), np.exp(LOGITS)
    top = temperature * alpha * (x * (1 - x)) ** (-temperature - 1)
    np.testing.assert_allclose(np.exp(d.log_prob(x)),
                               top / (alpha * x**-temperature + (1 - x) ** -temperature) ** 2, rtol=1e-9)
    np.testing.assert_allclose(RelaxedBernoulli(temperature, LOGITS, event_ndim=1).log_prob(x), d.log_prob(x).sum(-1))
    for i in ((0, 0), (2, 3)):  # in the logit, where the poles that low temperatures have at 0 and 1 are gone
        one = RelaxedBernoulli(temperature, LOGITS[i])

        def mass(y, one=one):
            x = special.expit(y)
            return float(np.exp(one.log_prob(x)) * x * (1 - x))

        area = integrate.quad(mass, -12, 12, limit=200)[0]
        np.testing.assert_allclose(area, one.cdf(special.expit(12.0)) - one.cdf(special.expit(-12.0)), rtol=1e-7)
    np.testing.assert_allclose(1 - d.cdf(0.5), special.expit(LOGITS))
    np.testing.assert_allclose(d.icdf(d.cdf(x)), x, rtol=1e-9)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_bernoulli_samples(temperature):
    n = 20_000
    kinds = [LogitRelaxedBernoulli] if temperature < 0.5 else [LogitRelaxedBernoulli, RelaxedBernoulli]
    for d in (kind(temperature, LOGITS[0]) for kind in kinds):  # at low temperatures values round to 1
        for samples in (d.sample(n, 3), d.rsample(n, 4)):
            u = d.cdf(samples)  # uniform, if the samples are right
            assert all(stats.kstest(u[:, i], "uniform").pvalue > 1e-4 for i in range(4))
            assert np.abs(np.corrcoef(u.T) - np.eye(4)).max() < 5 / np.sqrt(n)


def published(x, temperature, logits):
    """(K-1)! λ^(K-1) Π α_k x_k^(-λ-1) / (Σ α_k x_k^(-λ))^K (Maddison et al., equation 10)."""
    k, alpha = x.shape[-1], np.exp(logits)
    top = np.prod(alpha * x ** (-temperature - 1), -1)
    return special.factorial(k - 1) * temperature ** (k - 1) * top / np.sum(alpha * x**-temperature, -1) ** k


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_relaxed_one_hot_density(temperature):
    x = RANDOM.dirichlet(np.full(4, 2.0), (20, 3))
    d = RelaxedOneHot(temperature, LOGITS)
    assert d.batch_shape == (3,) and d.event_shape == (4,)
    np.testing.assert_allclose(np.exp(d.log_prob(x)), published(x, temperature, LOGITS), rtol=1e-7)
    np.testing.assert_allclose(d.log_prob(x), d.log.log_prob(np.log(x)) - np.log(x).sum(-1), rtol=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_densities_over_three_integrate_to_one(temperature):
    # over the log-ratios u = y_k - y_3, in which ExpRelaxedOneHot is a density; the simplex's is that times Π x
    u = np.linspace(-60, 60, 401) / temperature
    ratios = np.stack([*np.meshgrid(u, u, indexing="ij"), np.zeros((401, 401))], -1)
    d = ExpRelaxedOneHot(temperature, LOGITS[0, :3])
    y = special.log_softmax(ratios, -1)
    log_p, area = d.log_prob(y), (u[1] - u[0]) ** 2
    np.testing.assert_allclose(np.exp(log_p).sum() * area, 1, rtol=1e-6)
    np.testing.assert_allclose(-(np.exp(log_p) * log_p).sum() * area, d.entropy(), rtol=1e-6)


def test_two_values_are_the_relaxed_bernoulli():
    logits, x = LOGITS[0, :2], RANDOM.uniform(0.01, 0.99, 20)
    pair, single = RelaxedOneHot(0.7, logits), RelaxedBernoulli(0.7, logits[0] - logits[1])
    np.testing.assert_allclose(pair.log_prob(np.stack([x, 1 - x], -1)), single.log_prob(x), rtol=1e-9)
    y = special.log_softmax(np.stack([special.logit(x), np.zeros(20)], -1), -1)
    np.testing.assert_allclose(pair.log.log_prob(y), single.logit.log_prob(special.logit(x)), rtol=1e-9)
    np.testing.assert_allclose(pair.log.entropy(), single.logit.entropy())


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_one_hot_samples(temperature):
    n, d = 20_000, RelaxedOneHot(temperature, LOGITS)
    p = special.softmax(LOGITS, -1)
    for samples in (d.sample(n, 3), d.rsample(n, 4), np.exp(d.log.sample(n, 5)), np.exp(d.log.rsample(n, 6))):
        assert samples.shape == (n, 3, 4)
        np.testing.assert_allclose(samples.sum(-1), 1)
        for k in range(3):  # the largest is a draw of the categorical, and each pair's log-ratio is logistic
            assert stats.chisquare(np.bincount(samples[:, k].argmax(-1), minlength=4), n * p[k]).pvalue > 1e-4
    y = d.log.sample(n, 7)
    ratio = temperature * (y[..., 0] - y[..., 1]) - (LOGITS[:, 0] - LOGITS[:, 1])
    assert all(stats.kstest(ratio[:, k], stats.logistic.cdf).pvalue > 1e-4 for k in range(3))
    cost = -d.log.log_prob(d.log.sample(n, 8))
    assert (np.abs(cost.mean(0) - d.log.entropy()) < 4.5 * cost.std(0) / np.sqrt(n)).all()


def test_low_temperatures_stay_finite_in_the_log_domain():
    for dtype in (np.float32, np.float64):
        d = ExpRelaxedOneHot(0.01, LOGITS.astype(dtype))
        y = d.sample(1000, 3)
        assert y.dtype == dtype and (np.exp(y) == 0).any() and np.isfinite(d.log_prob(y)).all()


def test_temperatures_of_the_batch():
    temperature = np.array([[0.5], [2.0]])
    d, x = RelaxedOneHot(temperature, LOGITS), RANDOM.dirichlet(np.full(4, 2.0), (5, 2, 3))
    assert d.batch_shape == (2, 3) and d.log.entropy().shape == (2, 3) and d.sample(2, 0).shape == (2, 2, 3, 4)
    for i in range(2):
        one = RelaxedOneHot(temperature[i, 0], LOGITS)
        np.testing.assert_allclose(d.log_prob(x)[:, i], one.log_prob(x[:, i]))
        np.testing.assert_allclose(d.log.entropy()[i], one.log.entropy())


def test_out_of_support():
    d = RelaxedOneHot(0.5, LOGITS[0])
    bad = np.array([[1, 0, 0, 0], [0.5, 0.5, 0.5, -0.5], [0.3, 0.3, 0.3, 0.3], [np.inf, 0.1, 0.1, 0.1]])
    np.testing.assert_array_equal(d.log_prob(bad), -np.inf)
    assert np.isnan(d.log_prob(np.array([np.nan, 0.2, 0.3, 0.5])))
    np.testing.assert_array_equal(d.log.log_prob(np.array([[-np.inf, 0, -np.inf, -np.inf], [0.0, 0, 0, 0]])), -np.inf)
    single = ExpRelaxedOneHot(0.5, np.zeros(1))  # always (0,)
    np.testing.assert_array_equal(single.log_prob(np.array([[0.0], [-np.inf], [np.nan]])), [0, -np.inf, np.nan])
    b = RelaxedBernoulli(0.5, 0.3)
    np.testing.assert_array_equal(b.log_prob(np.array([-0.1, 0, 1, 1.1, np.inf, np.nan])), [-np.inf] * 5 + [np.nan])
    np.testing.assert_array_equal(b.cdf(np.array([-1, 0, 1, 2, np.nan])), [0, 0, 1, 1, np.nan])
    assert np.isnan(b.icdf(np.array([-0.1, 1.1, np.nan]))).all() and b.icdf(0.0) == 0 and b.icdf(1.0) == 1
    logits = Tensor(LOGITS[0])
    gradient = grad(ops.sum(RelaxedOneHot(0.5, logits).log_prob(np.concatenate([bad, [[0.1, 0.2, 0.3, 0.4]]]))), logits)
    assert np.isfinite(gradient).all()


def test_gradients_to_second_order():
    def f(temperature, logits, y):
        temperature = ops.exp(temperature)
        d, b = RelaxedOneHot(temperature, logits), RelaxedBernoulli(temperature, ops.transpose(logits), event_ndim=1)
        x = ops.sigmoid(ops.transpose(y))
        return (d.log_prob(ops.softmax(y, -1)), d.log.log_prob(ops.log_softmax(y, -1)), d.rsample(2, 3),
                d.log.rsample((), 3), d.log.entropy(), b.log_prob(x), b.rsample(2, 3), b.cdf(x), b.icdf(x),
                b.logit.log_prob(ops.transpose(y)), b.logit.mean, b.logit.variance, b.logit.entropy())

    check_grads(f, (RANDOM.uniform(-1, 0.5, 3), LOGITS, RANDOM.standard_normal((3, 4))))


def test_reparameterised_gradient_of_an_expectation():
    # E x of a relaxed Bernoulli by quadrature over its quantiles, and its derivatives by central differences
    def mean(temperature, logit):
        return integrate.quad(lambda p: special.expit((logit + special.logit(p)) / temperature), 0, 1, epsabs=1e-12)[0]

    n, temperature, logit, h = 200_000, Tensor(np.array(0.6)), Tensor(np.array(0.4)), 1e-4
    # one leaf for each draw gives the derivative of each, and so the standard error
    leaves = [Tensor(np.full(n, 0.6)), Tensor(np.full(n, 0.4))]
    gradients = grad(ops.sum(RelaxedBernoulli(*leaves).rsample((), 5)), leaves)
    exact = [(mean(0.6 + h, 0.4) - mean(0.6 - h, 0.4)) / (2 * h), (mean(0.6, 0.4 + h) - mean(0.6, 0.4 - h)) / (2 * h)]
    together = grad(ops.mean(RelaxedBernoulli(temperature, logit).rsample(n, 5)), [temperature, logit])
    for result, values, expected in zip(together, gradients, exact, strict=True):
        np.testing.assert_allclose(result, values.mean())
        assert abs(result - expected) < 4.5 * values.std() / np.sqrt(n)


def test_float32_stays_float32():
    f = np.float32
    logits, x = LOGITS.astype(f), np.full((3, 4), 0.25, f)
    for d in (RelaxedOneHot(0.5, logits), RelaxedOneHot(np.ones(3, f), Tensor(logits)), RelaxedBernoulli(0.5, logits),
              RelaxedBernoulli(Tensor(np.ones(4, f)), 0.5, event_ndim=1)):
        other = d.log if isinstance(d, RelaxedOneHot) else d.logit
        value = x[0] if d.event_ndim and not isinstance(d, RelaxedOneHot) else x
        results = [d.log_prob(value), d.sample((), 0), d.rsample((), 0), other.sample((), 0), other.rsample((), 0),
                   other.entropy(), other.log_prob(np.log(value))]
        if isinstance(d, RelaxedBernoulli):
            results += [d.cdf(value), d.icdf(value), other.mean, other.variance]
        assert {r.dtype for r in results} == {np.dtype(f)}


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: RelaxedOneHot(0.0, LOGITS), ValueError, "temperature: expected numbers above 0, got 0"),
        (lambda: RelaxedBernoulli(np.array([1.0, -1, 2, 3]), LOGITS), ValueError, "temperature.*-1"),
        (lambda: RelaxedOneHot(np.ones(4), LOGITS), ValueError, "temperature: expected a shape that broadcasts"),
        (lambda: RelaxedOneHot(1.0, 0.5), ValueError, "logits: expected shape"),
        (lambda: RelaxedOneHot(1.0, np.zeros((3, 0))), ValueError, "logits"),
        (lambda: RelaxedOneHot(1.0, np.array([0, -np.inf])), ValueError, "finite"),
        (lambda: RelaxedBernoulli(1.0, None), TypeError, "logits"),
        (lambda: RelaxedBernoulli(1.0, LOGITS, event_ndim=3), ValueError, "event_ndim"),
        (lambda: RelaxedOneHot(1.0, LOGITS).log_prob(np.zeros(3)), ValueError, "shape"),
        (lambda: RelaxedOneHot(1.0, LOGITS).entropy(), NotImplementedError, "entropy"),
        (lambda: RelaxedBernoulli(1.0, LOGITS).mean, NotImplementedError, "mean"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
