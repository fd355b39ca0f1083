"""What the two-dimensional sources share: they are mixtures, and the component of an example is its label."""

import numpy as np

from ..arrays.logsumexp import logsumexp
from ..protocols import DataSpec
from .source import Source


class PlanarMixture(Source):
    """p(x) = Σ_k p(k) p(x | k) in the plane; the label of an example is its k.

    A subclass sets `n_labels` and defines `_joint_log_prob`, log p(k) p(x | k) of shape `(n, n_labels)`.
    """

    spec = DataSpec((2,), "continuous")

    def _log_prob(self, x):
        return logsumexp(self._joint_log_prob(x))


def trapezoid(low: float, high: float, spacing: float):
    """Equally spaced nodes in [low, high], at most `spacing` apart, and their distance.

    The sum of a function's values times the distance is its integral, up to an error that falls off exponentially in
    1 / distance if the function is analytic and vanishes at both ends. Source: Trefethen and Weideman, "The
    exponentially convergent trapezoidal rule", SIAM Review 56 (2014), section 5.
    """
    nodes = np.linspace(low, high, 1 + int(np.ceil((high - low) / spacing)))
    return nodes, nodes[1] - nodes[0]


def product_grid(x, y) -> np.ndarray:
    """All pairs of a number of `x` and one of `y`, shape `(len(x) len(y), 2)`."""
    return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)


def expectation_over_normal(function, spacing=(0.125, 0.125)) -> float:
    """E[function(z)] for z ~ N(0, I) in the plane, by the trapezoidal rule over [-9, 9]².

    The Gaussian mass outside this square is 1e-18.

    `function` maps points `(n, 2)` to numbers `(n,)`. It should grow no faster than a power and be smooth on the scale
    of `spacing` in each direction.
    """
    (x, dx), (y, dy) = (trapezoid(-9.0, 9.0, step) for step in spacing)
    z = product_grid(x, y)
    density = np.exp(-0.5 * (z * z).sum(axis=1)) / (2 * np.pi)
    return float((density * function(z)).sum() * dx * dy)


def entropy_on_grid(source: Source, low, high, spacing: float) -> float:
    """-∫ p log p over the box from corner `low` to corner `high`, by the trapezoidal rule in both directions."""
    (x, dx), (y, dy) = (trapezoid(low[i], high[i], spacing) for i in range(2))
    log_p = source.log_prob(product_grid(x, y))
    return float(-(np.exp(log_p) * log_p).sum() * dx * dy)
