"""What sources share: draws at the edges of the unit interval, sums of exponentials, a quadrature rule."""

import numpy as np
import pytest

from minigen import random
from minigen.known import common
from minigen.known.planar import expectation_over_normal

WEIGHTS = np.array([[0.0, 0.1, 0.0, 0.2, 0.0], [3.0, 0.0, 0.0, 1e-9, 0.0], [0.0, 0.0, 0.0, 0.0, 7e-300]])


class Fixed:
    """A generator whose uniform numbers are all the same."""

    def __init__(self, u):
        self.u = u

    def random(self, size):
        return np.full(size, self.u)


@pytest.mark.parametrize(("u", "expected"), [(0.0, [1, 0, 4]), (1 - 2.0**-53, [3, 3, 4]), (0.5, [3, 0, 4])])
def test_impossible_categories_are_never_drawn(u, expected):
    np.testing.assert_array_equal(common.draw_rows(np.cumsum(WEIGHTS, axis=1), Fixed(u)), expected)
    for row, place in zip(WEIGHTS, expected, strict=True):
        np.testing.assert_array_equal(common.draw_categories(row, Fixed(u), 2), [place, place])


def test_draws_have_their_frequencies():
    n, p = 20_000, np.array([0.1, 0.0, 0.6, 0.3])
    rows = np.tile(np.cumsum(5 * p), (n, 1))
    for drawn in (common.draw_categories(5 * p, random.Generator(1), n), common.draw_rows(rows, random.Generator(2))):
        counts = np.bincount(drawn, minlength=4)
        assert (np.abs(counts - n * p) <= 4.5 * np.sqrt(n * p * (1 - p))).all()


def test_sums_of_exponentials():
    x = np.array([[0.0, -1.0], [1000.0, 1000.0], [-np.inf, -2000.0], [-np.inf, -np.inf]])
    np.testing.assert_allclose(common.logsumexp(x), np.logaddexp(x[:, 0], x[:, 1]))
    assert common.entropy_of([0.0, 1.0]) == 0
    np.testing.assert_allclose(common.entropy_of([[0.5, 0.5], [0.25, 0.75]], axis=1), [0.693147180560, 0.562335144619])


def test_gauss_legendre_is_exact_for_polynomials():
    t, w = common.gauss_legendre(-1.0, 2.0, panels=3, order=4)
    assert t.shape == w.shape == (12,)
    np.testing.assert_allclose([(w * t**k).sum() for k in range(8)], [(2 ** (k + 1) - (-1) ** (k + 1)) / (k + 1)
                                                                      for k in range(8)], rtol=1e-12)


def test_expectation_over_the_normal_distribution():
    assert abs(expectation_over_normal(lambda z: z[:, 0] ** 4 * z[:, 1] ** 2) - 3) < 1e-10
    assert abs(expectation_over_normal(lambda z: np.cos(z[:, 0] + 2 * z[:, 1])) - np.exp(-2.5)) < 1e-12
