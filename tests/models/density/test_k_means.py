"""k-means++ seeds against their enumerated probabilities, and k-means against scikit-learn from the same centres."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from minigen.arrays import Generator
from minigen.models.density.support.k_means import k_means, k_means_seeds, nearest_centre

POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [4.0, 1.0]])


def test_seeds_are_drawn_by_squared_distance():
    expected = np.zeros((4, 4, 4))
    squares = ((POINTS[:, None] - POINTS) ** 2).sum(axis=2)
    for a, b, c in itertools.product(range(4), repeat=3):
        to_both = np.minimum(squares[a], squares[b])
        expected[a, b, c] = 0.25 * squares[a, b] / squares[a].sum() * to_both[c] / max(to_both.sum(), 1e-9)
    assert expected.sum() == pytest.approx(1)
    n, root, counts = 6000, Generator(5), np.zeros((4, 4, 4))
    for i in range(n):
        counts[tuple(k_means_seeds(POINTS, 3, root.fold_in(i)))] += 1
    assert counts[expected == 0].sum() == 0
    assert chisquare(counts[expected > 0], n * expected[expected > 0]).pvalue > 1e-4


@given(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from(["f4", "f8"]))
def test_a_row_comes_twice_only_if_it_must(seed, k, dtype):
    x = (np.random.default_rng(seed).integers(0, 3, (12, 2)) * 0.1 + 7).astype(dtype)
    seeds = k_means_seeds(x, k, Generator(seed))
    different = len(np.unique(x, axis=0))
    assert len(seeds) == k and len(np.unique(x[seeds], axis=0)) == min(k, different)


def test_the_nearest_centre():
    rng = np.random.default_rng(0)
    x, centres = rng.standard_normal((500, 3)) + 1e4, rng.standard_normal((7, 3)) + 1e4
    distances = ((x[:, None] - centres) ** 2).sum(axis=2)
    np.testing.assert_array_equal(nearest_centre(x, centres), distances.argmin(axis=1))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rounds_are_sklearns():
    cluster = pytest.importorskip("sklearn.cluster")
    x = np.random.default_rng(1).standard_normal((300, 2))
    for rounds in (1, 4, 100):
        labels, centres = k_means(x, 5, Generator(2), rounds)
        start = x[k_means_seeds(x, 5, Generator(2))]
        other = cluster.KMeans(5, init=start, n_init=1, max_iter=rounds, tol=0, algorithm="lloyd").fit(x)
        np.testing.assert_allclose(centres, other.cluster_centers_, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(labels, other.labels_)


def test_a_centre_without_examples_stays():
    labels, centres = k_means(np.array([[0.0], [0.0], [5.0]]), 3, Generator(0))
    assert len(np.unique(labels)) == 2 and sorted(np.unique(centres)) == [0, 5]
