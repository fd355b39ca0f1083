"""Distances between samples against closed forms and SciPy; error rates of their tests."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist

from minigen.evaluation import energy_distance, energy_test, mmd_squared, mmd_test, sample_rows


def direct(x, y, kernel, unbiased):
    """The definition with whole matrices, by SciPy's distances."""
    xx, yy, xy = (kernel(cdist(a, b)) for a, b in ((x, x), (y, y), (x, y)))
    if unbiased:
        np.fill_diagonal(xx, 0)
        np.fill_diagonal(yy, 0)
        n, m = len(x), len(y)
        return xx.sum() / (n * (n - 1)) + yy.sum() / (m * (m - 1)) - 2 * xy.mean()
    return xx.mean() + yy.mean() - 2 * xy.mean()


@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 7), st.booleans(), st.integers(0, 99))
def test_statistics_are_their_definitions(n, m, columns, unbiased, seed):
    random = np.random.default_rng(seed)
    x, y = random.normal(100, 1, (n, columns)), random.normal(100.5, 2, (m, columns))
    gauss = lambda d: (np.exp(-(d**2) / (2 * 1.3**2)) + np.exp(-(d**2) / (2 * 0.4**2))) / 2  # noqa: E731
    value = mmd_squared(x, y, bandwidth=[1.3, 0.4], unbiased=unbiased)
    assert value == pytest.approx(direct(x, y, gauss, unbiased), abs=1e-9)
    assert energy_distance(x, y, unbiased) == pytest.approx(direct(x, y, lambda d: -d, unbiased), abs=1e-6)


def test_tiles_change_nothing(monkeypatch):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(23, 6)), random.normal(size=(18, 6))
    whole = [mmd_squared(x, y), energy_distance(x, y), mmd_test(x, y, 1, permutations=30)]
    monkeypatch.setattr(sample_rows.pieces, "__defaults__", (5,))
    in_tiles = [mmd_squared(x, y), energy_distance(x, y), mmd_test(x, y, 1, permutations=30)]
    np.testing.assert_allclose(in_tiles[:2], whole[:2], atol=1e-13)
    assert in_tiles[2].p_value == whole[2].p_value and in_tiles[2].statistic == pytest.approx(whole[2].statistic)


def test_energy_distance_in_one_dimension_is_scipys():
    random = np.random.default_rng(1)
    x, y = random.normal(size=60), random.exponential(size=45)
    assert energy_distance(x, y, unbiased=False) == pytest.approx(stats.energy_distance(x, y) ** 2, rel=1e-12)


def test_mmd_of_gaussians_has_its_closed_form():
    dimensions, h, shift, runs = 3, 1.5, np.array([0.5, 0.0, -0.3]), 40
    random = np.random.default_rng(2)

    def kernel_mean(variance, distance):  # E exp(-|z|²/2h²) for z ~ N(distance, variance·I)
        total = h**2 + variance
        return (h**2 / total) ** (dimensions / 2) * math.exp(-(distance**2) / (2 * total))

    exact = kernel_mean(2, 0) + kernel_mean(2 * 4, 0) - 2 * kernel_mean(5, np.linalg.norm(shift))
    values = [
        mmd_squared(random.normal(size=(200, 3)), shift + 2 * random.normal(size=(150, 3)), bandwidth=h)
        for _ in range(runs)
    ]
    assert abs(np.mean(values) - exact) < 4.5 * np.std(values, ddof=1) / math.sqrt(runs)


def test_energy_distance_of_normals_has_its_closed_form():
    # E|Z| for Z ~ N(d, s²) is s·√(2/π)·exp(-d²/2s²) + d·(1 - 2Φ(-d/s))
    def mean_size(d, s):
        return s * math.sqrt(2 / math.pi) * math.exp(-(d**2) / (2 * s**2)) + d * (1 - 2 * stats.norm.cdf(-d / s))

    exact = 2 * mean_size(0.7, math.sqrt(1 + 4)) - mean_size(0, math.sqrt(2)) - mean_size(0, 2 * math.sqrt(2))
    random = np.random.default_rng(3)
    values = [energy_distance(random.normal(size=300), random.normal(0.7, 2, size=200)) for _ in range(40)]
    assert abs(np.mean(values) - exact) < 4.5 * np.std(values, ddof=1) / math.sqrt(40)


@pytest.mark.parametrize("test", [mmd_test, energy_test])
def test_error_rates(test):
    random, runs = np.random.default_rng(4), 80
    p_values = np.array([
        test(random.normal(size=(25, 2)), random.normal(size=(20, 2)), seed, permutations=39).p_value
        for seed in range(runs)
    ])
    rejected = (p_values <= 0.1).mean()  # exact level: 4 of the 40 values that p can take
    assert abs(rejected - 0.1) < 4.5 * math.sqrt(0.1 * 0.9 / runs)
    moved = test(random.normal(size=(200, 2)), random.normal(0.5, 1, size=(200, 2)), 0, permutations=199)
    wider = test(random.normal(size=(300, 2)), random.normal(0, 1.5, size=(300, 2)), 0, permutations=199)
    assert moved.p_value == wider.p_value == 1 / 200 and moved.statistic > 0 and "199" in moved.method


def test_permutations_and_blocks_are_counted_exactly():
    x = np.array([0.0, 0.0, 1.0, 1.0])  # equal points: every relabelling of equal points has the same statistic
    assert energy_test(x, x, 0, permutations=99).p_value > 0.3
    same = np.zeros((60, 3))
    assert mmd_test(same, same, 0, permutations=19).p_value == 1.0
    assert mmd_test(np.zeros((200, 3)), np.zeros((200, 3)), 0, permutations=None).p_value == 0.5


def test_asymptotic_p_values():
    random, runs = np.random.default_rng(5), 200
    p_values = np.array([
        mmd_test(random.normal(size=(400, 2)), random.normal(size=(400, 2)), seed, 1.0, None).p_value
        for seed in range(runs)
    ])
    assert (p_values <= 0.1).mean() < 0.1 + 4.5 * math.sqrt(0.1 * 0.9 / runs)
    assert 0.3 < np.median(p_values) < 0.7
    test = energy_test(random.normal(size=(4000, 2)), random.normal(0.3, 1, size=(4000, 2)), 0, permutations=None)
    assert test.p_value < 1e-3 and test.method == "63 blocks of 63"


@pytest.mark.parametrize("x, y, keywords, words", [
    (np.zeros((5, 2)), np.zeros((5, 3)), {}, "y: expected 2 numbers"),
    (np.zeros((1, 2)), np.zeros((5, 2)), {}, "x: expected at least 2"),
    (np.zeros((5, 2)), np.full((5, 2), np.nan), {}, "y: expected finite"),
    (np.array(["a", "b"]), np.zeros(2), {}, "x: expected an array of numbers"),
    (np.zeros((5, 0)), np.zeros((5, 0)), {}, "x: expected examples of at least one number"),
    (3.0, np.zeros(2), {}, "x: expected an array of examples"),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"bandwidth": 0.0}, "bandwidth: expected positive"),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"bandwidth": []}, "bandwidth: expected positive"),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"permutations": 5}, "permutations: expected"),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"permutations": None}, "at least 100 examples"),
    (np.zeros((5, 2)), np.zeros((5, 2)), {"rng": None}, "rng"),
])
def test_bad_input(x, y, keywords, words):
    with pytest.raises((ValueError, TypeError), match=words):
        mmd_test(x, y, **{"rng": 0, **keywords})
