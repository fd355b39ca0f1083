"""Concentric rings: a uniform point of a circle plus round Gaussian noise.

For one circle of radius R the angle integrates out to a Bessel function (the law of |x| is Rice's):

    p(x) = exp(-(r² + R²) / 2σ²) I₀(r R / σ²) / 2πσ²,    r = |x|.

Written with e^{-y} I₀(y), which does not overflow, the exponent is -(r - R)² / 2σ². The entropy is an integral over r.
"""

import math

import numpy as np

from ..arrays.checks import positive_number
from ..arrays.logsumexp import logsumexp
from .common import check_array, gauss_legendre
from .planar import PlanarMixture


class Rings(PlanarMixture):
    """Points in the plane on circles about the origin, with noise.

    The circles have radii `radii` and are equally probable, and the noise is Gaussian with standard deviation `noise`.
    Raises TypeError or ValueError unless all are above 0.
    """

    name = "rings"

    def __init__(self, radii=(1.0, 2.0, 3.0), noise: float = 0.1):
        self.radii, self.noise = check_array("radii", radii, 1), positive_number("noise", noise)
        if not (self.radii > 0).all():
            raise ValueError(f"radii: expected numbers above 0, got {self.radii.min()}")
        self.n_labels = len(self.radii)

    def _joint_log_prob(self, x):
        return self._of_radius(np.hypot(x[:, 0], x[:, 1]))

    def _of_radius(self, r):
        from scipy.special import i0e

        r, variance = r[:, None], self.noise**2
        bessel = np.log(i0e(r * self.radii / variance))
        return bessel - (r - self.radii) ** 2 / (2 * variance) - math.log(2 * math.pi * variance * self.n_labels)

    def _entropy(self):
        top = self.radii.max() + 10 * self.noise
        r, weights = gauss_legendre(0.0, top, panels=math.ceil(top / self.noise))
        log_p = logsumexp(self._of_radius(r))
        return -(weights * 2 * np.pi * r * np.exp(log_p) * log_p).sum()

    def _sample(self, n, rng):
        labels = rng.integers(self.n_labels, size=n)
        angle = rng.uniform(0.0, 2 * math.pi, n)
        circle = self.radii[labels, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return circle + self.noise * rng.standard_normal((n, 2)), labels
