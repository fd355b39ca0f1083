"""Bayesian network, linear factors and autoregressions against enumeration and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from known.laws import all_strings, entropy, fit_p_value
from minigen import known
from minigen.known.audio import Audio, AutoRegression
from minigen.known.bayes_net import HOUSE, BayesNet
from minigen.known.linear_factors import LinearFactors

RANDOM = np.random.default_rng(0)


def net_probability(variables, state):
    """The product of conditional probabilities, by name."""
    value, total = {}, 1.0
    for (name, parents, table), x in zip(variables, state, strict=True):
        row = int("0" + "".join(str(value[parent]) for parent in parents), 2)
        value[name] = x
        total *= table[row] if x else 1 - table[row]
    return total


@st.composite
def nets(draw):
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    variables = []
    for i in range(draw(st.integers(1, 5))):
        parents = tuple(f"v{j}" for j in range(i) if random.random() < 0.5)
        variables.append((f"v{i}", parents, random.choice([0.0, 0.2, 0.5, 0.9, 1.0], 2 ** len(parents))))
    return tuple(variables)


@given(nets())
def test_nets(variables):
    check_net(variables)


def test_house():
    p = check_net(HOUSE)
    source = known.create("bayes_net")
    samples = source.sample(50_000, 3).astype(int)
    assert fit_p_value(np.bincount(samples @ 2 ** np.arange(8)[::-1], minlength=256), p) > 1e-4
    # The alarm makes a burglar likelier, and a storm explains it away.
    table = source.probabilities()
    burglar = lambda q: q[:, 1].sum() / q.sum()  # noqa: E731
    alarm = np.moveaxis(table, 3, 0)[1].reshape(2, 2, -1)
    assert burglar(alarm[1:]) < burglar(alarm) and burglar(alarm) > 3 * 0.1


def check_net(variables):
    source, states = BayesNet(variables), all_strings(2, len(variables))
    expected = np.array([net_probability(variables, state) for state in states.tolist()])
    np.testing.assert_allclose(np.exp(source.log_prob(states)), expected, rtol=1e-12)
    assert abs(expected.sum() - 1) < 1e-12
    np.testing.assert_allclose(source.probabilities().ravel(), expected, rtol=1e-12)
    # By the chain rule the entropy is the sum of each variable's given its parents.
    chain = 0.0
    for i, (_, _, table) in enumerate(variables):
        for j, q in enumerate(table):
            given_parents = np.ones(len(states), bool)
            for bit, parent in enumerate(reversed(source.parents[i])):
                given_parents &= states[:, parent] == (j >> bit & 1)
            chain += expected[given_parents].sum() * entropy([q, 1 - q])
    assert abs(source.entropy() - chain) < 1e-12 and abs(source.entropy() - entropy(expected)) < 1e-12
    return expected


def test_linear_factors_against_scipy():
    source = LinearFactors(RANDOM.standard_normal((5, 2)), RANDOM.standard_normal(5), RANDOM.uniform(0.2, 1, 5))
    covariance = source.weight @ source.weight.T + np.diag(source.noise) ** 2
    oracle = stats.multivariate_normal(source.mean, covariance)
    x = 3 * RANDOM.standard_normal((20, 5))
    np.testing.assert_allclose(source.log_prob(x), oracle.logpdf(x), rtol=1e-10)
    assert abs(source.entropy() - oracle.entropy()) < 1e-10
    # The posterior by conditioning the joint Gaussian of z and x.
    gain = source.weight.T @ np.linalg.inv(covariance)
    mean, spread = source.posterior(x)
    np.testing.assert_allclose(mean, (x - source.mean) @ gain.T, rtol=1e-9)
    np.testing.assert_allclose(spread, np.eye(2) - gain @ source.weight, atol=1e-12)
    white = np.linalg.solve(np.linalg.cholesky(covariance), (source.sample(20_000, 1) - source.mean).T)
    assert white_p_value(white.T) > 1e-4


def white_p_value(white):
    """The least p-value, times their number: columns standard normal, uncorrelated, of mean square 1 in all."""
    n, d = white.shape
    p = [stats.kstest(column, "norm").pvalue for column in white.T]
    products = [a @ b for a, b in itertools.combinations(white.T, 2)]
    p += [2 * stats.norm.sf(abs(product) / np.sqrt(n)) for product in products]
    squares = (white * white).sum()
    p.append(2 * min(stats.chi2.cdf(squares, n * d), stats.chi2.sf(squares, n * d)))
    return min(p) * len(p)


def toeplitz(coefficients, scale, length):
    """The covariance of a window, from the response to one impulse: γ_j = σ² Σ_t h_t h_{t+j}."""
    impulse = np.zeros(20_000)
    impulse[0] = scale
    h = signal.lfilter([1.0], np.concatenate([[1.0], -np.asarray(coefficients)]), impulse)
    gamma = np.array([h[: len(h) - j] @ h[j:] for j in range(length)])
    return gamma[np.abs(np.subtract.outer(np.arange(length), np.arange(length)))]


@pytest.mark.parametrize(("coefficients", "scale", "length"), [
    ([0.9], 0.5, 12), ([-0.5], 2.0, 1), ([1.6, -0.8], 1.0, 15), ([0.3, 0.2, -0.4, 0.1], 0.7, 3),
    ([0.3, -0.2, 0.4], 1.3, 3),
])
def test_autoregression_against_scipy(coefficients, scale, length):
    source = AutoRegression(coefficients, scale, length)
    covariance = toeplitz(coefficients, scale, length)
    oracle = stats.multivariate_normal(np.zeros(length), covariance)
    x = 2 * RANDOM.standard_normal((20, length))
    np.testing.assert_allclose(source.log_prob(x[:, :, None]), oracle.logpdf(x), rtol=1e-9)
    assert abs(source.entropy() - oracle.entropy()) < 1e-9
    white = np.linalg.solve(np.linalg.cholesky(covariance), source.sample(10_000, 2)[:, :, 0].T)
    assert white_p_value(white.T) > 1e-4


def test_audio_has_variance_one_and_peaks_at_its_resonances():
    source = Audio(length=32)
    covariance = toeplitz(source.coefficients, source.scale, 32)
    np.testing.assert_allclose(np.diag(covariance), 1, rtol=1e-9)
    x = source.sample(50, 1)
    np.testing.assert_allclose(
        source.log_prob(x), stats.multivariate_normal(np.zeros(32), covariance).logpdf(x[:, :, 0]), rtol=1e-7
    )
    frequency, response = signal.freqz([1.0], np.concatenate([[1.0], -source.coefficients]), 4000, fs=8000.0)
    peaks = frequency[signal.argrelmax(np.abs(response))[0]]
    assert np.abs(peaks - [700, 1220, 2600]).max() < 15


def test_processes_that_do_not_settle_are_refused():
    for coefficients in ([1.0], [-1.2], [0.5, 0.6], [2.0, -1.0]):
        with pytest.raises(ValueError, match="stationary"):
            AutoRegression(coefficients)
    with pytest.raises(ValueError, match="coefficients"):
        AutoRegression([])
