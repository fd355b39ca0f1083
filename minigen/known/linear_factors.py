"""Linear-Gaussian factors, as in factor analysis.

    z ~ N(0, I),    x = W z + μ + e,    e ~ N(0, diag(noise²)),    so    x ~ N(μ, W Wᵀ + diag(noise²)).

The posterior is Gaussian too, with precision I + Wᵀ diag(noise⁻²) W.
Source: Bishop, "Pattern Recognition and Machine Learning", section 12.2.4.
"""

import math

import numpy as np

from ..arrays.constants import LOG_2PI
from ..protocols import DataSpec
from .common import check_array
from .source import Source


def default_parameters(dimensions=10, factors=3):
    """W `(dimensions, factors)` with ever weaker and faster cosines as columns, a mean μ and noise deviations."""
    position = (np.arange(dimensions)[:, None] + 0.5) / dimensions
    weight = np.cos(math.pi * position * np.arange(1, factors + 1)) * 1.5 / np.arange(1, factors + 1)
    return weight, np.linspace(-1.0, 1.0, dimensions), np.linspace(0.3, 0.6, dimensions)


class LinearFactors(Source):
    """Correlated numbers: a few hidden factors, mixed linearly, plus noise.

    x = W z + μ + e with `weight` W of shape `(D, factors)`, `mean` μ `(D,)` and standard deviations of e `noise`
    `(D,)`. All three are given or none. Raises TypeError or ValueError for shapes that do not fit, or noise not above
    0.
    """

    name = "linear_factors"

    def __init__(self, weight=None, mean=None, noise=None):
        if [value is None for value in (weight, mean, noise)].count(True) not in (0, 3):
            raise TypeError("expected weight, mean and noise, or none of them")
        if weight is None:
            weight, mean, noise = default_parameters()
        self.weight, self.mean = check_array("weight", weight, 2), check_array("mean", mean, 1)
        self.noise, d = check_array("noise", noise, 1), len(self.weight)
        if self.mean.shape != (d,) or self.noise.shape != (d,) or not (self.noise > 0).all():
            raise ValueError(f"mean, noise: expected shape ({d},) as weight has rows and noise above 0, got shapes "
                             f"{self.mean.shape} and {self.noise.shape}")
        self.spec = DataSpec((d,), "continuous")
        self.covariance = self.weight @ self.weight.T + np.diag(self.noise**2)
        self._cholesky = np.linalg.cholesky(self.covariance)

    def posterior(self, x):
        """Mean `(n, factors)` and covariance `(factors, factors)` of p(z | x), for x `(n, D)`."""
        scaled = self.weight / self.noise[:, None] ** 2
        covariance = np.linalg.inv(np.eye(self.weight.shape[1]) + self.weight.T @ scaled)
        return (np.asarray(x) - self.mean) @ scaled @ covariance, covariance

    def _log_prob(self, x):
        z = np.linalg.solve(self._cholesky, (x - self.mean).T)
        return -0.5 * (z * z).sum(axis=0) - self._entropy() + 0.5 * len(self.mean)

    def _entropy(self):
        return 0.5 * len(self.mean) * (1 + LOG_2PI) + np.log(np.diag(self._cholesky)).sum()

    def _sample(self, n, rng):
        z = rng.standard_normal((n, self.weight.shape[1]))
        return self.mean + z @ self.weight.T + self.noise * rng.standard_normal((n, len(self.mean))), None
