"""What distributions over the integers share: quantiles by bisection, and the values that have nearly all mass."""

import math

import numpy as np

from .. import kernels
from ..arrays import array_module

TAIL = 44.0  # a sum may leave out the probability exp(-TAIL) = 8e-20


def inverse(cdf, p, low, high):
    """The smallest integer x from `low` to `high` with cdf(x) ≥ p, of each element; NaN for p outside [0, 1].

    `cdf` takes integers in float64, the dtype of the result too, and counts as 1 at `high`. All arguments broadcast.
    """
    p = np.asarray(p, np.float64)
    below = np.full(np.broadcast_shapes(p.shape, np.shape(cdf(high * 1.0))), low - 1.0)  # cdf < p, or no value
    result = np.broadcast_to(high * 1.0, below.shape).copy()
    while (result - below > 1).any():
        middle = np.floor((below + result) / 2)
        enough = (middle >= low) & (cdf(np.maximum(middle, low)) >= p)
        result, below = np.where(enough, middle, result), np.where(enough, below, middle)
    return np.where((p >= 0) & (p <= 1), result, np.nan)


def stirling_error(x):
    """log x! - (x log x - x) of integers of at least 0, in float64: the error of Stirling's formula.

    log p of a count is a small difference of large logarithms of factorials; written with these errors, no large term
    is left (Loader, Fast and accurate computation of binomial probabilities, 2000). For x from 32 on it is the series ½
    log(2πx) + 1/(12x) - 1/(360x³) + 1/(1260x⁵) - 1/(1680x⁷).
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
