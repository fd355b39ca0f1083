"""Mixtures of round Gaussians in the plane: eight on a circle, twenty-five on a grid.

    p(x) = (1/K) Σ_k N(x; m_k, σ² I)

The entropy -E[log p] is an average of K expectations over a Gaussian, each by quadrature in the plane.
"""

import math

import numpy as np

from ..arrays.checks import positive_number
from .common import check_array
from .planar import PlanarMixture, expectation_over_normal, product_grid


class Gaussians(PlanarMixture):
    """Equally probable Gaussians of means `means`, shape `(K, 2)`, and standard deviation `scale` in both directions.

    Raises TypeError or ValueError for other shapes and for a scale that is not above 0.
    """

    def __init__(self, means, scale: float = 0.2):
        means = check_array("means", means, 2)
        if means.shape[1] != 2:
            raise ValueError(f"means: expected shape (K, 2), got {means.shape}")
        self.means, self.scale, self.n_labels = means, positive_number("scale", scale), len(means)

    def _joint_log_prob(self, x):
        z = (x[:, None, :] - self.means) / self.scale
        return -0.5 * (z * z).sum(axis=2) - math.log(2 * math.pi * self.scale**2 * self.n_labels)

    def _entropy(self):
        means = [expectation_over_normal(lambda z, m=m: self._log_prob(m + self.scale * z)) for m in self.means]
        return -sum(means) / self.n_labels

    def _sample(self, n, rng):
        labels = rng.integers(self.n_labels, size=n)
        return self.means[labels] + self.scale * rng.standard_normal((n, 2)), labels


class EightGaussians(Gaussians):
    """Points in the plane from eight round Gaussians at equal distances on a circle.

    Their standard deviation is `scale` in every direction, and the circle's radius is `radius`.
    """

    name = "eight_gaussians"

    def __init__(self, radius: float = 2.0, scale: float = 0.2):
        angles = np.arange(8) * (math.pi / 4)
        radius = positive_number("radius", radius)
        super().__init__(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), scale)


class TwentyFiveGaussians(Gaussians):
    """Points in the plane from twenty-five round Gaussians on a square grid.

    Their standard deviation is `scale` in every direction, and neighbours are `spacing` apart.
    """

    name = "twenty_five_gaussians"

    def __init__(self, spacing: float = 2.0, scale: float = 0.1):
        line = positive_number("spacing", spacing) * (np.arange(5) - 2)
        super().__init__(product_grid(line, line), scale)
