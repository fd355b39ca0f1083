"""Divergences between continuous distributions against quadrature of scipy's densities."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from distributions.families import FAMILIES
from minigen import Tensor, check_grads, grad
from minigen import distributions as D
from minigen.distributions import kl_divergence

INF = math.inf


def truncated(loc, scale, low, high):
    oracle = stats.truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale)
    return D.TruncatedNormal(loc, scale, low, high), oracle


# name: a distribution, scipy's, and the ends of its support
SOME = {
    "Normal": (D.Normal(0.3, 0.7), stats.norm(0.3, 0.7)),
    "Normal, far": (D.Normal(-1.0, 0.2), stats.norm(-1, 0.2)),
    "Laplace": (D.Laplace(0.3, 0.7), stats.laplace(0.3, 0.7)),
    "Laplace, to the left": (D.Laplace(-2.0, 0.5), stats.laplace(-2, 0.5)),
    "Laplace, to the right": (D.Laplace(4.0, 1.0), stats.laplace(4, 1)),
    "Logistic": (D.Logistic(0.3, 0.7), stats.logistic(0.3, 0.7)),
    "StudentT": (D.StudentT(4.5, 0.3, 0.7), stats.t(4.5, 0.3, 0.7)),
    "Gamma": (D.Gamma(2.5, 1.3), stats.gamma(2.5, scale=1 / 1.3)),
    "Gamma, flat": (D.Gamma(1.2, 0.4), stats.gamma(1.2, scale=2.5)),
    "LogNormal": (D.LogNormal(0.3, 0.4), stats.lognorm(0.4, scale=np.exp(0.3))),
    "LogNormal, other": (D.LogNormal(-0.2, 0.6), stats.lognorm(0.6, scale=np.exp(-0.2))),
    "Uniform": (D.Uniform(0.2, 0.8), stats.uniform(0.2, 0.6)),
    "Uniform from 0": (D.Uniform(0.0, 3.0), stats.uniform(0, 3)),
    "Beta": (D.Beta(1.5, 2.5), stats.beta(1.5, 2.5)),
    "Beta, other": (D.Beta(4.0, 3.0), stats.beta(4, 3)),
    "TruncatedNormal": (*truncated(0.3, 0.7, -1.0, 3.0),),
    "TruncatedNormal, to the right": (*truncated(3.0, 0.7, 0.1, 0.9),),
    "TruncatedNormal, to the left": (*truncated(-3.0, 1.0, 0.1, INF),),
    "TruncatedNormal, all": (*truncated(1.0, 2.0, -INF, INF),),
}
# No closed form: expectations of log cosh, of log(1 + z²), or of log x for a truncated normal variable.
NONE = {(p, q) for p, q in itertools.product(FAMILIES, ["Logistic", "StudentT"])} | {
    ("TruncatedNormal", q) for q in ("Gamma", "LogNormal", "Beta")} | {
    pair for p in FAMILIES for pair in ((p, "VonMises"), ("VonMises", p))} - {("VonMises", "VonMises")}


def by_quadrature(p, q, kinks=(0.3, -2.0, 4.0)):
    """∫ p (log p - log q) over normal scores t of p's probabilities; inf where p has mass and q none."""
    low, high = p.support()
    if q.support()[0] > low + 1e-9 or q.support()[1] < high - 1e-9:
        return INF
    scores = stats.norm.ppf(p.cdf([kink for kink in kinks if low < kink < high]))
    ends = np.unique(np.concatenate([np.linspace(-8, 8, 33), scores[np.abs(scores) < 8]]))
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = 0.5 * np.diff(ends)[:, None]
    t, weights = 0.5 * (ends[1:] + ends[:-1])[:, None] + half * nodes, half * weights * np.ones(half.shape)
    x = np.where(t < 0, p.ppf(stats.norm.cdf(t)), p.isf(stats.norm.sf(t)))
    with np.errstate(invalid="ignore"):
        difference = p.logpdf(x) - q.logpdf(x)
    difference[~np.isfinite(difference)] = 0  # where x has rounded to an end of infinite density, or a density to 0
    return (weights * stats.norm.pdf(t) * difference).sum()


@pytest.mark.parametrize("name", SOME)
def test_divergences_against_quadrature(name):
    p, oracle = SOME[name]
    for other, (q, q_oracle) in SOME.items():
        if (type(p).__name__, type(q).__name__) in NONE:
            with pytest.raises(NotImplementedError, match=rf"\({type(p).__name__}, {type(q).__name__}\)"):
                kl_divergence(p, q)
            continue
        kl, expected = kl_divergence(p, q), by_quadrature(oracle, q_oracle)
        assert kl == pytest.approx(expected, rel=1e-6, abs=1e-7), f"from {name} to {other}"


SAME = pytest.mark.parametrize("name", ["Beta", "Gamma", "Laplace", "LogNormal", "TruncatedNormal", "VonMises"])


@SAME
@settings(max_examples=25)
@given(data=st.data())
def test_divergences_within_a_family(name, data):
    family, share = FAMILIES[name], st.floats(0.25, 0.75)
    one, other = ([family.at(key, data.draw(share, f"{key} {i}")) for key in family.ranges] for i in range(2))
    if name == "TruncatedNormal":
        other[2:] = one[2:]
    p, q = family.make(*one), family.make(*other)
    oracle, other_oracle = family.oracle(*one), family.oracle(*other)
    assert kl_divergence(p, p) == pytest.approx(0, abs=1e-12)
    if name == "VonMises":
        x = np.linspace(-np.pi, np.pi, 4001)[1:]  # sums of a periodic function are exact
        expected = (oracle.pdf(x) * (oracle.logpdf(x) - other_oracle.logpdf(x))).mean() * 2 * np.pi
    else:
        expected = by_quadrature(oracle, other_oracle, (one[0], other[0]))
    assert kl_divergence(p, q) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_divergence_of_uniform_distributions():
    assert kl_divergence(D.Uniform(0.2, 0.7), D.Uniform(0.0, 2.0)) == pytest.approx(np.log(4))
    kl = kl_divergence(D.Uniform(np.array([-0.1, 0.0, 0.0]), np.array([1.0, 1.0, 1.1])), D.Uniform(0.0, 1.0))
    np.testing.assert_array_equal(kl, [INF, 0, INF])


def test_divergence_of_dirichlet_distributions():
    random = np.random.default_rng(1)
    a, b = random.uniform(0.3, 5, (2, 4, 2))
    np.testing.assert_allclose(kl_divergence(D.Dirichlet(a), D.Dirichlet(b)), kl_divergence(
        D.Beta(a[:, 0], a[:, 1]), D.Beta(b[:, 0], b[:, 1])), rtol=1e-10)
    p, q = D.Dirichlet(np.array([2.0, 3.0, 1.5])), D.Dirichlet(np.array([1.0, 0.7, 4.0]))
    x = np.random.default_rng(2).dirichlet([2.0, 3.0, 1.5], 20_000)
    log_ratio = np.array([stats.dirichlet.logpdf(x.T, [2, 3, 1.5]) - stats.dirichlet.logpdf(x.T, [1, 0.7, 4])]).ravel()
    assert abs(log_ratio.mean() - kl_divergence(p, q)) < 4.5 * log_ratio.std() / np.sqrt(len(log_ratio))


def test_divergences_from_heavy_tails_are_infinite():
    heavy = D.StudentT(np.array([0.5, 1.0, 1.5, 2.0, 3.0]), 0.0, 1.0)
    np.testing.assert_array_equal(np.isinf(kl_divergence(heavy, D.Normal(0.0, 1.0))), [1, 1, 1, 1, 0])
    np.testing.assert_array_equal(np.isinf(kl_divergence(heavy, D.Laplace(0.0, 1.0))), [1, 1, 0, 0, 0])


def test_divergences_of_nearby_and_extreme_parameters():
    assert kl_divergence(D.Gamma(1e5, 2.0), D.Gamma(1e5 + 1, 2.0)) == pytest.approx(0.5e-5, rel=1e-3)  # ½ ψ'(a)
    assert kl_divergence(D.VonMises(0.0, 1e8), D.VonMises(1e-4, 1e8)) == pytest.approx(0.5, rel=1e-6)
    far = kl_divergence(D.TruncatedNormal(-1e4, 1.0, 0.0, INF), D.TruncatedNormal(-2e4, 1.0, 0.0, INF))
    assert far == pytest.approx(1 - math.log(2), rel=1e-6)  # exponential distributions of rates 1e4 and 2e4
    assert kl_divergence(D.VonMises(0.4, 0.0), D.VonMises(0.0, 0.0)) == 0


def _pairs():
    """Families whose divergence is finite for the parameters of the next test."""
    wide, inner = ["Normal", "Laplace", "TruncatedNormal"], ["Uniform", "Beta", "Gamma", "LogNormal", "Logistic",
                                                             "StudentT", "Laplace", "Normal", "TruncatedNormal"]
    for p, q in itertools.product(inner, wide):
        if q != "TruncatedNormal" or p in ("Uniform", "Beta", "TruncatedNormal"):
            yield p, q
    yield from [("Uniform", "Uniform"), ("Beta", "Beta"), ("Gamma", "Gamma"), ("LogNormal", "LogNormal"),
                ("VonMises", "VonMises"), ("Gamma", "LogNormal"), ("LogNormal", "Gamma"), ("Beta", "Gamma"),
                ("Beta", "LogNormal"), ("Uniform", "Beta"), ("Uniform", "Gamma"), ("Uniform", "LogNormal"),
                ("Beta", "Uniform"), ("TruncatedNormal", "Uniform")]


POINTS = {"Uniform": [[0.2, 0.3], [0.3, 0.5]], "Beta": [[1.5, 2.0], [2.5, 0.9]], "Gamma": [[1.5, 2.0], [2.5, 0.9]],
          "TruncatedNormal": [[0.4, -0.8], [0.6, 0.9], [-0.1, 0.1], [1.2, 0.7]],
          "StudentT": [[4.0, 3.5], [0.2, 0.5], [0.6, 0.9]]}
COVERING = {"TruncatedNormal": [[0.3, -2.0], [0.8, 1.1], [-1.0, -0.5], [3.0, 2.5]],
            "Uniform": [[-1.0, -2.0], [4.0, 5.0]]}
OTHER = [[0.35, 0.5], [0.6, 0.9]]


@pytest.mark.parametrize("p_name, q_name", list(_pairs()))
def test_gradients_to_second_order(p_name, q_name):
    p, q = np.array(POINTS.get(p_name, OTHER)), np.array(POINTS.get(q_name, OTHER)) + 0.1
    q = np.array(COVERING.get(q_name, q))

    def f(*args):
        return kl_divergence(FAMILIES[p_name].make(*args[:len(p)]), FAMILIES[q_name].make(*args[len(p):]))

    assert np.isfinite(f(*p, *q)).all()
    check_grads(f, (*p, *q), rtol=2e-5)


def test_shapes_and_dtypes_of_divergences():
    f = np.float32
    p = D.Gamma(np.ones((4, 3), f), f(2), event_ndim=1)
    q = D.LogNormal(np.zeros(3, f), np.ones((4, 1), f), event_ndim=1)
    single = kl_divergence(p, q)
    assert single.shape == (4,) and single.dtype == f
    assert kl_divergence(D.Laplace(np.zeros(3, f), 1.0), D.Normal(0.0, 1.0)).dtype == f
    assert kl_divergence(D.Laplace(np.zeros(3, f), 1.0), D.Normal(0.0, 1.0)).shape == (3,)
    assert kl_divergence(D.Uniform(0.0, 1.0), D.Normal(np.zeros((2, 1)), np.ones(3))).shape == (2, 3)
    a = Tensor(np.ones(3, f))
    assert grad(kl_divergence(D.Gamma(a, 1.0), D.Normal(0.0, 1.0)), a, np.ones(3, f)).dtype == f
    with pytest.raises(ValueError, match="one shape"):
        kl_divergence(p, D.Gamma(np.ones(3), 1.0))
