"""Continuous distributions against scipy, in the tails against closed forms and quadrature."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from distributions.families import FAMILIES
from minigen import Tensor, check_grads, grad, ops
from minigen.distributions import (
    Beta,
    Dirichlet,
    Gamma,
    Laplace,
    Logistic,
    LogNormal,
    Normal,
    StudentT,
    TruncatedNormal,
    Uniform,
    VonMises,
)

INF = math.inf
EVERY = pytest.mark.parametrize("name", sorted(FAMILIES))
PARTS = st.floats(0, 1)


@EVERY
@settings(max_examples=40)
@given(data=st.data())
def test_values_against_scipy(name, data):
    family = FAMILIES[name]
    parameters = [family.at(key, data.draw(PARTS, key)) for key in family.ranges]
    d, oracle = family.make(*parameters), family.oracle(*parameters)
    q = np.array([data.draw(st.floats(1e-6, 1 - 1e-6), "p"), 0.5])
    # Angles: scipy inverts its distribution function step by step, and counts turns
    x = parameters[0] + (2 * q - 1) * np.pi if name == "VonMises" else oracle.ppf(q)
    np.testing.assert_allclose(d.log_prob(x), oracle.logpdf(x), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(d.entropy(), oracle.entropy(), rtol=1e-8, atol=1e-8)
    if name != "VonMises":
        np.testing.assert_allclose(d.cdf(x), oracle.cdf(x), rtol=1e-8, atol=1e-15)
        np.testing.assert_allclose(d.icdf(q), x, rtol=1e-8, atol=1e-9)
        if name != "StudentT" or parameters[0] > 1:
            np.testing.assert_allclose(d.mean, oracle.mean(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(d.variance, oracle.var(), rtol=1e-8)
        np.testing.assert_allclose(d.stddev, oracle.std(), rtol=1e-8)


@given(st.floats(-3, 3), st.floats(0, 300), st.floats(-math.pi, math.pi))
def test_von_mises_distribution_function_and_moments(loc, k, x):
    d = VonMises(loc, k)
    points = sorted({-math.pi, *(min(max(p, -math.pi), x) for t in (-1, 0, 1) for p in (
        loc + 2 * math.pi * t + np.linspace(-1, 1, 9) * math.pi / (1 + k) ** 0.5)), x})
    expected = sum(integrate.quad(lambda t: stats.vonmises.pdf(t, k, loc) if k else 0.5 / math.pi, a, b)[0]
                   for a, b in zip(points[:-1], points[1:], strict=True))
    assert d.cdf(x) == pytest.approx(expected, abs=1e-9)
    assert d.mean == loc
    assert d.variance == pytest.approx(1 - special.ive(1, k) / special.ive(0, k), rel=1e-9, abs=1e-15)
    np.testing.assert_array_equal(d.cdf([-4.0, 4.0, np.nan]), [0, 1, np.nan])


def test_student_t_has_moments_only_for_enough_degrees_of_freedom():
    d = StudentT(np.array([0.7, 1.0, 1.5, 2.0, 3.0]), 1.0, 2.0)
    np.testing.assert_array_equal(d.mean, [np.nan, np.nan, 1, 1, 1])
    np.testing.assert_array_equal(d.variance, [np.nan, np.nan, INF, INF, 12])


RANDOM = np.random.default_rng(5)


@EVERY
@pytest.mark.parametrize("what", ["log_prob", "moments", "cdf", "icdf"])
def test_gradients_to_second_order(name, what):
    family = FAMILIES[name]
    parameters = [family.at(key, RANDOM.uniform(0.3, 0.7, (2, 2))) for key in family.ranges]
    x = family.oracle(*parameters).ppf(RANDOM.uniform(0.1, 0.9, (2, 2)))
    p = RANDOM.uniform(0.1, 0.9, (2, 2))

    def f(*args):
        d, value = family.make(*args[:-1]), args[-1]
        if what == "moments":
            return d.entropy() if name == "StudentT" else (d.entropy(), d.mean, d.variance, d.entropy())
        return getattr(d, what)(value)

    if what == "icdf" and name == "VonMises":
        with pytest.raises(NotImplementedError, match="VonMises"):
            f(*parameters, p)
    else:
        check_grads(f, (*parameters, p if what == "icdf" else x), rtol=2e-5)


def test_truncated_normal_gradients_on_each_side_of_the_mode():
    loc, scale = np.array([-4.0, 0.4, 5.0]), np.array([0.7, 1.0, 2.0])
    x, low, high = RANDOM.uniform(0.2, 0.8, 3), np.zeros(3), np.ones(3)

    def f(loc, scale, low, high, x):
        d = TruncatedNormal(loc, scale, low, high)
        return d.log_prob(x), d.cdf(x), d.icdf(x), d.entropy(), d.mean, d.variance

    check_grads(f, (loc, scale, low, high, x))
    for ends in ((-INF, high), (low, INF)):
        check_grads(lambda loc, scale, x, ends=ends: f(loc, scale, *ends, x)[:2], (loc, high, x))


def test_dirichlet_against_scipy():
    a = RANDOM.uniform(0.2, 6, (4, 3))
    x = RANDOM.dirichlet(np.ones(3), 4)
    d = Dirichlet(a)
    for i in range(4):
        oracle = stats.dirichlet(a[i])
        assert d.log_prob(x)[i] == pytest.approx(oracle.logpdf(x[i]), rel=1e-11)
        assert d.entropy()[i] == pytest.approx(oracle.entropy(), rel=1e-11)
        np.testing.assert_allclose(d.mean[i], oracle.mean())
        np.testing.assert_allclose(d.variance[i], oracle.var())

    def f(a, y):
        d = Dirichlet(a)
        return d.log_prob(ops.softmax(y)), d.entropy(), d.mean, d.variance

    check_grads(f, (a, RANDOM.standard_normal((4, 3))))


# ---- tails


def test_gamma_of_very_small_and_large_concentration():
    for a in (1e-3, 1e5):
        d, oracle = Gamma(a, 2.0), stats.gamma(a, scale=0.5)
        x = oracle.ppf([0.3 if a > 1 else 0.9, 0.999, 1 - 1e-12])
        np.testing.assert_allclose(d.log_prob(x), oracle.logpdf(x), rtol=1e-9)
        np.testing.assert_allclose(d.cdf(x), oracle.cdf(x), rtol=1e-11)
        np.testing.assert_allclose(d.entropy(), oracle.entropy(), rtol=1e-9)
        t = Tensor(np.array(a))
        slope = grad(Gamma(t, 2.0).log_prob(x[0]), t)
        assert slope == pytest.approx(np.log(2 * x[0]) - special.digamma(a), rel=1e-9)


def test_gamma_distribution_function_moves_with_the_concentration():
    """Against differences of scipy's incomplete gamma function, over all sizes of both arguments."""
    for a in (0.01, 0.5, 3.0, 100.0, 1e4):
        x = stats.gamma.ppf([0.01, 0.3, 0.7, 0.99], a)
        t, h = Tensor(np.full(4, a)), 1e-4 * a
        gradient = grad(ops.sum(Gamma(t, 1.0).cdf(x)), t)
        values = [special.gammainc(a + k * h, x) for k in (-2, -1, 1, 2)]
        np.testing.assert_allclose(gradient, (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h),
                                   rtol=1e-6, atol=1e-12 / h)


def test_beta_next_to_its_ends():
    x = np.array([1e-300, 1e-20, 1e-3, 1 - 1e-3, 1 - 2.0**-53])
    for a, b in ((0.01, 2.0), (2.0, 0.01), (1.0, 3.0), (5e4, 1e5), (1e-3, 1e-3)):
        oracle = stats.beta(a, b)
        np.testing.assert_allclose(Beta(a, b).log_prob(x), oracle.logpdf(x), rtol=1e-9)
        np.testing.assert_allclose(Beta(a, b).cdf(x), oracle.cdf(x), rtol=1e-11, atol=1e-300)


def test_student_t_of_many_degrees_of_freedom_is_normal():
    z = np.array([-8.0, -1.0, 0.0, 0.3, 5.0])
    for df in (1e6, 1e12):
        d = StudentT(df, 0.0, 1.0)
        # the first terms in 1/df of the log-density (Fisher, 1925)
        expected = stats.norm.logpdf(z) + (z**4 - 2 * z**2 - 1) / (4 * df)
        np.testing.assert_allclose(d.log_prob(z), expected, rtol=2e-9)
        shares = stats.norm.cdf(z) - stats.norm.pdf(z) * (z**3 + z) / (4 * df)
        np.testing.assert_allclose(d.cdf(z), shares, rtol=1e6 / df**2 + 2e-7)
        np.testing.assert_allclose(d.icdf(shares[1:]), z[1:], rtol=1e-8, atol=1e-9)
        assert d.entropy() == pytest.approx(stats.norm.entropy() + 1 / df, rel=1e-8)
    np.testing.assert_allclose(StudentT(3.0, 0.0, 1.0).log_prob([1e10, -1e200]), stats.t.logpdf([1e10, -1e100], 3) - [
        0, 4 * 100 * np.log(10)], rtol=1e-12)


def test_logistic_far_out():
    d = Logistic(0.0, 1.0)
    np.testing.assert_array_equal(d.log_prob([-1000.0, 1000.0]), [-1000, -1000])
    np.testing.assert_allclose(d.cdf([-700.0, 1000.0]), [np.exp(-700), 1])
    x = Tensor(np.array([-1000.0, 1000.0]))
    np.testing.assert_array_equal(grad(ops.sum(d.log_prob(x)), x), [1, -1])


def test_von_mises_of_no_and_of_large_concentration():
    d, x = VonMises(0.5, 0.0), np.linspace(-3, 3, 5)
    np.testing.assert_allclose(d.log_prob(x), -np.log(2 * np.pi))
    np.testing.assert_allclose(d.entropy(), np.log(2 * np.pi))
    k = Tensor(np.zeros(5))
    first = grad(VonMises(0.5, k).log_prob(x), k, np.ones(5), create_graph=True)
    np.testing.assert_allclose(first.data, np.cos(x - 0.5))  # I₁(0) = 0
    np.testing.assert_allclose(grad(first, k, np.ones(5)), -0.5)
    for k in (1e4, 1e8):
        x = np.array([-5, -1, 0, 0.1, 3]) / np.sqrt(k)
        d = VonMises(0.0, k)
        np.testing.assert_allclose(d.log_prob(x), stats.vonmises.logpdf(x, k), rtol=1e-7)
        assert d.entropy() == pytest.approx(0.5 * np.log(2 * np.pi * np.e / k) + 0.25 / k, rel=1e-8)
        assert d.variance == pytest.approx(0.5 / k + 0.125 / k**2, rel=1e-7)


@pytest.mark.parametrize("a", [5.0, 40.0, 1e4, 1e8])
def test_truncated_normal_far_out(a):
    """On [a, inf), where w = x - a has the density exp(-a w - ½ w²)/(√(π/2) erfcx(a/√2)), close to exponential."""
    mills = np.sqrt(np.pi / 2) * special.erfcx(a / np.sqrt(2))
    w = np.array([0.0, 0.1, 1.0, 5.0]) / a
    for loc, low, high, side in ((-a, 0.0, INF, 1), (a, -INF, 0.0, -1)):  # 0 the end, so that all digits are w's
        d = TruncatedNormal(loc, 1.0, low, high)
        np.testing.assert_allclose(d.log_prob(side * w), -w * (a + 0.5 * w) - np.log(mills), rtol=1e-12)
        beyond = np.exp(-w * (a + 0.5 * w)) * special.erfcx((a + w) / np.sqrt(2)) / special.erfcx(a / np.sqrt(2))
        np.testing.assert_allclose(d.cdf(side * w), 1 - beyond if side > 0 else beyond, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(d.icdf(1 - beyond if side > 0 else beyond), side * w, rtol=1e-9, atol=1e-17)
        moments = [integrate.quad(lambda v, n=n: v**n * np.exp(-v - 0.5 * (v / a) ** 2), 0, 60)[0] for n in range(3)]
        mean = moments[1] / moments[0]
        assert d.mean * side * a == pytest.approx(mean, rel=1e-7)
        assert d.variance * a**2 == pytest.approx(moments[2] / moments[0] - mean**2, rel=1e-7)
        assert d.entropy() == pytest.approx(np.log(mills) + mean + 0.5 * moments[2] / moments[0] / a**2, rel=1e-9)


def test_truncated_normal_of_a_narrow_interval_is_nearly_uniform():
    for low in (-1e-9, 0.3, 30.0):
        d = TruncatedNormal(0.0, 1.0, low, low + 1e-8)
        width = low + 1e-8 - low
        np.testing.assert_allclose(d.log_prob(low + 0.5e-8), -np.log(width), rtol=1e-9)
        np.testing.assert_allclose((d.icdf(np.array([0.25, 0.75])) - low) / width, [0.25, 0.75], atol=1e-6)
        np.testing.assert_allclose(d.variance, width**2 / 12, rtol=1e-6)


def test_truncated_normal_without_limits_is_normal():
    d, x = TruncatedNormal(0.3, 2.0, -INF, INF), np.array([-9.0, 0.3, 1.0, 40.0])
    np.testing.assert_allclose(d.log_prob(x), stats.norm.logpdf(x, 0.3, 2), rtol=1e-12)
    np.testing.assert_allclose(d.cdf(x), stats.norm.cdf(x, 0.3, 2), rtol=1e-12)
    np.testing.assert_allclose(d.icdf([0.0, 1e-10, 0.5, 1]), stats.norm.ppf([0, 1e-10, 0.5, 1], 0.3, 2), rtol=1e-12)
    np.testing.assert_allclose([d.mean, d.variance, d.entropy()], [0.3, 4, stats.norm.entropy(scale=2)])


# ---- outside the support, and at its ends

ENDS = [
    (Uniform(-1.0, 1.0), [-1.1, 1.1, -INF, INF], [-1.0, 1.0], [np.log(0.5)] * 2, [0, 1]),
    (Beta(1.0, 3.0), [-1e-9, 1.1, INF], [0.0, 1.0], [np.log(3), -INF], [0, 1]),
    (Beta(2.0, 1.0), [-1e-9, 1.1, -INF], [0.0, 1.0], [-INF, np.log(2)], [0, 1]),
    (Beta(0.5, 0.5), [-1.0, 2.0], [0.0, 1.0], [INF, INF], [0, 1]),
    (Gamma(1.0, 2.0), [-1e-9, -INF, INF], [0.0], [np.log(2)], [0]),
    (Gamma(0.5, 2.0), [-1.0], [0.0], [INF], [0]),
    (Gamma(1.5, 2.0), [-1.0], [0.0], [-INF], [0]),
    (LogNormal(0.0, 1.0), [-1.0, 0.0, -INF, INF], [], [], []),
    (TruncatedNormal(0.0, 1.0, -1.0, 2.0), [-1.1, 2.1, INF], [-1.0, 2.0],
     stats.truncnorm.logpdf([-1, 2], -1, 2), [0, 1]),
    (Normal(0.0, 1.0), [-INF, INF], [], [], []),
    (Laplace(0.0, 1.0), [-INF, INF], [], [], []),
    (Logistic(0.0, 1.0), [-INF, INF], [], [], []),
    (StudentT(2.0, 0.0, 1.0), [-INF, INF], [], [], []),
    (VonMises(0.0, 1.0), [-INF, INF], [], [], []),
]


@pytest.mark.parametrize("d, beyond, ends, densities, shares", ENDS, ids=lambda v: type(v).__name__)
def test_support(d, beyond, ends, densities, shares):
    np.testing.assert_array_equal(d.log_prob(np.array(beyond)), -INF)
    np.testing.assert_allclose(d.log_prob(np.array(ends)), densities)
    np.testing.assert_array_equal(d.cdf(np.array(ends)), shares)
    np.testing.assert_array_equal(d.cdf(np.array(beyond)), (np.array(beyond) > 0).astype(float))
    assert np.isnan(d.log_prob(np.nan)) and np.isnan(d.cdf(np.nan))
    if not isinstance(d, VonMises):
        p = np.array([-0.1, 1.1, np.nan])
        assert np.isnan(d.icdf(p)).all()
        np.testing.assert_array_equal(d.icdf(np.array([0.0, 1.0])), [float(end) for end in getattr(
            d, "support", (-INF, INF))])
    x = Tensor(np.array([0.5, *beyond]))  # and values outside leave the gradient of others alone
    if not isinstance(d, VonMises | Normal | Laplace | Logistic | StudentT):
        gradient = grad(d.log_prob(x), x, np.ones(x.shape))
        assert np.isfinite(gradient[0]) and not gradient[1:].any()


def test_dirichlet_support():
    d = Dirichlet(np.array([1.0, 2.0, 0.5]))
    x = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.4], [-0.1, 0.6, 0.5], [np.nan, 0.5, 0.5], [0.0, 0.5, 0.5],
                  [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    log_p = d.log_prob(x)
    np.testing.assert_allclose(log_p[[0, 4]], [stats.dirichlet.logpdf(x[0], [1, 2, 0.5]), 0.5 * np.log(0.5)
                                                + special.gammaln(3.5) - special.gammaln(0.5)])
    np.testing.assert_array_equal(log_p[[1, 2, 5, 6]], [-INF, -INF, -INF, INF])
    assert np.isnan(log_p[3])
    assert np.isfinite(Dirichlet(np.ones(3, np.float32)).log_prob(np.float32(RANDOM.dirichlet(np.ones(3), 50)))).all()
