"""Wasserstein distances against SciPy and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linear_sum_assignment

from minigen.evaluation import sliced_wasserstein, wasserstein_1d


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_one_dimension_is_scipys(n, m, seed):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=n).round(1), random.normal(1, 2, size=m)
    assert wasserstein_1d(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("p", [1, 2, 3.5])
@pytest.mark.parametrize("n, m", [(6, 6), (6, 4), (3, 7)])
def test_powers_are_optimal_assignments(p, n, m):
    random = np.random.default_rng(n + m)
    x, y = random.normal(size=n), random.normal(size=m)
    many = math.lcm(n, m)  # as if every point were so many of equal weight
    costs = np.abs(np.repeat(x, many // n)[:, None] - np.repeat(y, many // m)) ** p
    best = costs[linear_sum_assignment(costs)].mean() ** (1 / p)
    assert wasserstein_1d(x, y, p) == pytest.approx(best, rel=1e-12)


def test_normals_have_their_closed_form():
    # W₂² of normals is (difference of means)² + (difference of standard deviations)², by their quantiles
    u = (np.arange(20000) + 0.5) / 20000
    x, y = stats.norm.ppf(u), stats.norm.ppf(u, 3, 2)
    assert wasserstein_1d(x, y, 2) ** 2 == pytest.approx(9 + 1, rel=1e-3)


def test_sliced_distance_of_shifted_and_scaled_samples():
    random = np.random.default_rng(0)
    x, shift = random.normal(size=(400, 5)), np.array([1.0, -2.0, 0.0, 0.5, 3.0])
    result = sliced_wasserstein(x, x + shift, 1, 4000)  # E (θ·shift)² = |shift|²/5
    exact = math.sqrt((shift**2).sum() / 5)
    assert abs(result.value - exact) < 4.5 * result.standard_error and result.standard_error < 0.03
    first = sliced_wasserstein(x, x + shift, 1, 4000, p=1)  # W₁ of a translation is its size in each direction
    sizes = np.abs(shift @ (lambda d: d / np.linalg.norm(d, axis=0))(random.normal(size=(5, 200_000))))
    assert abs(first.value - sizes.mean()) < 4.5 * first.standard_error + 0.01
    again = sliced_wasserstein(x[:, :1], x[:300, :1] * 2, 0, 2, p=1)
    assert again.value == pytest.approx(wasserstein_1d(x[:, 0], x[:300, 0] * 2)) and again.standard_error < 1e-12
    assert sliced_wasserstein(x, x[::-1], 0, 2) == (0.0, 0.0)
    images = sliced_wasserstein(x.reshape(400, 5, 1), (x + shift).reshape(400, 1, 5), 1, 4000)
    assert images == result


def test_the_standard_error_is_that_of_repetitions():
    random = np.random.default_rng(3)
    x, y = random.normal(size=(50, 4)), random.normal(1, 2, size=(70, 4))
    results = [sliced_wasserstein(x, y, seed, 40) for seed in range(200)]
    spread = np.std([result.value for result in results], ddof=1)
    assert np.mean([result.standard_error for result in results]) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("function, arguments, words", [
    (wasserstein_1d, (np.zeros((3, 2)), np.zeros((3, 2))), "x: expected one number"),
    (wasserstein_1d, (np.zeros(3), np.zeros(3), 0.5), "p: expected"),
    (wasserstein_1d, (np.zeros(0), np.zeros(3)), "x: expected at least 1"),
    (sliced_wasserstein, (np.zeros((3, 2)), np.zeros((3, 1)), 0), "y: expected 2 numbers"),
    (sliced_wasserstein, (np.zeros((3, 2)), np.zeros((3, 2)), 0, 1), "n_projections: expected"),
    (sliced_wasserstein, (np.zeros((3, 2)), np.zeros((3, 2)), 0, 9, math.inf), "p: expected"),
])
def test_bad_input(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)
