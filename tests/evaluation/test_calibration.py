"""Calibration of densities against models that are right, too sure and too wide."""

import math

import numpy as np
import pytest
from scipy import stats

from evaluation.toys import Toy
from minigen import DataSpec, distributions
from minigen.evaluation import calibration, integral_transform, region_coverage, uniformity
from minigen.evaluation.calibration import kolmogorov_tail
from minigen.models import Model

SPEC = DataSpec((3,), "continuous")


class Gaussian(Toy):
    """N(0, scale²·I)."""

    def __init__(self, scale=1.0):
        super().__init__(SPEC)
        self.scale = scale

    def density(self, x):
        return stats.norm.logpdf(x, 0, self.scale).sum(axis=1)

    def draw(self, n, random):
        return random.normal(0, self.scale, (n, 3))


DATA = np.random.default_rng(0).normal(size=(5000, 3))


def test_the_truth_is_calibrated():
    result = calibration(Gaussian(), DATA, 0)
    np.testing.assert_allclose(result.expected, result.levels, atol=1e-4)
    assert result.worst < 4.5 and result.p_value > 1e-3
    assert (result.standard_error > 0).all()


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_wrong_scales_are_found_and_measured(scale):
    result = calibration(Gaussian(scale), DATA, 0, n_samples=20_000)
    # the model's region of mass a is a ball; the data's mass in it is the chi distribution's at the scaled radius
    exact = stats.chi2.cdf(stats.chi2.ppf(result.levels, 3) * scale**2, 3)
    assert (np.abs(result.observed - exact) < 4.5 * result.standard_error + 1e-9).all()
    assert ((result.observed < result.expected) == (scale < 1)).all()
    assert result.worst > 8 and result.p_value < 1e-10


def test_errors_and_p_values_are_those_of_repetitions():
    random, runs, levels = np.random.default_rng(1), 400, [0.3, 0.5, 0.9]
    results = [region_coverage(random.normal(size=150), random.normal(size=250), levels) for _ in range(runs)]
    spread = np.std([result.observed - result.expected for result in results], axis=0, ddof=1)
    np.testing.assert_allclose(np.mean([result.standard_error for result in results], axis=0), spread, rtol=0.15)
    small = np.mean([result.p_value <= 0.1 for result in results])
    assert abs(small - 0.1) < 4.5 * math.sqrt(0.09 / runs) + 0.02
    oracle = [stats.ks_2samp(random.normal(size=150), random.normal(size=250), method="asymp") for _ in range(3)]
    assert all(abs(kolmogorov_tail(o.statistic, 150 * 250 / 400) - o.pvalue) < 0.06 for o in oracle)


def test_ties_of_discrete_data():
    chances = np.log([0.5, 0.3, 0.2])
    random = np.random.default_rng(2)
    data, samples = (chances[random.choice(3, 20_000, p=np.exp(chances))] for _ in range(2))
    result = region_coverage(data, samples, [0.4, 0.6, 0.95])
    np.testing.assert_allclose(result.expected, [0.5, 0.8, 1.0], atol=0.02)
    assert result.worst < 4.5 and result.p_value > 1e-3


def test_impossible_data_lie_in_no_region():
    result = region_coverage(np.array([0.0, -np.inf, -np.inf, 0.0]), np.zeros(10), [0.5])
    assert result.observed[0] == 0.5 and result.expected[0] == 1.0


def test_integral_transforms():
    random = np.random.default_rng(3)
    x = random.normal(2, 3, size=4000)
    normal = type("Cdf", (), {"cdf": staticmethod(lambda x: stats.norm.cdf(x, 2, 3))})
    assert uniformity(integral_transform(normal, x)).p_value > 1e-3
    counts = random.poisson(2.5, size=4000)
    poisson = type("Cdf", (), {"cdf": staticmethod(lambda x: stats.poisson.cdf(x, 2.5))})
    u = integral_transform(poisson, counts, rng=0)
    assert uniformity(u).p_value > 1e-3 and u.shape == (4000,)
    assert uniformity(integral_transform(poisson, counts)).p_value < 1e-10  # steps are not uniform
    wide = type("Cdf", (), {"cdf": staticmethod(lambda x: stats.norm.cdf(x, 2, 4))})
    assert uniformity(integral_transform(wide, x)).p_value < 1e-10


@pytest.mark.parametrize("n", [10, 100, 3000])
def test_uniformity_is_scipys(n):
    u = np.random.default_rng(n).random(n) ** 1.1
    oracle = stats.kstest(u, "uniform")
    result = uniformity(u)
    assert result.statistic == pytest.approx(oracle.statistic, rel=1e-12) and result.n == n
    assert result.p_value == pytest.approx(oracle.pvalue, abs=0.03)


def test_distributions_with_a_distribution_function():
    law = distributions.Normal(1.0, 2.0)
    x = np.random.default_rng(5).normal(1, 2, 500)
    np.testing.assert_allclose(integral_transform(law, x), stats.norm.cdf(x, 1, 2), atol=1e-12)


@pytest.mark.parametrize("call, words", [
    (lambda: calibration(Model(SPEC), DATA, 0), "no log_prob"),
    (lambda: calibration(Gaussian(), DATA, 0, n_samples=1), "n_samples"),
    (lambda: calibration(Gaussian(), DATA, 0, levels=[0.5, 1.0]), "levels: expected"),
    (lambda: region_coverage([0.0, np.nan], [0.0, 1.0]), "log_prob_data: expected .* got NaN"),
    (lambda: region_coverage([0.0, 1.0], [0.0]), "log_prob_samples: expected at least 2"),
    (lambda: uniformity([0.5, 1.5]), "values: expected"),
    (lambda: uniformity([np.nan, 0.5]), "values: expected"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
