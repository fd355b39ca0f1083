"""Gaussians warped by bijections: pinwheel, banana and funnel.

With x = f(z) and z Gaussian, log p(x) = log p(f⁻¹(x)) - log |det ∂f/∂z|, and the entropy is that of z plus
E[log |det ∂f/∂z|]. All three f are compositions of maps whose determinants are plain to see.
"""

import math

import numpy as np

from ..arrays.checks import number, positive_integer, positive_number
from ..arrays.constants import LOG_2PI
from ..arrays.logsumexp import logsumexp
from ..protocols import DataSpec
from .planar import PlanarMixture, expectation_over_normal
from .source import Source


class Pinwheel(PlanarMixture):
    """Points in the plane on the blades of a pinwheel: Gaussians round the origin, twisted.

    There are `arms` Gaussians at distance `radius` from the origin. Arm k is N((radius, 0), diag(radial²,
    tangential²)), turned by 2πk / arms. Then every point turns about the origin by `twist` times its distance from it.
    A turn by an angle that depends on the distance alone keeps areas (its determinant is 1) and is undone by the
    opposite turn, so the entropy is that of the Gaussians before the twist; by symmetry that is one expectation over
    one arm. Raises TypeError or ValueError for an arm count below 1 and for standard deviations or a radius that are
    not above 0.
    """

    name = "pinwheel"

    def __init__(self, arms=5, radius=2.0, radial=0.6, tangential=0.1, twist=0.6):
        self.n_labels = positive_integer("arms", arms)
        self.radius, self.twist = positive_number("radius", radius), number("twist", twist)
        self.scale = np.array([positive_number("radial", radial), positive_number("tangential", tangential)])

    def _joint_log_prob(self, x):
        return self._untwisted(_turn(x, -self.twist * np.hypot(x[:, 0], x[:, 1])))

    def _untwisted(self, x):
        constant = LOG_2PI + np.log(self.scale).sum() + math.log(self.n_labels)
        joint = np.empty((len(x), self.n_labels))
        for k in range(self.n_labels):
            z = (_turn(x, -2 * math.pi * k / self.n_labels) - (self.radius, 0.0)) / self.scale
            joint[:, k] = -0.5 * (z * z).sum(axis=1) - constant
        return joint

    def _entropy(self):
        def log_prob(z):
            return logsumexp(self._untwisted((self.radius, 0.0) + z * self.scale))

        # In units of one arm's scales, another arm that lies across it is as thin as the ratio of the two scales.
        return -expectation_over_normal(log_prob, 0.125 * self.scale.min() / self.scale)

    def _sample(self, n, rng):
        labels = rng.integers(self.n_labels, size=n)
        arm = (self.radius, 0.0) + self.scale * rng.standard_normal((n, 2))
        # Neither turn changes the distance from the origin.
        angle = 2 * math.pi * labels / self.n_labels + self.twist * np.hypot(arm[:, 0], arm[:, 1])
        return _turn(arm, angle), labels


def _turn(x, angle):
    """Points `(n, 2)` turned about the origin by an angle, or by one angle for each point."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], axis=1)


class WarpedGaussian(Source):
    """Points in the plane from a Gaussian that is bent into a banana.

    x₁ = scale z₁, x₂ = z₂ + bend (x₁² - scale²), z ~ N(0, I). The determinant is `scale`, so the entropy is 1 + log 2π
    + log scale. Source: Haario, Saksman, Tamminen, "Adaptive proposal distribution for random walk Metropolis
    algorithm" (1999), the twisted Gaussian. Raises TypeError or ValueError unless scale > 0.
    """

    name = "warped_gaussian"
    spec = DataSpec((2,), "continuous")

    def __init__(self, scale: float = 1.5, bend: float = 0.5):
        self.scale, self.bend = positive_number("scale", scale), number("bend", bend)

    def _log_prob(self, x):
        z = (x[:, 0] / self.scale, x[:, 1] - self.bend * (x[:, 0] ** 2 - self.scale**2))
        return -0.5 * (z[0] ** 2 + z[1] ** 2) - LOG_2PI - math.log(self.scale)

    def _entropy(self):
        return 1 + LOG_2PI + math.log(self.scale)

    def _sample(self, n, rng):
        x = rng.standard_normal((n, 2))
        x[:, 0] *= self.scale
        x[:, 1] += self.bend * (x[:, 0] ** 2 - self.scale**2)
        return x, None


class Funnel(Source):
    """Points in the plane from Neal's funnel: the first number sets how far the second spreads.

    x₁ ~ N(0, scale²) and x₂ | x₁ ~ N(0, exp(x₁)), a standard deviation exp(x₁ / 2). The logarithm of the determinant is
    log scale + x₁ / 2, whose second term has mean 0, so the entropy is 1 + log 2π + log scale. Source: Neal, "Slice
    sampling" (2003), section 8, with one variable in place of nine. Raises TypeError or ValueError unless scale > 0.
    """

    name = "funnel"
    spec = DataSpec((2,), "continuous")

    def __init__(self, scale: float = 1.5):
        self.scale = positive_number("scale", scale)

    def _log_prob(self, x):
        z1 = x[:, 0] / self.scale
        with np.errstate(over="ignore"):
            z2 = x[:, 1] * np.exp(-0.5 * x[:, 0])
        return -0.5 * (z1**2 + z2**2 + x[:, 0]) - LOG_2PI - math.log(self.scale)

    def _entropy(self):
        return 1 + LOG_2PI + math.log(self.scale)

    def _sample(self, n, rng):
        z = rng.standard_normal((n, 2))
        x1 = self.scale * z[:, 0]
        return np.stack([x1, z[:, 1] * np.exp(0.5 * x1)], axis=1), None
