"""Dequantised bounds against probabilities that are known exactly."""

import math

import numpy as np
import pytest
from scipy import stats

from evaluation.toys import Coins, Gaussian
from minigen.evaluation import dequantise, dequantised_figures


class Ramp(Gaussian):
    """p(y) = Π 2·y on (0, 1)^D: P(x) = Π ((x+1)² - x²)/levels²."""

    def density(self, y):
        return np.where(((y >= 0) & (y < 1)).all(axis=1), np.log(2 * y).sum(axis=1), -np.inf)


class Even(Gaussian):
    """p(y) = 1 on (0, 1)^D."""

    def density(self, y):
        return np.where(((y >= 0) & (y < 1)).all(axis=1), 0.0, -np.inf)


X = np.random.default_rng(0).integers(0, 8, (4000, 3)).astype(np.uint8)


def test_values_are_uniform_in_their_bins():
    y = dequantise(X, 8, 0)
    assert y.dtype == np.float32 and y.shape == X.shape and y.min() >= 0 and y.max() < 1
    np.testing.assert_array_equal(np.floor(y * 8), X)
    assert stats.kstest((y.astype(np.float64) * 8 - X).ravel(), "uniform").pvalue > 1e-3
    assert (dequantise(np.full((9, 9), 255), 256, 0, np.float32) < 1).all()


def test_an_even_density_costs_the_logarithm_of_the_levels():
    figures = dequantised_figures(Even(3), X, 8)
    assert figures["bits_per_dimension"] == pytest.approx(3) and figures["standard_error"] < 1e-12
    assert figures["dequantisation"] == "uniform" and figures["samples"] == 1 and figures["n"] == 4000


def test_the_bound_is_below_and_rises_to_the_probability():
    exact = np.log((2 * X.astype(float) + 1) / 64).sum(axis=1).mean()
    cell = np.arange(8)  # E_u log(2 (x + u)/8) - log 8, by the antiderivative of the logarithm
    antiderivative = lambda v: v * np.log(np.where(v > 0, v, 1)) - v  # noqa: E731
    loose = (antiderivative(cell + 1.0) - antiderivative(cell * 1.0) + math.log(2 / 64))[X].sum(axis=1).mean()
    single, many = (dequantised_figures(Ramp(3), X, 8, rng=1, k=k) for k in (1, 100))
    draws = [dequantised_figures(Ramp(3), X, 8, rng=seed)["value"] for seed in range(20)]
    assert abs(np.mean(draws) - loose) < 4.5 * np.std(draws, ddof=1) / math.sqrt(20)
    assert single["value"] < many["value"] < exact + 0.01 and many["value"] == pytest.approx(exact, abs=0.02)
    assert many["bits_per_dimension"] == pytest.approx(-many["value"] / 3 / math.log(2))


@pytest.mark.parametrize("call, words", [
    (lambda: dequantise(X, 7, 0), "x: expected integers 0 to 6"),
    (lambda: dequantise(X.astype(float), 8, 0), "x: expected integers"),
    (lambda: dequantise(X * 0, 1, 0), "levels: expected"),
    (lambda: dequantised_figures(Coins(4), X, 8), "model: expected a density of continuous data"),
    (lambda: dequantised_figures(Even(2), X, 8), "x: expected shape"),
    (lambda: dequantised_figures(Even(3), X, 8, k=0), "k: expected"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
