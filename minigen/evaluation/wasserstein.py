"""Wasserstein distances between samples: exact in one dimension, averaged over projections in several.

    W_p(P, Q)^p = min over couplings E |X - Y|^p = ∫₀¹ |F⁻¹(u) - G⁻¹(u)|^p du    in one dimension,

where the best coupling matches quantiles. In several dimensions the sliced distance averages W_p^p of the projections
θ·X and θ·Y over directions θ uniform on the sphere. It is a distance too, and needs only sorting.

Villani, "Topics in Optimal Transportation", 2003 (section 2.2); Rabin, Peyré, Delon and Bernot, "Wasserstein Barycenter
and Its Application to Texture Mixing", 2011; Bonneel, Rabin, Peyré and Pfister, "Sliced and Radon Wasserstein
Barycenters of Measures", 2015.
"""

import math
from typing import NamedTuple

import numpy as np

from ..arrays import as_generator
from ..arrays.checks import integer, number
from .sample_rows import as_rows, centred, pieces

DIRECTIONS = 32  # projected at once


class SlicedWasserstein(NamedTuple):
    """The sliced distance, and its standard error over the random directions (not over the samples)."""

    value: float
    standard_error: float


def wasserstein_1d(x, y, p=1.0):
    """The exact Wasserstein-p distance between the empirical distributions of x `(n,)` and y `(m,)`, a float.

    Sizes may differ. Raises ValueError for examples of several numbers, and for `p` below 1.
    """
    x = as_rows("x", x)
    y = as_rows("y", y, like=("x", x))
    if x.shape[1] != 1:
        raise ValueError(f"x: expected one number in an example, got {x.shape[1]}; see sliced_wasserstein")
    p = _check_power(p)
    return float(_quantile_costs(np.sort(x, axis=0), np.sort(y, axis=0), p)[0] ** (1 / p))


def sliced_wasserstein(x, y, rng, n_projections=128, p=2.0):
    """The sliced Wasserstein-p distance between samples x `(n, ...)` and y `(m, ...)`: a SlicedWasserstein.

    It is (mean over directions of W_p^p)^(1/p), with `n_projections` directions drawn by `rng`. Raises ValueError for
    shapes that do not fit, for fewer than 2 directions, and for `p` below 1.
    """
    x = as_rows("x", x)
    y = as_rows("y", y, like=("x", x))
    integer("n_projections", n_projections, 2)
    p, rng = _check_power(p), as_generator(rng)
    x, y = centred(x, y)
    directions = rng.standard_normal((x.shape[1], n_projections))
    directions /= np.linalg.norm(directions, axis=0)
    costs = np.concatenate([
        _quantile_costs(np.sort(x @ directions[:, block], axis=0), np.sort(y @ directions[:, block], axis=0), p)
        for block in pieces(n_projections, DIRECTIONS)
    ])
    mean = costs.mean()
    value = mean ** (1 / p)
    # the error of a function of a mean is its derivative, (1/p) mean^(1/p - 1), times the mean's error
    error = 0.0 if mean == 0 else value / (p * mean) * costs.std(ddof=1) / math.sqrt(n_projections)
    return SlicedWasserstein(float(value), float(error))


def _quantile_costs(x, y, p):
    """∫₀¹ |F⁻¹ - G⁻¹|^p for each column of sorted values x `(n, k)` and y `(m, k)`."""
    n, m = len(x), len(y)
    if n == m:
        return (np.abs(x - y) ** p).mean(axis=0)
    # both quantile functions are constant between consecutive multiples of 1/n and 1/m: integers in units of 1/(n·m)
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(ends, prepend=0) / (n * m)
    return widths @ np.abs(x[(ends - 1) // m] - y[(ends - 1) // n]) ** p


def _check_power(p):
    p = number("p", p)
    if p < 1:
        raise ValueError(f"p: expected a number of at least 1, got {p}")
    return p
