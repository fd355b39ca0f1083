"""Divergences estimated from samples, with standard errors."""

import math

import numpy as np

from ..arrays import as_generator, to_numpy
from ..arrays.checks import integer
from ..autograd import no_grad, raw
from .distribution import Distribution
from .independent import Independent
from .mixture import Mixture
from .von_mises import VonMises

BLOCK = 1 << 20  # random numbers at once
ROUNDED_PI = math.pi * (1 + 1e-6)  # float32's π is above π


def kl_monte_carlo(p, q, rng, n: int = 65536):
    """`(estimate, standard_error)` of KL(p‖q) = E_p[log p(x) - log q(x)] in nats, from n samples of p.

    float64, of the shape that the batches broadcast to; no gradient. The estimate is unbiased for any two distributions
    on the same values, and may be below 0. A sample that q excludes proves that the divergence is infinite: the result
    is inf, with standard error 0. Raises TypeError or ValueError for distributions or n that do not fit.
    """
    batch = common_batch(p, q)
    rng, n = as_generator(rng), check_samples(n)
    mean, variance = _moments(p, batch, rng, n, lambda x: log_density(p, x) - log_density(q, x))
    return mean, np.sqrt(variance / n)


def balanced_monte_carlo(f, p, q, rng, n: int = 65536):
    """`(estimate, standard_error)` of D_f(p‖q) from ½ n samples of p and ½ n of q, which are n of m = ½ (p + q).

    It is E_m[g/m] with g = `f.gap`, so that no ratio of densities is taken where samples are rare. For the bounded
    divergences g/m is bounded too, and for the KL divergences it grows like a logarithm; for χ² and α divergences of
    distributions with different tails it may have no variance, and then the standard error is too small.
    """
    batch = common_batch(p, q)
    rng, half = as_generator(rng), (check_samples(n) + 1) // 2

    def weighted(x):
        log_p, log_q = log_density(p, x), log_density(q, x)
        with np.errstate(invalid="ignore"):
            log_m = np.logaddexp(log_p, log_q) - math.log(2)
        return f.gap(log_p - log_m, log_q - log_m)

    (mean_p, variance_p), (mean_q, variance_q) = (_moments(d, batch, rng, half, weighted) for d in (p, q))
    value = f.at_one + 0.5 * (mean_p + mean_q)
    return value, np.where(value == math.inf, 0, 0.5 * np.sqrt((variance_p + variance_q) / half))[()]


def log_density(distribution, x) -> np.ndarray:
    """log p(x) as a float64 NumPy array without a graph; for angles the density on the turn from -π to π alone.

    Repeated along the line, the density of an angle would have infinite mass, and divergences could be negative.
    """
    with no_grad(), np.errstate(all="ignore"):
        log_p = np.asarray(to_numpy(raw(distribution.log_prob(x))), np.float64)
    if isinstance(core(distribution), VonMises):
        beyond = np.abs(np.asarray(to_numpy(raw(x)), np.float64)) > ROUNDED_PI
        event = tuple(range(beyond.ndim - distribution.event_ndim, beyond.ndim))
        log_p = np.where(beyond.any(axis=event), -math.inf, log_p)
    return log_p


def core(d):
    """The distribution inside mixtures and Independents."""
    while isinstance(d, Mixture | Independent):
        d = d.components if isinstance(d, Mixture) else d.base
    return d


def common_batch(p, q) -> tuple[int, ...]:
    """The shape that the batches broadcast to. Raises TypeError or ValueError unless p and q are on one space."""
    for name, d in (("p", p), ("q", q)):
        if not isinstance(d, Distribution):
            raise TypeError(f"{name}: expected a Distribution, got {type(d).__name__}")
    if p.event_shape != q.event_shape:
        raise ValueError(f"divergence: expected events of one shape, got {p.event_shape} and {q.event_shape}")
    try:
        return np.broadcast_shapes(p.batch_shape, q.batch_shape)
    except ValueError:
        raise ValueError("divergence: expected batches that broadcast together, got "
                         f"{p.batch_shape} and {q.batch_shape}") from None


def check_samples(n) -> int:
    """n as an integer of at least 2, since a standard error needs two samples."""
    return integer("n", n, 2)


def _moments(source, batch, rng, n, function):
    """Mean and variance of `function` over n samples of `source`, a block at a time.

    Blocks are joined by Chan's formula. If a value is inf, the mean is inf and the variance 0.
    """
    block = max(1, BLOCK // max(1, math.prod(batch + source.event_shape)))
    mean, square, infinite, done = np.zeros(batch), np.zeros(batch), np.zeros(batch, bool), 0
    while done < n:
        count = min(block, n - done)
        x = raw(source.sample(count, rng))
        x = x.reshape((count, *(1,) * (len(batch) - len(source.batch_shape)), *x.shape[1:]))
        values = np.broadcast_to(function(x), (count, *batch))
        infinite |= (values == math.inf).any(axis=0)
        values = np.where(values == math.inf, 0, values)
        with np.errstate(over="ignore", invalid="ignore"):
            centre = values.mean(axis=0)
            spread, shift = ((values - centre) ** 2).sum(axis=0), centre - mean
            square = square + spread + shift**2 * (done / (done + count)) * count
        mean, done = mean + shift * (count / (done + count)), done + count
    return np.where(infinite, math.inf, mean)[()], np.where(infinite, 0.0, square / (n - 1))[()]
