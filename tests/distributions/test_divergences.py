"""Divergences between distributions: every method against scipy, enumeration and the other methods."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from minigen import Tensor
from minigen.distributions import (
    F_DIVERGENCES,
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Dirichlet,
    Empirical,
    Gamma,
    Independent,
    Laplace,
    Logistic,
    LogNormal,
    Mixture,
    MultivariateNormal,
    Normal,
    OneHot,
    Poisson,
    StudentT,
    Uniform,
    VonMises,
    divergence,
    f_divergence,
    kl_divergence,
    kl_monte_carlo,
    log_power_integral,
)

NAMES = list(F_DIVERGENCES)
FINITE = ("total_variation", "squared_hellinger", "jensen_shannon", "weighted_jensen_shannon", "gan", "alpha")

# one form of each integrand in p and q, for positive numbers
INTEGRANDS = {
    "total_variation": lambda p, q: 0.5 * abs(p - q),
    "kl": lambda p, q: p * np.log(p / q),
    "reverse_kl": lambda p, q: q * np.log(q / p),
    "pearson_chi2": lambda p, q: (p - q) ** 2 / q,
    "neyman_chi2": lambda p, q: (p - q) ** 2 / p,
    "squared_hellinger": lambda p, q: (np.sqrt(p) - np.sqrt(q)) ** 2,
    "jeffrey": lambda p, q: (p - q) * np.log(p / q),
    "jensen_shannon": lambda p, q: 0.5 * (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))),
    "weighted_jensen_shannon": lambda p, q: 0.5 * (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))),
    "gan": lambda p, q: p * np.log(p / (p + q)) + q * np.log(q / (p + q)),
    "alpha": lambda p, q: (np.sqrt(p * q) - 0.5 * p - 0.5 * q) / -0.25,
}

PATHS = {  # x and dx/du, as functions of u
    "straight": (lambda u: u, np.ones_like),
    "square": (np.square, lambda u: 2 * u),
    "exp": (np.exp, np.exp),
    "sinh": (np.sinh, np.cosh),
    "sine": (lambda u: np.sin(u) ** 2, lambda u: np.sin(2 * u)),
}
# p and q, the same in scipy, and a path on which integrands are smooth but in the middle, with the ends of u. The
# overlap is such that every divergence is finite.
LINE = {
    "normal": (Normal(0.3, 1.0), Normal(-0.4, 1.2), stats.norm(0.3, 1.0), stats.norm(-0.4, 1.2),
               ("straight", -14, 14)),
    "laplace": (Laplace(0.0, 1.0), Laplace(0.5, 1.3), stats.laplace(0, 1), stats.laplace(0.5, 1.3),
                ("straight", -50, 50)),
    "gamma": (Gamma(2.0, 1.5), Gamma(2.5, 2.0), stats.gamma(2.0, scale=1 / 1.5), stats.gamma(2.5, scale=0.5),
              ("square", 1e-9, 7)),
    "beta": (Beta(1.5, 2.0), Beta(2.0, 1.6), stats.beta(1.5, 2.0), stats.beta(2.0, 1.6),
             ("sine", 1e-9, math.pi / 2 - 1e-9)),
    "von mises": (VonMises(0.5, 2.0), VonMises(1.0, 0.5), stats.vonmises(2.0, loc=0.5), stats.vonmises(0.5, loc=1.0),
                  ("straight", -math.pi, math.pi)),
    "log normal": (LogNormal(0.1, 0.5), LogNormal(0.0, 0.6), stats.lognorm(0.5, scale=math.exp(0.1)),
                   stats.lognorm(0.6), ("exp", -12, 12)),
    "t": (StudentT(3.0, 0.0, 1.0), StudentT(5.0, 0.5, 1.2), stats.t(3), stats.t(5, 0.5, 1.2), ("sinh", -40, 40)),
    "logistic": (Logistic(0.0, 1.0), Laplace(0.0, 1.1), stats.logistic(), stats.laplace(0, 1.1), ("straight", -80, 80)),
}


def by_simpson(p, q, path, low, high):
    """Every divergence by Simpson's rule over a fine grid of scipy's densities."""
    u = np.linspace(low, high, 200_001)
    run, slope = PATHS[path]
    a, b = p.pdf(run(u)), q.pdf(run(u))
    both = (a > 0) & (b > 0)
    a, b = np.where(both, a, 1), np.where(both, b, 1)
    return {name: integrate.simpson(np.where(both, integrand(a, b), 0) * slope(u), u)
            for name, integrand in INTEGRANDS.items()}


@pytest.mark.parametrize("pair", LINE)
def test_closed_forms_and_quadrature_against_scipy(pair):
    p, q, oracle_p, oracle_q, path = LINE[pair]
    closed, truth = set(), by_simpson(oracle_p, oracle_q, *path)
    for name in NAMES:
        result = divergence(name, p, q)
        line = divergence(name, p, q, method="quadrature")
        assert line.method == "quadrature" and line.standard_error < 1e-8
        np.testing.assert_allclose([result.value, line.value], truth[name], rtol=1e-7, atol=1e-8, err_msg=name)
        np.testing.assert_allclose(result.value, line.value, rtol=1e-9, atol=1e-11, err_msg=name)
        closed |= {name} if result.method == "closed" else set()
    if pair not in ("t", "logistic"):
        assert closed == {"kl", "reverse_kl", "jeffrey", "pearson_chi2", "neyman_chi2", "squared_hellinger", "alpha"}


ROWS = np.random.default_rng(3).standard_normal((4, 2, 3))
SUMS = {
    "bernoulli": (Bernoulli(ROWS[0], event_ndim=1), Bernoulli(ROWS[1], event_ndim=1)),
    "categorical": (Categorical(ROWS[0]), Categorical(ROWS[1, 0])),
    "one-hot": (OneHot(ROWS[0]), OneHot(ROWS[1])),
    "binomial": (Binomial(5, ROWS[0]), Binomial(5, ROWS[1])),
    "mixed": (Binomial(3, ROWS[0, 0]), Categorical(ROWS[0, 1][:, None] * np.arange(4))),
    "mixture": (Mixture(np.zeros(3), Bernoulli(ROWS[:2, 0].T, event_ndim=1)), Bernoulli(ROWS[2, 0, :2], event_ndim=1)),
    "independent": (Independent(Bernoulli(ROWS[0]), 1), Bernoulli(ROWS[1], event_ndim=1)),
    "poisson": (Poisson(np.array([2.0, 7.0])), Poisson(np.array([2.5, 5.0]))),
}


@pytest.mark.parametrize("pair", SUMS)
def test_discrete_against_enumeration(pair):
    p, q = SUMS[pair]
    shape = p.event_shape
    if pair == "one-hot":
        values = list(np.eye(3))
    else:
        most = {"categorical": 3, "binomial": 6, "mixed": 4, "poisson": 120}.get(pair, 2)
        values = [np.reshape(x, shape) for x in itertools.product(range(most), repeat=math.prod(shape))]
    batch = np.broadcast_shapes(p.batch_shape, q.batch_shape)
    masses = [np.array([np.broadcast_to(np.exp(d.log_prob(x)), batch) for x in values]) for d in (p, q)]
    np.testing.assert_allclose(masses[0].sum(axis=0), 1)
    for name in NAMES:
        with np.errstate(all="ignore"):
            truth = INTEGRANDS[name](*masses)
        truth = np.where((masses[0] > 0) & (masses[1] > 0), truth, 0).sum(axis=0)
        for method in ("auto", "sum"):
            result = divergence(name, p, q, method=method)
            assert result.value.shape == batch
            np.testing.assert_allclose(result.value, truth, rtol=1e-8, atol=1e-12, err_msg=f"{name} {method}")
            assert result.method in ("closed", "sum") and (result.standard_error == 0).all()


L = np.linalg.cholesky(np.array([[1.0, 0.15], [0.15, 0.95]]))
HIGHER = {
    "multivariate normal": (MultivariateNormal(np.array([0.2, -0.3]), scale_tril=L),
                            MultivariateNormal(np.array([[0.0, 0.1], [0.4, 0.0]]), scale_tril=1.05 * np.eye(2))),
    "normal": (Normal(np.array([0.2, -0.3, 0.1]), 1.0, event_ndim=1), Normal(np.zeros(3), 1.1, event_ndim=1)),
    "dirichlet": (Dirichlet(np.array([3.0, 2.5, 4.0])), Dirichlet(np.array([2.5, 3.0, 3.5]))),
    "mixed normal": (MultivariateNormal(np.zeros(2), scale_tril=L), Normal(np.zeros(2), 1.05, event_ndim=1)),
    "bernoulli": (Bernoulli(ROWS[0].ravel() * 0.4, event_ndim=1), Bernoulli(ROWS[1].ravel() * 0.4, event_ndim=1)),
}


@pytest.mark.parametrize("pair", HIGHER)
def test_samples_against_closed_forms(pair):
    p, q = HIGHER[pair]
    for name in NAMES:
        guess = divergence(name, p, q, method="monte_carlo", rng=1, n=20_000)
        assert guess.method == "monte_carlo" and (guess.standard_error > 0).all()
        for method in ("closed", "sum"):
            try:
                truth = divergence(name, p, q, method=method).value
            except NotImplementedError:
                continue
            assert (np.abs(guess.value - truth) < 4.5 * guess.standard_error).all(), (name, method)


def test_kl_by_samples_of_p():
    p, q = Normal(np.array([[0.0], [1.0]]), 1.0), Normal(0.0, np.array([1.0, 1.5, 0.8]))
    value, error = kl_monte_carlo(p, q, 3, 40_000)
    assert value.shape == error.shape == (2, 3) and value.dtype == np.float64
    truth = kl_divergence(p, q)
    assert (np.abs(value - truth) <= 4.5 * error).all()
    # the variance of log p - log q for equal scales is the squared distance over that scale
    assert error[1, 0] == pytest.approx(1 / math.sqrt(40_000), rel=0.05)
    value, error = kl_monte_carlo(Uniform(0.0, 2.0), Uniform(0.0, 1.0), 0, 50)
    assert value == math.inf and error == 0
    one = kl_monte_carlo(p, q, 7, 1001)
    np.testing.assert_array_equal(one[0], kl_monte_carlo(p, q, 7, 1001)[0])


def test_angles_have_density_on_one_turn_alone():
    p, q = Normal(0.0, 3.0), VonMises(0.5, 0.2)
    mixed = Mixture(np.zeros(2), VonMises(np.array([0.5, -1.0]), 0.2))
    for one in (q, mixed, Independent(VonMises(np.zeros(2), 1.0), 1)):
        other = Independent(Normal(np.zeros(2), 3.0), 1) if one.event_shape else p
        assert kl_monte_carlo(other, one, 0, 2000) == (math.inf, 0)  # log p(x) repeated every 2π would give less than 0
        assert divergence("kl", other, one, "monte_carlo", 0, 2000).value == math.inf
        value, error = kl_monte_carlo(one, other, 0, 2000)
        assert 0 < value < math.inf and error > 0
    for name in ("kl", "total_variation", "jensen_shannon"):
        truth, result = divergence(name, q, p), divergence(name, q, p, "monte_carlo", 0, 20_000)
        assert truth.method == "quadrature" and abs(result.value - truth.value) <= 4.5 * result.standard_error
    narrow = VonMises(np.float32(math.pi), np.float32(1))  # half of its draws are near -π or π, rounded
    assert np.isfinite(kl_monte_carlo(narrow, VonMises(0.0, 1.0), 0, 20_000)[0])


def test_blocks_of_samples_join(monkeypatch):
    from minigen.distributions import monte_carlo

    p, q = Normal(0.0, 1.0), Normal(0.5, 1.0)
    monkeypatch.setattr(monte_carlo, "BLOCK", 2)  # so that half of the variance is between blocks
    value, error = kl_monte_carlo(p, q, 5, 3000)
    assert abs(value - 0.125) < 4.5 * error and error == pytest.approx(0.5 / math.sqrt(3000), rel=0.1)


def test_standard_error_of_balanced_samples():
    # half of the draws of each count 1, where only one density is not 0, and half count 0
    result = divergence("total_variation", Uniform(0.0, 1.0), Uniform(0.5, 1.5), method="monte_carlo", rng=2, n=20_000)
    assert result.standard_error == pytest.approx(0.5 * math.sqrt((0.25 + 0.25) / 10_000), rel=0.01)
    assert abs(result.value - 0.5) < 4.5 * result.standard_error


PAIRS = st.tuples(st.floats(-2, 2), st.floats(0.6, 1.6), st.floats(-2, 2), st.floats(0.6, 1.6))


@settings(max_examples=5)
@given(PAIRS)
def test_identities(numbers):
    a, s, b, t = numbers
    p, q = Normal(a, s), Normal(b, t)
    d = {name: divergence(name, p, q, method="quadrature").value for name in NAMES}
    back = {name: divergence(name, q, p, method="quadrature").value for name in NAMES}

    def near(x, y):
        return x == y or abs(x - y) < 1e-8 * (1 + abs(x))

    assert near(d["jeffrey"], d["kl"] + d["reverse_kl"])
    assert near(d["gan"], 2 * d["jensen_shannon"] - math.log(4))
    assert near(d["weighted_jensen_shannon"], d["jensen_shannon"])
    assert near(d["alpha"], 2 * d["squared_hellinger"])
    assert near(d["kl"], back["reverse_kl"]) and near(d["pearson_chi2"], back["neyman_chi2"])
    for name in ("total_variation", "squared_hellinger", "jeffrey", "jensen_shannon", "gan"):
        assert near(d[name], back[name])
    small = 1e-10
    assert d["total_variation"] <= math.sqrt(0.5 * d["kl"]) + small  # Pinsker
    assert 0.5 * d["squared_hellinger"] <= d["total_variation"] + small  # Le Cam, twice
    hellinger = d["squared_hellinger"]
    assert d["total_variation"] <= math.sqrt(hellinger * (1 - hellinger / 4)) + small
    assert d["kl"] <= math.log1p(d["pearson_chi2"]) + small
    assert 0 <= d["jensen_shannon"] + small and d["jensen_shannon"] <= math.log(2) * d["total_variation"] + small


def test_limits_of_alpha_and_weight():
    p, q = Normal(0.0, 1.0), Normal(0.7, 1.2)
    assert divergence("alpha", p, q, alpha=1 + 1e-6).value == pytest.approx(kl_divergence(p, q), rel=1e-5)
    assert divergence("alpha", p, q, alpha=1e-6).value == pytest.approx(kl_divergence(q, p), rel=1e-5)
    small = divergence("weighted_jensen_shannon", p, q, weight=1e-5).value
    assert small / 1e-5 == pytest.approx(kl_divergence(p, q), rel=1e-3)
    f = f_divergence("alpha", alpha=2.0)
    assert divergence(f, p, q).value == pytest.approx(0.5 * divergence("pearson_chi2", p, q).value)


def test_infinite_divergences():
    wide, narrow = Normal(0.0, 1.0), Normal(0.0, 0.7)
    for method in ("closed", "quadrature"):
        assert divergence("pearson_chi2", wide, narrow, method=method).value == math.inf  # ∫ p²/q, 2/1 < 1/0.49
        assert divergence("neyman_chi2", narrow, wide, method=method).value == math.inf
    cauchy = StudentT(1.0, 0.0, 1.0)
    assert divergence("kl", cauchy, wide, method="quadrature").value == math.inf  # no variance
    assert divergence("reverse_kl", cauchy, wide, method="quadrature").value < math.inf
    # ∫ x^(2·0.3 - 0.7 - 1) dx at 0 is infinite, and with 0.5 for 0.7 it is not
    for c, finite in ((0.7, False), (0.5, True)):
        result = [divergence("pearson_chi2", Gamma(0.3, 1.0), Gamma(c, 1.0), method=m).value
                 for m in ("closed", "quadrature")]
        assert np.isfinite(result).all() == finite
        if finite:
            assert result[1] == pytest.approx(result[0], rel=1e-6)
    # supports
    left, middle, right = Uniform(0.0, 1.0), Uniform(0.5, 2.0), Uniform(3.0, 4.0)
    for method in ("auto", "quadrature", "monte_carlo"):
        for name in ("kl", "reverse_kl", "pearson_chi2", "neyman_chi2", "jeffrey"):
            assert divergence(name, left, middle, method=method, rng=0).value == math.inf, (name, method)
        for name, value in zip(FINITE, (1, 2, math.log(2), math.log(2), 0, 4), strict=True):
            assert divergence(name, left, right, method=method, rng=0).value == pytest.approx(value, abs=1e-12), name
    half = divergence("total_variation", left, middle).value
    assert half == pytest.approx(2 / 3)
    assert divergence("reverse_kl", Gamma(2.0, 1.0), Normal(0.0, 1.0), method="quadrature").value == math.inf


def test_far_narrow_and_rare_parts_are_found():
    p = Mixture(np.log([0.05, 0.95]), Normal(np.array([1e4, 0.0]), np.array([1e-3, 1.0])))
    q = Mixture(np.log([0.15, 0.85]), Normal(np.array([1e4, 0.0]), np.array([1e-3, 1.0])))
    # parts do not meet: as of the weights
    for name in NAMES:
        weights = divergence(name, Categorical(np.log([0.05, 0.95])), Categorical(np.log([0.15, 0.85])))
        assert divergence(name, p, q).value == pytest.approx(weights.value, rel=1e-8)


def test_discrete_against_continuous_and_data():
    for name, value in zip(FINITE, (1, 2, math.log(2), math.log(2), 0, 4), strict=True):
        assert divergence(name, Bernoulli(0.3), Normal(0.0, 1.0)).value == pytest.approx(value)
    assert divergence("kl", Normal(0.0, 1.0), Bernoulli(0.3)).value == math.inf
    data = Empirical(np.array([0, 0, 1, 2]))
    fair = Categorical(np.zeros(4))
    assert divergence("total_variation", data, fair).value == pytest.approx(0.25)
    assert divergence("kl", data, fair).value == pytest.approx(math.log(4) - 1.5 * math.log(2))
    assert divergence("reverse_kl", data, fair).value == math.inf
    rate = Poisson(1.0)
    mass = stats.poisson(1.0).pmf([0, 1, 2])
    expected = 0.5 * (np.abs(mass - [0.5, 0.25, 0.25]).sum() + 1 - mass.sum())
    assert divergence("total_variation", data, rate).value == pytest.approx(expected)
    assert divergence("total_variation", rate, data).value == pytest.approx(expected)
    other = Empirical(np.array([1, 5]))
    assert divergence("total_variation", data, other).value == pytest.approx(0.75)
    assert divergence("pearson_chi2", Empirical(np.array([[0.5, 1], [2, 3]])), Empirical(np.array([[0.5, 1], [2, 3],
                      [2, 3], [2, 3]]))).value == pytest.approx(0.25**2 / 0.25 + 0.25**2 / 0.75)


def test_categories_that_one_lacks():
    p, q = Categorical(np.log([0.5, 0.5, 1e-300])), Categorical(np.array([0.0, -np.inf, 0.0]))
    assert divergence("kl", p, q).value == divergence("pearson_chi2", p, q).value == math.inf
    assert divergence("total_variation", p, q).value == pytest.approx(0.5)
    assert divergence("squared_hellinger", p, q).value == pytest.approx(2 - 2 * math.sqrt(0.25))
    assert divergence("jensen_shannon", Categorical(np.zeros(2)), Categorical(np.zeros(4))).value == pytest.approx(
        INTEGRANDS["jensen_shannon"](np.array([0.5, 0.5]), 0.25).sum() + 0.25 * math.log(2))
    same = divergence("squared_hellinger", Poisson(0.0), Poisson(np.array([0.0, 2.0])))
    np.testing.assert_allclose(same.value, [0, 2 - 2 * math.exp(-1)], atol=1e-15)


def test_power_integrals_far_apart_and_refused():
    p, q = Laplace(0.0, 1.0), Laplace(500.0, 1.0)
    assert log_power_integral(p, q, 0.5) == pytest.approx(-250 + math.log(251))
    assert log_power_integral(p, p, 0.3) == pytest.approx(0, abs=1e-15)
    assert log_power_integral(Uniform(0.0, 1.0), Uniform(0.0, 2.0), 3) == pytest.approx(2 * math.log(2))
    assert log_power_integral(Uniform(0.0, 2.0), Uniform(0.0, 1.0), 3) == math.inf
    assert log_power_integral(p, Laplace(0.0, 0.4), 3) == math.inf  # exp(-3|x| + 5|x|)
    never = Categorical(np.array([0.0, -np.inf]))
    assert log_power_integral(never, Categorical(np.zeros(2)), 0.5) == pytest.approx(0.5 * math.log(0.5))
    assert log_power_integral(never, Categorical(np.zeros(2)), -1) == math.inf
    with pytest.raises(NotImplementedError, match="StudentT"):
        log_power_integral(StudentT(1.0, 0.0, 1.0), p, 0.5)


def test_sums_go_on_as_far_as_their_terms_do():
    """Σ p²/q of Poisson variables is that of a rate 30²/4, where p and q have nothing left."""
    p, q = Poisson(30.0), Poisson(4.0)
    result = divergence("pearson_chi2", p, q, method="sum")
    assert math.log(result.value) == pytest.approx(30**2 / 4 - 2 * 30 + 4)
    assert result.value == pytest.approx(divergence("pearson_chi2", p, q, method="closed").value, rel=1e-8)


def test_arguments():
    p, q = Normal(np.zeros((2, 1)), 1.0), Normal(Tensor(np.ones(3)), 2.0)
    result = divergence("jensen_shannon", p, q)
    assert result.value.shape == (2, 3) and isinstance(result.value, np.ndarray)
    assert isinstance(divergence("kl", Normal(0.0, 1.0), Normal(1.0, 1.0)).value, float)
    assert divergence("total_variation", Normal(np.float32(0), np.float32(1)), Normal(0.0, 1.0)).value < 1e-7
    result = divergence("jensen_shannon", Normal(np.array([np.nan, 0.0]), 1.0), Normal(0.0, 1.0)).value
    np.testing.assert_allclose(result, [np.nan, 0], atol=1e-15)  # NaN in, NaN out, and nowhere else
    assert divergence("jensen_shannon", Normal(np.zeros((0, 2)), 1.0), Normal(0.0, 1.0)).value.shape == (0, 2)
    three = Normal(np.zeros(3), 1.0, event_ndim=1)
    for call, error, words in [
        (lambda: divergence("kll", p, q), ValueError, "did you mean 'kl'"),
        (lambda: divergence("kl", p, q, method="quad"), ValueError, "did you mean 'quadrature'"),
        (lambda: divergence("kl", p, 3), TypeError, "q: expected a Distribution, got int"),
        (lambda: divergence("kl", p, three), ValueError, r"one shape, got \(\) and \(3,\)"),
        (lambda: divergence("kl", Normal(np.zeros(2), 1.0), Normal(np.zeros(3), 1.0)), ValueError, "broadcast"),
        (lambda: divergence("kl", p, q, n=1), ValueError, "n: expected an integer of at least 2"),
        (lambda: kl_monte_carlo(p, q, 0, 1.5), TypeError, "n: expected an integer"),
        (lambda: divergence("gan", three, three), ValueError, "rng: expected"),
        (lambda: divergence("gan", three, three, method="quadrature"), NotImplementedError, "quadrature"),
        (lambda: divergence("gan", p, q, method="closed"), NotImplementedError, "closed"),
        (lambda: kl_divergence(Logistic(0.0, 1.0), Logistic(0.0, 2.0)), NotImplementedError, "kl_monte_carlo"),
    ]:
        with pytest.raises(error, match=words):
            call()
