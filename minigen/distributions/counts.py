"""What distributions over the integers share: their quantiles by bisection, and the values that carry the mass."""

import math

import numpy as np

from .. import kernels
from ..arrays import array_module

TAIL = 44.0  # -log of the probability that may be left out of a sum: 8e-20


def inverse(cdf, p, low, high):
    """The smallest integer x from `low` to `high` with cdf(x) ≥ p, of each element; NaN for p outside [0, 1].

    `cdf` takes an array of integers in float64, as the result is, and is taken to be 1 at `high`; all broadcast.
    """
    p = np.asarray(p, np.float64)
    below = np.full(np.broadcast_shapes(p.shape, np.shape(cdf(high * 1.0))), low - 1.0)  # cdf < p, or no value
    found = np.broadcast_to(high * 1.0, below.shape).copy()
    while (found - below > 1).any():
        middle = np.floor((below + found) / 2)
        enough = (middle >= low) & (cdf(np.maximum(middle, low)) >= p)
        found, below = np.where(enough, middle, found), np.where(enough, below, middle)
    return np.where((p >= 0) & (p <= 1), found, np.nan)


def stirling_error(x):
    """log x! - (x log x - x) of integers from 0 up, in float64: what Stirling's formula leaves.

    log p of a count is a small difference of large logarithms of factorials; in terms of this nothing large is left
    (Loader, Fast and accurate computation of binomial probabilities, 2000). From 32 on by the series ½ log(2πx) +
    1/(12x) - 1/(360x³) + 1/(1260x⁵) - 1/(1680x⁷).
    """
    xp = array_module(x)
    positive = xp.where(x > 0, x, 1)
    direct = kernels.lgamma(x + 1.0) - x * xp.log(positive) + x
    u = 1 / (positive * positive)
    series = 0.5 * xp.log(2 * math.pi * positive) + (1 / 12 - u * (1 / 360 - u * (1 / 1260 - u / 1680))) / positive
    return xp.where(x < 32, direct, series)


def reach(variance):
    """How far from the mean a Poisson or binomial variable with this variance is with probability exp(-TAIL) at most.

    The t with t²/(2(variance + t/3)) = TAIL (Bernstein's inequality).
    """
    third = TAIL / 3
    return third + np.sqrt(third * third + 2 * TAIL * variance)


def window(mean, variance, upper=np.inf):
    """The integers, as floats on a new last axis, around the mean within `reach`, and which of them are 0 … upper."""
    radius = np.ceil(reach(np.max(variance, initial=0.0)))
    integers = np.floor(mean)[..., None] + np.arange(-radius, radius + 1)
    return integers, (integers >= 0) & (integers <= np.asarray(upper)[..., None])
