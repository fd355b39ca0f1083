"""Initialisers: variances and distributions within their statistical error, orthogonality exactly."""

import math

import numpy as np
import pytest
from scipy import stats

from minigen import random
from minigen.layers import glorot_normal, glorot_uniform, he_normal, he_uniform, orthogonal, zeros

SHAPES = [(300, 200), (3, 3, 60, 90)]
VARIANCES = {
    glorot_uniform: lambda i, o: 2 / (i + o),
    glorot_normal: lambda i, o: 2 / (i + o),
    he_uniform: lambda i, o: 2 / i,
    he_normal: lambda i, o: 2 / i,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("init", VARIANCES, ids=lambda init: init.__name__)
def test_distribution(init, shape):
    taps = math.prod(shape[:-2])
    variance = VARIANCES[init](taps * shape[-2], taps * shape[-1])
    w = init(shape, 3)
    assert w.shape == shape and w.dtype == np.float32
    deviation = math.sqrt(variance)
    if "uniform" in init.__name__:
        expected = stats.uniform(-math.sqrt(3) * deviation, 2 * math.sqrt(3) * deviation)
    else:
        expected = stats.norm(0, deviation)
    assert stats.kstest(w.ravel().astype(float), expected.cdf).pvalue > 1e-4
    fourth = 9 / 5 if "uniform" in init.__name__ else 3  # kurtosis, for the standard error of the variance
    assert abs((w.astype(float) ** 2).mean() - variance) < 5 * variance * math.sqrt((fourth - 1) / w.size)


def test_gain_multiplies_the_deviation():
    np.testing.assert_allclose(he_normal((4, 4), 0, gain=3.0), 3 * he_normal((4, 4), 0, gain=1.0), rtol=1e-6)
    np.testing.assert_allclose(glorot_uniform((4, 4), 0, gain=3.0), 3 * glorot_uniform((4, 4), 0), rtol=1e-6)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (2, 3, 4)])
def test_orthogonal(shape):
    w = orthogonal(shape, 1, "float64", gain=2.0).reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_matrices_are_uniform():
    # Under the Haar measure on 2×2 matrices the first column is a uniform direction, det = ±1 equally often.
    rng = random.Generator(0)
    drawn = np.array([orthogonal((2, 2), rng, "float64") for _ in range(2000)])
    angle = np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0])
    assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-4
    assert abs((np.linalg.det(drawn) > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(2000)


def test_the_generator_moves_on():
    rng = random.Generator(0)
    assert not np.array_equal(he_normal((3, 3), rng), he_normal((3, 3), rng))
    assert not zeros((2, 2)).any() and zeros((2,), dtype="float64").dtype == np.float64


def test_a_shape_that_is_no_weight():
    for init in (*VARIANCES, orthogonal):
        with pytest.raises(ValueError, match="shape"):
            init((5,), 0)
