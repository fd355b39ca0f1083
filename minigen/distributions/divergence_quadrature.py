"""f-divergences of distributions over the line by Gauss's quadrature, on panels that follow both densities."""

import functools
import math

import numpy as np

from ..arrays import as_generator, to_numpy
from ..autograd import raw
from .independent import Independent
from .mixture import Mixture
from .monte_carlo import log_density
from .relaxed import RelaxedBernoulli
from .von_mises import VonMises

SAMPLES = 1024  # from each distribution, only to locate it
QUANTILES = 32
RATIO = 8.0  # of the distances of neighbouring panels from an end of the support
TOWARDS = RATIO ** -np.arange(1.0, 201)  # the last panel ends at 4e-181 of the distance
INWARDS = 32.0 ** -np.arange(1.0, 6)  # from both ends of a gap between quantiles, where a narrow peak may be
AWAY = RATIO ** np.arange(-10.0, 35)  # towards infinity, in units of the samples' range
ROUNDS = 40
TOLERANCE = 1e-11
BLOCK = 1 << 20  # numbers at once


def by_quadrature(f, p, q, batch):
    """`(value, error, mass)` of D_f(p‖q), for distributions over single real numbers; float64 of shape `batch`.

    Panels begin at quantiles of samples, approach the ends of both supports by a constant ratio, and are halved where
    rules of 8 and of 16 points differ. Beyond the last panel before an end the integral is extrapolated as a geometric
    series; a series that does not fall is infinite. `mass` is the integral of ½ (p + q) over the same panels, 1 if they
    miss nothing; `error` is the difference of the two rules.
    """
    starts, series = _panels(p, q, batch)
    rule = functools.partial(_both_rules, functools.partial(_integrands, f, p, q, batch), batch)
    a, b = starts[:-1], starts[1:]
    total, error = np.zeros((2, *batch)), np.zeros((2, *batch))
    for last in [False] * ROUNDS + [True]:
        fine, difference = rule(a, b)
        scale = np.abs(total) + np.abs(fine).sum(axis=1)
        with np.errstate(invalid="ignore"):
            badness = difference / np.maximum(scale, 1e-300)[:, None]
        badness = np.where(np.isfinite(badness), badness, 0).max(axis=0)  # an infinite integral stays infinite
        order = np.argsort(-badness, axis=0)
        worst = np.take_along_axis(badness, order, 0) > TOLERANCE / 64
        count = 0 if last else min(int(worst.reshape(len(worst), -1).any(axis=1).sum()), 1024)
        total += np.take_along_axis(fine, order[None], 1)[:, count:].sum(axis=1)
        error += np.take_along_axis(difference, order[None], 1)[:, count:].sum(axis=1)
        if not count:
            break
        a, b = (np.take_along_axis(edge, order[:count], 0) for edge in (a, b))
        middle = 0.5 * (a + b)
        a, b = np.concatenate([a, middle]), np.concatenate([middle, b])
    for ends in series:
        total = total + _beyond(rule, ends, total)
    return (f.at_one + total[0])[()], np.where(np.isfinite(total[0]), error[0], 0)[()], total[1][()]


def support(distribution):
    """The ends of the interval outside which the density is 0, as numbers or arrays that broadcast with the batch.

    For an angle it is the turn from -π to π.
    """
    if isinstance(distribution, Independent):
        return support(distribution.base)
    if isinstance(distribution, Mixture):
        batch = distribution.components.batch_shape
        low, high = support(distribution.components)
        event = (1,) * (np.ndim(low) - len(batch))  # an event of one number may have axes
        low, high = (np.broadcast_to(end, batch + event) for end in (low, high))
        return low.min(axis=len(batch) - 1), high.max(axis=len(batch) - 1)
    if isinstance(distribution, VonMises):
        return -math.pi, math.pi
    if isinstance(distribution, RelaxedBernoulli):
        return 0.0, 1.0
    return tuple(to_numpy(raw(end)) if hasattr(end, "dtype") else end
                 for end in getattr(distribution, "support", (-math.inf, math.inf)))


def _ends(distribution, batch):
    """The support's ends as float64 arrays of shape `batch`."""
    shape = distribution.batch_shape + distribution.event_shape
    return tuple(np.broadcast_to(np.broadcast_to(np.asarray(end, np.float64), shape).reshape(distribution.batch_shape),
                                 batch) for end in support(distribution))


def _panels(p, q, batch):
    """The ends of panels, ascending on the first axis, and the last three of each series towards a support's end."""
    samples, rng = [], as_generator(0)
    for d in (p, q):
        x = np.asarray(to_numpy(raw(d.sample(SAMPLES, rng))), np.float64).reshape((SAMPLES, *d.batch_shape))
        x = x.reshape((SAMPLES, *(1,) * (len(batch) - len(d.batch_shape)), *d.batch_shape))
        samples.append(np.sort(np.broadcast_to(x, (SAMPLES, *batch)), axis=0))
    lowest, highest = (pick(np.stack(samples), axis=(0, 1)) for pick in (np.min, np.max))
    width = np.maximum(highest - lowest, 1e-9 * np.maximum(np.abs(lowest), np.abs(highest)) + 1e-150)
    away, towards, inwards = (steps.reshape((-1, *(1,) * len(batch))) for steps in (AWAY, TOWARDS, INWARDS))
    chosen = np.linspace(0, SAMPLES - 1, QUANTILES + 1).astype(int)
    quantiles = np.sort(np.concatenate([x[chosen] for x in samples]), axis=0)
    gaps = np.diff(quantiles, axis=0)[:, None] * inwards
    edges, series = [quantiles], []
    for inside in (quantiles[:-1, None] + gaps, quantiles[1:, None] - gaps):
        edges.append(inside.reshape((-1, *batch)))
    ends = [_ends(d, batch) for d in (p, q)]
    for x, (low, high) in zip(samples, ends, strict=True):
        for end, nearest in ((low, x[0]), (high, x[-1])):
            finite = np.isfinite(end)
            base = np.where(finite, end, nearest)  # if there is no end, all of these panels are empty
            edges += [base[None], base + (nearest - base) * towards]
            series.append(edges[-1][-3:])
    for side, outermost, sign in ((0, lowest, -1), (1, highest, 1)):
        endless = np.isinf(ends[0][side]) | np.isinf(ends[1][side])
        edges.append(outermost + np.where(endless, sign * width, 0) * away)
        series.append(edges[-1][-3:])
    return np.sort(np.concatenate(edges), axis=0), series


def _integrands(f, p, q, batch, x):
    """The integrands at x `(n, *batch)`: f's gap and ½ (p + q), shape `(2, n, *batch)`."""
    logs = []
    for d in (p, q):
        low, high = _ends(d, batch)
        log_p = log_density(d, x.reshape((*x.shape, *(1,) * d.event_ndim)))
        logs.append(np.where((x > low) & (x < high), log_p, -np.inf))  # a node may be rounded to an end
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack([f.gap(*logs), np.exp(np.logaddexp(*logs)) / 2])


_gauss = functools.cache(np.polynomial.legendre.leggauss)


def _both_rules(integrands, batch, a, b):
    """The integrals over the panels [a, b] by 16 points, and their differences from 8 points, `(2, P, *batch)`."""
    (points8, weights8), (points16, weights16) = _gauss(8), _gauss(16)
    points = np.concatenate([points8, points16]).reshape((-1, *(1,) * (1 + len(batch))))
    step = max(1, BLOCK // (24 * max(1, math.prod(batch))))
    fine, coarse = np.empty((2, len(a), *batch)), np.empty((2, len(a), *batch))
    for start in range(0, len(a), step):
        left, half = a[start : start + step], 0.5 * (b - a)[start : start + step]
        x = left + half * (1 + points)
        values = integrands(x.reshape((-1, *batch))).reshape((2, *x.shape))
        with np.errstate(invalid="ignore", over="ignore"):
            values = np.where(half > 0, values * half, 0)
            fine[:, start : start + step] = np.einsum("i,ki...->k...", weights16, values[:, 8:])
            coarse[:, start : start + step] = np.einsum("i,ki...->k...", weights8, values[:, :8])
    with np.errstate(invalid="ignore"):
        return fine, np.abs(fine - coarse)


def _beyond(rule, ends, total):
    """The integral beyond a series of panels, extrapolated from its last two: geometric, or inf if it does not fall."""
    inner, middle, outer = ends
    first, second = (rule(np.minimum(s, t)[None], np.maximum(s, t)[None])[0][:, 0]
                     for s, t in ((inner, middle), (middle, outer)))
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = (second > 1e-14 * np.abs(total)) & (second > 0) & np.isfinite(second)
        ratio = np.where(counts, second / first, 0)
        rest = np.where(counts, second, 0) * ratio / np.where(ratio < 0.999, 1 - ratio, 1)
        return np.where(ratio >= 0.999, math.inf, rest)
