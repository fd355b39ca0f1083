"""Precision, recall, density and coverage of sets for which they are known; modes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from minigen.evaluation import mode_coverage, sample_coverage, sample_rows


def direct(real, generated, k):
    """The four definitions with whole distance matrices, by SciPy."""
    reach_real = np.sort(cdist(real, real), axis=1)[:, k]
    reach_generated = np.sort(cdist(generated, generated), axis=1)[:, k]
    between = cdist(real, generated)
    inside = between <= reach_real[:, None]
    return (inside.any(axis=0).mean(), (between <= reach_generated).any(axis=1).mean(),
            inside.sum() / (k * len(generated)), inside.any(axis=1).mean())


@given(st.integers(1, 3), st.integers(5, 20), st.integers(5, 20), st.integers(1, 8), st.integers(0, 99))
def test_definitions(k, n, m, columns, seed):
    random = np.random.default_rng(seed)
    real, generated = random.normal(10, 1, (n, columns)), random.normal(10.5, 2, (m, columns))
    np.testing.assert_allclose(sample_coverage(real, generated, k)[:4], direct(real, generated, k), rtol=1e-12)


def test_tiles_change_nothing(monkeypatch):
    random = np.random.default_rng(0)
    real, generated = random.normal(size=(40, 6)), random.normal(0.3, 1, size=(31, 6))
    whole = sample_coverage(real, generated, 3)
    monkeypatch.setattr(sample_rows.pieces, "__defaults__", (7,))
    assert sample_coverage(real, generated, 3) == whole


def test_sets_with_known_answers():
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    assert sample_coverage(grid, grid, 4)[:2] == (1.0, 1.0)
    far = sample_coverage(grid, grid + 1000, 4)
    assert far[:4] == (0, 0, 0, 0) and far.k == 4
    # half of the samples on the left half of the data, the others nowhere near: half are realistic, half is recalled
    left = grid[grid[:, 0] < 5]
    half = sample_coverage(grid, np.concatenate([left, left + [500, 0]]), 1)
    assert half.precision == 0.5 and half.recall == pytest.approx(0.6)  # the column beside is within reach
    assert half.coverage == pytest.approx(0.6)
    # one mode dropped out of two: all that is drawn is realistic, half is recalled
    two = np.concatenate([grid, grid + [500, 0]])
    dropped = sample_coverage(two, grid, 2)
    assert dropped.precision == 1.0 and dropped.recall == 0.5 and dropped.coverage == 0.5
    # an image set, with repeated points, whose distances are exactly 0
    same = np.repeat(np.random.default_rng(1).random((30, 3, 3, 1)), 2, axis=0)
    assert sample_coverage(same, same[::-1], 1) == (1.0, 1.0, 2.0, 1.0, 1)


def test_an_outlier_inflates_precision_but_not_density():
    random = np.random.default_rng(2)
    real = np.concatenate([random.normal(size=(300, 2)), [[30.0, 0.0]]])
    between = random.uniform(-1, 1, (300, 2)) + [15, 0]
    result = sample_coverage(real, between, 1)
    assert result.precision > 0.9 and result.density == pytest.approx(1, abs=0.1)
    assert sample_coverage(real, between, 5).density < 0.25


def test_expectations_for_samples_of_the_data_distribution():
    n, m, k, runs = 60, 80, 3, 100
    random = np.random.default_rng(3)
    result = np.array([
        sample_coverage(random.normal(size=(n, 2)), random.normal(size=(m, 2)), k)[2:4] for _ in range(runs)
    ])
    missed = math.prod((n - j) / (n + m - j) for j in range(1, k + 1))
    error = result.std(axis=0, ddof=1) / math.sqrt(runs)
    assert (np.abs(result.mean(axis=0) - [1, 1 - missed]) < 4.5 * error).all()


def test_modes():
    modes = np.array([[0.0, 0.0], [10, 0], [0, 10], [10, 10]])
    x = np.array([[0.1, 0], [0, 0.2], [10, 0.5], [9, 0], [5, 5], [0, 11.5]])
    result = mode_coverage(x, modes, 1.0)
    assert result[:3] == (2, 4, 4 / 6) and result.counts.tolist() == [2, 2, 0, 0]
    assert result.kl == pytest.approx(math.log(2))
    weighted = mode_coverage(x, modes, 1.0, weights=[2, 2, 1, 1])
    assert weighted.kl == pytest.approx(math.log(0.5 / (1 / 3)))
    none = mode_coverage(x + 100, modes, 1.0)
    assert none.covered == 0 and none.close == 0 and none.kl == math.inf
    assert mode_coverage(np.zeros((4, 1)), np.array([0.0]), 1)[:3] == (1, 1, 1.0)


@pytest.mark.parametrize("function, arguments, words", [
    (sample_coverage, (np.zeros((4, 2)), np.zeros((4, 2)), 4), "real: expected at least 5"),
    (sample_coverage, (np.zeros((5, 2)), np.zeros((4, 2)), 4), "generated: expected at least 5"),
    (sample_coverage, (np.zeros((5, 2)), np.zeros((5, 3)), 4), "generated: expected 2 numbers"),
    (sample_coverage, (np.zeros((5, 2)), np.zeros((5, 2)), 0), "k: expected"),
    (mode_coverage, (np.zeros((5, 2)), np.zeros((3, 1)), 1.0), "x: expected 1 numbers"),
    (mode_coverage, (np.zeros((5, 2)), np.zeros((3, 2)), 0), "radius: expected"),
    (mode_coverage, (np.zeros((5, 2)), np.zeros((3, 2)), 1, [1, 1]), "weights: expected 3"),
])
def test_bad_input(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


def test_distances_keep_what_rounding_leaves():
    random = np.random.default_rng(4)
    near = random.normal(size=(30, 9))
    other = near + 1e-5 * random.normal(size=near.shape)
    np.testing.assert_allclose(sample_rows.squared_distances(near, other), cdist(near, other) ** 2, atol=1e-13)
    assert (np.diag(sample_rows.squared_distances(near, near)) == 0).all()  # repeated points are exactly at distance 0
    assert (np.diag(sample_rows.squared_distances(near, other)) > 0).all()
