"""What sources share: entropies, quadrature rules."""

import numpy as np

from minigen.known import common
from minigen.known.planar import expectation_over_normal


def test_entropies():
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
