"""Is a density calibrated? Regions that should hold a share of the data, and values that should be uniform.

Highest-density regions. For a share a let t(a) be the (1 - a)-quantile of log p(X) under the model. Then
{x: log p(x) ≥ t(a)} is the smallest region that has probability a under the model. Let c(a) be the share of fresh data
that lies in it. If c(a) < a, the model is too sure: data come where it holds them to be unlikely. If c(a) > a, the
model spreads over regions where no data come. This works in any number of dimensions.

Probability integral transform. If X has the distribution function F, F(X) is uniform on (0, 1). If F jumps (discrete
values), F(x-) + v·(F(x) - F(x-)) is uniform, where v is.

Rosenblatt, "Remarks on a multivariate transformation", 1952; Hyndman, "Computing and graphing highest density
regions", 1996; Dawid, "Present position and potential developments", 1984; Czado, Gneiting and Held, "Predictive
model assessment for count data", 2009 (randomised transform).
"""

import math
from typing import NamedTuple

import numpy as np

from ..arrays import as_generator, to_numpy
from ..arrays.checks import integer
from ..autograd import no_grad, raw
from .likelihood import density_of, per_example

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Calibration(NamedTuple):
    """The share of the data in the highest-density regions of a model, beside the model's mass there.

    Arrays `(levels,)`: `levels` as asked for; `expected`, the model's mass (ties of discrete data can put it above the
    level); `observed`, the share of the data; `standard_error` of observed - expected, from the numbers of data and of
    model samples. `worst` is the largest |observed - expected| / standard_error. `p_value` is that of the two-sample
    Kolmogorov-Smirnov test of log p between data and model samples (conservative with ties). It is small if the density
    is not calibrated.
    """

    levels: np.ndarray
    expected: np.ndarray
    observed: np.ndarray
    standard_error: np.ndarray
    worst: float
    p_value: float


class Uniformity(NamedTuple):
    """The Kolmogorov-Smirnov distance of values from uniform on (0, 1), and its p-value."""

    statistic: float
    p_value: float
    n: int


def calibration(model, x, rng, n_samples=10_000, levels=LEVELS):
    """Whether the highest-density regions of a model hold the share of `x` `(n, *spec.shape)` that they should.

    The regions follow from `n_samples` samples of the model, drawn by `rng`. Gives a Calibration. Use data that the
    model was not fitted to. Raises ValueError for a model without log_prob, and for levels outside (0, 1).
    """
    if not model.offers("log_prob"):
        raise ValueError(f"model: {model.name} has no log_prob; a bound has no regions to calibrate")
    integer("n_samples", n_samples, 2)
    rng = as_generator(rng)
    with no_grad():
        samples = np.asarray(to_numpy(raw(model.sample(n_samples, rng))))
    log_prob = [per_example(density_of(model), values, 0, xp=model.xp) for values in (np.asarray(x), samples)]
    return region_coverage(*log_prob, levels)


def region_coverage(log_prob_data, log_prob_samples, levels=LEVELS):
    """A Calibration from log-densities alone: of data `(n,)` and of samples of the model `(m,)`, in nats.

    -inf (data that are impossible under the model) lies in no region. Raises ValueError for NaN, for fewer than 2
    values, and for levels outside (0, 1).
    """
    data, samples = _log_densities("log_prob_data", log_prob_data), _log_densities("log_prob_samples", log_prob_samples)
    levels = np.atleast_1d(np.asarray(levels, np.float64))
    if levels.ndim != 1 or levels.size == 0 or not ((levels > 0) & (levels < 1)).all():
        raise ValueError(f"levels: expected numbers between 0 and 1, got {levels}")
    n, m = len(data), len(samples)
    # the threshold that ⌈a·m⌉ of the samples reach, or more of them if there are ties
    thresholds = samples[m - np.ceil(levels * m - 1e-9).astype(int)]
    expected = 1 - np.searchsorted(samples, thresholds, side="left") / m
    observed = 1 - np.searchsorted(data, thresholds, side="left") / n
    pooled = (n * observed + m * expected) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    away = np.divide(np.abs(observed - expected), error, out=np.zeros_like(error), where=error > 0)
    both = np.concatenate([data, samples])
    gaps = np.searchsorted(data, both, side="right") / n - np.searchsorted(samples, both, side="right") / m
    p_value = kolmogorov_tail(np.abs(gaps).max(), n * m / (n + m))
    return Calibration(levels, expected, observed, error, float(away.max()), p_value)


def integral_transform(distribution, x, rng=None):
    """F(x) of a distribution with `cdf`, float64 of the shape of x: uniform if x was drawn from the distribution.

    For distributions over integers give `rng`: then F(x - 1) + v·(F(x) - F(x - 1)) with v uniform in (0, 1). Raises
    NotImplementedError if the distribution has no `cdf` in closed form.
    """
    x = np.asarray(to_numpy(raw(x)))
    with no_grad():
        upper = np.asarray(to_numpy(raw(distribution.cdf(x))), np.float64)
        if rng is None:
            return upper
        lower = np.asarray(to_numpy(raw(distribution.cdf(x.astype(np.float64) - 1))), np.float64)
    return lower + as_generator(rng).random(upper.shape) * (upper - lower)


def uniformity(values):
    """Test values in [0, 1] for uniformity by Kolmogorov and Smirnov: a Uniformity.

    Raises ValueError for values outside [0, 1], for NaN, and for fewer than 2 values.
    """
    values = np.sort(np.asarray(values, np.float64).ravel())
    if len(values) < 2 or not (values[0] >= 0 and values[-1] <= 1):
        raise ValueError("values: expected at least two numbers from 0 to 1")
    n = len(values)
    above, below = np.arange(1, n + 1) / n - values, values - np.arange(n) / n
    statistic = float(max(above.max(), below.max()))
    return Uniformity(statistic, kolmogorov_tail(statistic, n), n)


def kolmogorov_tail(distance, n):
    """P(D ≥ distance) for the largest distance D between a distribution function and that of n draws.

    Kolmogorov's limit with Stephens' correction, (√n + 0.12 + 0.11/√n)·D (Stephens, 1970), good from n = 5 on.
    """
    from scipy.special import kolmogorov

    root = math.sqrt(n)
    return float(kolmogorov((root + 0.12 + 0.11 / root) * distance))


def _log_densities(name, values):
    values = np.sort(np.asarray(to_numpy(raw(values)), np.float64).ravel())
    if len(values) < 2:
        raise ValueError(f"{name}: expected at least 2 log-densities, got {len(values)}")
    if np.isnan(values[-1]):  # NaN sorts last
        raise ValueError(f"{name}: expected log-densities in nats, got NaN")
    return values
