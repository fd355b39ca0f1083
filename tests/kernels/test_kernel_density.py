"""Sums of kernels: beside the array code, beside sums of exact numbers, and where points coincide or are far away."""

import math

import numpy as np
import pytest

from kernels.agreement import DTYPES, check_kernel, values
from minigen import kernels
from minigen.kernels.kernel_density import SHAPES

K = {
    "gaussian": lambda r: math.exp(-r * r / 2),
    "exponential": lambda r: math.exp(-r),
    "tophat": lambda r: 1.0,
    "epanechnikov": lambda r: 1 - r * r,
    "linear": lambda r: 1 - r,
    "cosine": lambda r: math.cos(math.pi / 2 * r),
}


def by_hand(row, points, inverse, shape, leave_out=None):
    terms = []
    for j, point in enumerate(points):
        r = math.sqrt(math.fsum(((a - b) * c) ** 2 for a, b, c in zip(row, point, inverse, strict=True)))
        if j != leave_out and (shape in ("gaussian", "exponential") or r < 1):
            terms.append(K[shape](r))
    return math.log(math.fsum(terms)) if terms else -math.inf


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("m", "n", "d"), [(1, 1, 1), (3, 700, 2), (40, 1500, 7), (600, 20, 31), (2, 300, 200)])
def test_agrees_with_the_reference(shape, dtype, m, n, d):
    x, points, inverse = values(1, dtype, (m, d), (n, d), (d,), scale=1.0)
    inverse = (0.6 + abs(inverse)) / dtype(d**0.5)
    rtol = 2e-5 if dtype is np.float32 else 1e-12
    check_kernel("kernel_log_sum", x, points, inverse.astype(dtype), shape, rtol=rtol, atol=rtol)
    check_kernel("kernel_log_sum", points, points, inverse.astype(dtype), shape, True, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("shape", SHAPES)
def test_agrees_with_sums_by_hand(shape):
    x, points = values(2, np.float64, (20, 3), (50, 3), scale=0.5)
    inverse = np.array([1.0, 0.5, 2.0])
    for kernel in (kernels.kernel_log_sum, kernels.kernel_log_sum.reference):
        expected = [by_hand(row, points, inverse, shape) for row in x]
        np.testing.assert_allclose(kernel(x, points, inverse, shape), expected, rtol=1e-12, atol=1e-13)
        expected = [by_hand(row, points, inverse, shape, i) for i, row in enumerate(points)]
        np.testing.assert_allclose(kernel(points, points, inverse, shape, True), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", ["gaussian", "exponential"])
def test_far_points_do_not_underflow(shape):
    points = np.concatenate([np.full((700, 1), 1e4), np.full((700, 1), 500.0)])  # the nearer ones come later
    power = {"gaussian": 500.0**2 / 2, "exponential": 500.0}[shape]
    result = kernels.kernel_log_sum(np.zeros((1, 1)), points, np.ones(1), shape)
    np.testing.assert_allclose(result, math.log(700) - power, rtol=1e-14)
    assert kernels.kernel_log_sum(np.full((1, 1), 1e200), points, np.ones(1), shape)[0] < -1e190


def test_points_that_nearly_coincide_keep_their_distance():
    x, offset = np.array([[1e6, -1e6]]), 2.0**-20  # differences are exact, squares of the coordinates are not
    points = x + np.array([[offset, 0], [0, 2 * offset]])
    result = kernels.kernel_log_sum(x, points, np.full(2, 1 / offset), "gaussian")
    np.testing.assert_allclose(result, math.log(math.exp(-0.5) + math.exp(-2)), rtol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_within_reach(shape):
    one = np.ones((1, 2))
    assert kernels.kernel_log_sum(one, one, np.ones(2), shape, True) == -math.inf  # no other point
    assert kernels.kernel_log_sum(one[:0], one, np.ones(2), shape).shape == (0,)
    if shape not in ("gaussian", "exponential"):
        edge = kernels.kernel_log_sum(np.array([[1.0], [math.nextafter(1.0, 0)]]), np.zeros((1, 1)), np.ones(1), shape)
        assert edge[0] == -math.inf and edge[1] > -40
