"""Draws of continuous distributions: they follow the density, and their derivatives are the right ones."""

import functools

import numpy as np
import pytest
from scipy import special, stats

from distributions.families import FAMILIES
from minigen import Tensor, grad, ops, random
from minigen.distributions import Beta, Dirichlet, Gamma, StudentT, TruncatedNormal, VonMises, rejection

EVERY = pytest.mark.parametrize("name", sorted(FAMILIES))
SIGMAS = 4.5


def shares(name, parameters, x):
    """scipy's distribution function at draws x."""
    if name == "VonMises":  # about 0, and of one turn
        loc, k = parameters
        return stats.vonmises.cdf(np.mod(x - loc + np.pi, 2 * np.pi) - np.pi, k)
    return FAMILIES[name].oracle(*parameters).cdf(x)


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_follow_the_density(name, dtype):
    family, n = FAMILIES[name], 4000
    parameters = [p.astype(dtype) for p in family.parameters((6,), seed=3)]
    if name == "Beta" and dtype == np.float32:  # many draws round to 1 where the density there is infinite
        parameters = [np.maximum(p, 1) for p in parameters]
    d = family.make(*parameters)
    for samples in (d.sample(n, 5), d.rsample(n, 6)):
        assert samples.dtype == dtype and samples.shape == (n, 6)
        u = shares(name, [p.astype(np.float64) for p in parameters], samples.astype(np.float64))
        for i in range(6):
            assert stats.kstest(u[:, i], "uniform").pvalue > 1e-4, (name, [p[i] for p in parameters])
        correlation = np.corrcoef(special.ndtri(np.clip(u, 1e-9, 1 - 1e-9)).T) - np.eye(6)
        assert np.abs(correlation).max() < 5 / np.sqrt(n)


def test_gamma_samples_of_any_concentration():
    """By their logarithms, for which a float has room: below 1e-300 P(x) is xᵃ/Γ(a + 1)."""
    a = np.array([1e-3, 0.02, 0.3, 1.0, 1.5, 1e3, 1e5, 1e9])
    s = rejection.log_gamma_samples(a, (5000, 8), random.Generator(2))
    x = np.exp(s)
    with np.errstate(over="ignore"):
        u = np.where(x < 1e-300, np.exp(a * s - special.gammaln(a + 1)), special.gammainc(a, x))
    for i in range(8):
        assert stats.kstest(u[:, i], "uniform").pvalue > 1e-4, a[i]
    tiny = Gamma(np.float32(1e-3), np.float32(1.0)).sample(1000, 0)
    assert tiny.min() == np.finfo(np.float32).tiny and np.isfinite(Gamma(1e-3, 1.0).log_prob(tiny)).all()
    for dtype in (np.float32, np.float64):
        ends = Beta(dtype(1e-3), dtype(1e-3)).sample(1000, 0)
        assert 0 < ends.min() < 1e-30 and 1 - 1e-6 < ends.max() < 1


def test_von_mises_samples_of_any_concentration():
    k, n = np.array([0.0, 1e-6, 0.1, 2.0, 1e4, 1e9]), 100_000
    x = rejection.von_mises_samples(k, (n, 6), random.Generator(3))
    for i, oracle in enumerate([stats.uniform(-np.pi, 2 * np.pi)] * 2 + [stats.vonmises(k[i]) for i in (2, 3)]
                               + [stats.norm(0, k[i] ** -0.5) for i in (4, 5)]):
        assert stats.kstest(x[:, i], oracle.cdf).pvalue > 1e-4, k[i]
    wrapped = VonMises(3.0, 1.0).sample(1000, 0)
    assert np.abs(wrapped).max() <= np.pi and (wrapped < -2).any() and (wrapped > 2).any()
    assert stats.kstest(wrapped, VonMises(3.0, 1.0).cdf).pvalue > 1e-4


@pytest.mark.parametrize("a", [6.0, 1e3, 1e7])
def test_truncated_normal_samples_far_out(a):
    w = TruncatedNormal(-a, 1.0, 0.0, np.inf).sample(5000, 4)
    beyond = np.exp(-w * (a + 0.5 * w)) * special.erfcx((a + w) / np.sqrt(2)) / special.erfcx(a / np.sqrt(2))
    assert w.min() >= 0 and stats.kstest(beyond, "uniform").pvalue > 1e-4


def test_dirichlet_samples_follow_the_density():
    """Each element is a beta variable; that a vector divided by what is left of it is one too makes them Dirichlet."""
    a, n = np.array([0.3, 1.0, 4.0]), 6000
    x = Dirichlet(a).sample(n, 8)
    np.testing.assert_allclose(x.sum(axis=1), 1)
    for i in range(3):
        assert stats.kstest(x[:, i], stats.beta(a[i], a.sum() - a[i]).cdf).pvalue > 1e-4
    left = x[:, 1] / (1 - x[:, 0])
    assert stats.kstest(left, stats.beta(1, 4).cdf).pvalue > 1e-4
    assert abs(stats.spearmanr(left, x[:, 0]).statistic) < 5 / np.sqrt(n)
    few = Dirichlet(np.full((3,), 1e-3)).sample(3000, 9)  # almost always one element is nearly all
    assert few.min() > 0 and few.max(axis=1).mean() > 0.99
    counts = np.bincount(few.argmax(axis=1), minlength=3)
    assert stats.chisquare(counts).pvalue > 1e-4


@EVERY
def test_the_same_seed_samples_the_same(name):
    d = FAMILIES[name].make(*FAMILIES[name].parameters((3,)))
    np.testing.assert_array_equal(d.sample((2, 2), 3), d.rsample((2, 2), 3))
    rng = random.Generator(3)
    np.testing.assert_array_equal(d.sample((2, 2), rng), d.sample((2, 2), 3))
    assert not np.array_equal(d.sample((2, 2), rng), d.sample((2, 2), 3))


def moved(oracle, parameters, i, u, h):
    """The derivative of scipy's quantile at u by parameter i: central differences of order h⁴."""
    values = []
    for k in (-2, -1, 1, 2):
        at = [p + k * h if j == i else p for j, p in enumerate(parameters)]
        values.append(oracle(*at).ppf(u))
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)


IMPLICIT = {
    "Gamma": [[0.3, 2.0], [2.5, 0.7], [60.0, 3.0]],
    "Beta": [[0.4, 0.6], [3.0, 0.8], [5.0, 40.0]],
    "TruncatedNormal": [[0.3, 1.0, -1.0, 2.5], [-2.0, 1.5, 0.5, 1.0], [4.0, 0.8, -1.0, 3.0]],
    "VonMises": [[0.0, 0.4], [0.0, 5.0]],
    "LogNormal": [[0.3, 0.6]],
}


@pytest.mark.parametrize("name, parameters", [(n, p) for n in sorted(IMPLICIT) for p in IMPLICIT[n]])
def test_samples_move_as_quantiles_do(name, parameters):
    """dx/da = ∂F⁻¹(u; a)/∂a at u = F(x; a), element by element."""
    family, n = FAMILIES[name], 20
    tensors = [Tensor(np.full(n, p)) for p in parameters]
    x = family.make(*tensors).rsample((), 7)
    u = family.oracle(*parameters).cdf(x.data)
    for i, t in enumerate(tensors):
        if name == "VonMises" and i == 0:
            continue
        expected = moved(family.oracle, parameters, i, u, 1e-3 * max(abs(parameters[i]), 0.1))
        np.testing.assert_allclose(grad(x, t, np.ones(n), retain_graph=True), expected, rtol=2e-6, atol=2e-7)


def ratio_of_bessel(k):
    return special.ive(1, k) / special.ive(0, k)


def power_mean(df, s=0.5):
    """E|t|ˢ of Student's t."""
    return np.exp(0.5 * s * np.log(df) + special.gammaln(0.5 + 0.5 * s) + special.gammaln(0.5 * (df - s))
                  - 0.5 * np.log(np.pi) - special.gammaln(0.5 * df))


# A function whose expectation is known, the parameters, and the derivatives of that expectation by them
A, B = 0.7, 1.8
EXPECTATIONS = {
    "log of a gamma": (lambda a, b: ops.log(Gamma(a, b).rsample((), 1)), (A, B), (special.polygamma(1, A), -1 / B)),
    "a large gamma": (lambda a, b: Gamma(a, b).rsample((), 1), (50.0, B), (1 / B, -50 / B**2)),
    "log of a beta": (lambda a, b: ops.log(Beta(a, b).rsample((), 1)), (A, B),
                      (special.polygamma(1, A) - special.polygamma(1, A + B), -special.polygamma(1, A + B))),
    "log of 1 - a beta": (lambda a, b: ops.log1p(-Beta(a, b).rsample((), 1)), (A, B),
                          (-special.polygamma(1, A + B), special.polygamma(1, B) - special.polygamma(1, A + B))),
    "log of a Dirichlet": (lambda a, b: ops.log(Dirichlet(ops.stack([a, b, a], -1)).rsample((), 1))[..., 1], (A, B),
                           (-2 * special.polygamma(1, 2 * A + B),
                            special.polygamma(1, B) - special.polygamma(1, 2 * A + B))),
    "root of Student's t": (lambda df: ops.sqrt(ops.abs(StudentT(df, 0.0, 1.0).rsample((), 1))), (4.0,),
                            ((power_mean(4 + 1e-5) - power_mean(4 - 1e-5)) / 2e-5,)),
    "cosine of von Mises": (lambda loc, k: ops.cos(VonMises(loc, k).rsample((), 1)), (0.4, 2.0), (
        -ratio_of_bessel(2) * np.sin(0.4), (1 - ratio_of_bessel(2) / 2 - ratio_of_bessel(2) ** 2) * np.cos(0.4))),
}


@pytest.mark.parametrize("case", EXPECTATIONS)
def test_gradients_of_expectations(case):
    """The mean over draws of df(x)/da is dE f(x)/da, to a few of its own standard errors."""
    function, parameters, expected = EXPECTATIONS[case]
    tensors = [Tensor(np.full(4000, p)) for p in parameters]
    y = function(*tensors)
    for t, value in zip(tensors, expected, strict=True):
        gradients = grad(y, t, np.ones(y.shape), retain_graph=True)
        error = gradients.std() / np.sqrt(len(gradients))
        assert abs(gradients.mean() - value) < SIGMAS * error + 1e-12, (gradients.mean(), value, error)


def test_second_derivatives_of_expectations():
    """d²E log x/da² = ψ''(a) for a gamma variable, d²E sin x/dκ dμ … through draws that are differentiated twice."""
    a, n = Tensor(np.full(4000, 1.3)), 4000
    first = grad(ops.log(Gamma(a, 1.0).rsample((), 2)), a, np.ones(n), create_graph=True)
    gradients = grad(first, a, np.ones(n))
    assert abs(gradients.mean() - special.polygamma(2, 1.3)) < SIGMAS * gradients.std() / np.sqrt(n)
    k = Tensor(np.full(n, 1.3))
    first = grad(ops.cos(VonMises(0.0, k).rsample((), 2)), k, np.ones(n), create_graph=True)
    gradients, h = grad(first, k, np.ones(n)), 1e-4
    expected = (ratio_of_bessel(1.3 + h) - 2 * ratio_of_bessel(1.3) + ratio_of_bessel(1.3 - h)) / h**2
    assert abs(gradients.mean() - expected) < SIGMAS * gradients.std() / np.sqrt(n)


def test_small_concentrations_have_finite_gradients():
    a = Tensor(np.full(500, 1e-3))
    x = Gamma(a, 1.0).rsample((), 0)
    assert np.isfinite(grad(ops.sum(x), a)).all()
    b = Tensor(np.full((500, 3), 1e-3))
    assert np.isfinite(grad(ops.sum(Dirichlet(b).rsample((), 0) ** 2), b)).all()
    assert np.isfinite(grad(ops.sum(Beta(a, a).rsample((), 0)), a)).all()


@EVERY
def test_location_and_scale_families_are_reparameterised(name):
    """Where a draw is loc + scale·noise: its derivatives are 1 and the noise."""
    names = list(FAMILIES[name].ranges)
    if name in ("VonMises", "TruncatedNormal", "LogNormal", "Beta", "Gamma"):
        return
    parameters = FAMILIES[name].parameters((50,), seed=1)
    tensors = [Tensor(p) for p in parameters]
    x = FAMILIES[name].make(*tensors).rsample((), 3)
    by = functools.partial(grad, x, cotangent=np.ones(50), retain_graph=True)
    loc, scale = (names.index(key) for key in (("low", "width") if name == "Uniform" else ("loc", "scale")))
    np.testing.assert_allclose(by(tensors[loc]), 1)
    np.testing.assert_allclose(by(tensors[scale]), (x.data - parameters[loc]) / parameters[scale])
