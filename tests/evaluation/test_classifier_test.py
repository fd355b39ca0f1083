"""The classifier two-sample test: its p-values, and what it finds."""

import math

import numpy as np
import pytest
from scipy import stats

from minigen.evaluation import classifier_test
from minigen.evaluation.classifier_test import binomial_tail


@pytest.mark.parametrize("hits, n", [(0, 10), (1, 10), (7, 10), (10, 10), (530, 1000), (900, 1000)])
def test_p_values_are_binomial_tails(hits, n):
    assert binomial_tail(hits, n) == pytest.approx(stats.binom.sf(hits - 1, n, 0.5), rel=1e-10)


def test_equal_samples_are_a_coin():
    random, runs = np.random.default_rng(0), 25
    results = [classifier_test(random.normal(size=(60, 3)), random.normal(size=(70, 3)), seed, 8, 30)
             for seed in range(runs)]
    assert {result.n for result in results} == {60} and {result.n_train for result in results} == {60}
    mean = np.mean([result.accuracy for result in results])
    assert abs(mean - 0.5) < 4.5 * results[0].standard_error / math.sqrt(runs)
    assert np.mean([result.p_value <= 0.1 for result in results]) < 0.1 + 4.5 * math.sqrt(0.09 / runs)


def test_differences_are_found():
    random = np.random.default_rng(1)
    x = random.normal(size=(800, 4))
    moved = classifier_test(x, random.normal(1, 1, size=(800, 4)), 0)
    best = stats.norm.cdf(1)  # the likelihood ratio of means 2 apart, projected: Φ(|shift|/2)
    assert abs(moved.accuracy - best) < 4.5 * math.sqrt(best * (1 - best) / moved.n) + 0.02
    assert moved.p_value < 1e-20 and moved.standard_error == pytest.approx(0.5 / math.sqrt(800))
    # same means and variances, another dependence: nothing that a linear rule could see
    signs = np.where(random.random((800, 1)) < 0.5, 1, -1)
    joined = np.concatenate([x[:, :1], np.abs(x[:, :1]) * signs * np.sign(x[:, :1]) * signs], axis=1)
    assert classifier_test(x[:, :2], joined, 0).p_value < 1e-6
    images = classifier_test(x.reshape(-1, 2, 2, 1), x.reshape(-1, 2, 2, 1) + 1, 0)
    assert images.p_value < 1e-20


def test_constant_samples_are_told_apart_or_not():
    assert classifier_test(np.zeros((40, 2)), np.zeros((40, 2)), 0, 4, 5).p_value > 1e-3
    assert classifier_test(np.zeros((40, 2)), np.ones((40, 2)), 0).accuracy == 1.0


def test_bad_input():
    with pytest.raises(ValueError, match="x: expected at least 20"):
        classifier_test(np.zeros((5, 2)), np.zeros((50, 2)), 0)
    with pytest.raises(ValueError, match="y: expected 2 numbers"):
        classifier_test(np.zeros((50, 2)), np.zeros((50, 1)), 0)
    with pytest.raises(ValueError, match="hidden"):
        classifier_test(np.zeros((50, 2)), np.zeros((50, 2)), 0, hidden=0)
    with pytest.raises(TypeError, match="rng"):
        classifier_test(np.zeros((50, 2)), np.zeros((50, 2)), None)
