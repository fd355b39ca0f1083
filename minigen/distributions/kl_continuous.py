"""Divergences between continuous distributions of different types: cross-entropies that are moments of p.

KL(p‖q) = -H(p) - E_p[log q(x)], and log q(x) is a sum of a few functions of x: x and x² for a normal q, |x - loc| for a
Laplace, log x and x for a gamma, log x and its square for a log-normal, log x and log(1 - x) for a beta. If their
expectations under p have a closed form, so has the divergence. It is inf if p has mass outside q's support.
"""

import math

import numpy as np

from .. import ops
from ..arrays import array_module
from ..arrays.constants import LOG_2PI
from ..autograd import raw, xp_of
from .beta import Beta
from .continuous import as_arrays, narrow
from .gamma import Gamma
from .kl import register_kl
from .laplace import Laplace
from .log_normal import LogNormal
from .logistic import Logistic
from .normal import Normal
from .shapes import common_dtype
from .student_t import StudentT
from .truncated_normal import TruncatedNormal
from .uniform import Uniform

UNBOUNDED = (Normal, Laplace, Logistic, StudentT)
POSITIVE = (Gamma, LogNormal)
BOUNDED = (Uniform, Beta, TruncatedNormal)
ALL = UNBOUNDED + POSITIVE + BOUNDED


def register_cross(p_types, q_types):
    """Decorator: the function `(p, q)` gives -E_p[log q(x)] of each element, in float64, if q's support covers p's."""

    def register(cross_entropy):
        def divergence(p, q):
            by_element = cross_entropy(p, q) - _entropy(p)
            by_element = ops.where(_covered(p, q), by_element, math.inf)
            shape = np.broadcast_shapes(p.batch_shape + p.event_shape, q.batch_shape + q.event_shape)
            dtype = common_dtype(*_parameters(p), *_parameters(q))
            return p._sum_event(narrow(ops.broadcast_to(by_element, shape), dtype))

        divergence.__doc__ = cross_entropy.__doc__
        for p_type in p_types:
            for q_type in q_types:
                if p_type is not q_type:
                    register_kl(p_type, q_type)(divergence)
        return divergence

    return register


def _parameters(d):
    return (d.loc, d.scale) if isinstance(d, Normal) else d.parameters


def _wide(d):
    """The parameters in float64."""
    return as_arrays(np.float64, *_parameters(d))


def _entropy(p):
    return ops.log(_wide(p)[1]) + 0.5 * (1 + LOG_2PI) if isinstance(p, Normal) else narrow(p._entropy(), np.float64)


def _ends(d):
    """The ends of the support, without gradients."""
    parameters = as_arrays(np.float64, *_parameters(d))
    low, high = (-math.inf, math.inf) if isinstance(d, Normal) else d.support
    xp = xp_of(*parameters)
    return xp.asarray(raw(low), np.float64), xp.asarray(raw(high), np.float64)


def _covered(p, q):
    """Whether q's support contains p's."""
    (low, high), (low_q, high_q) = _ends(p), _ends(q)
    return (low_q <= low) & (high <= high_q)


def _moments(p):
    """Mean and variance of each element in float64; the variance of a StudentT may be inf or NaN."""
    if isinstance(p, TruncatedNormal):
        return p._moments()
    wide = type(p)(*_wide(p))
    return wide.mean, wide.variance


@register_cross(ALL, [Normal])
def kl_to_normal(p, q):
    """log scale + ½ log 2π + ½ (variance + (mean - loc)²)/scale², by the moments of p; inf if p has none."""
    (mean, variance), (loc, scale) = _moments(p), _wide(q)
    return ops.log(scale) + 0.5 * LOG_2PI + _spread(mean - loc, variance, scale)


@register_cross(ALL, [TruncatedNormal])
def kl_to_truncated_normal(p, q):
    """As to a normal distribution, with the mode in place of loc: log scale + log mass + E[c w + ½ w²]."""
    return cross_entropy_truncated_normal(p, q)


@register_kl(TruncatedNormal, TruncatedNormal)
def kl_truncated_normal(p, q):
    """-E log q by the first two moments of p about the mode of q, less p's entropy; inf unless p is within q's ends."""
    by_element = ops.where(_covered(p, q), cross_entropy_truncated_normal(p, q) - p._entropy(), math.inf)
    shape = np.broadcast_shapes(p.batch_shape + p.event_shape, q.batch_shape + q.event_shape)
    return p._sum_event(narrow(ops.broadcast_to(by_element, shape), common_dtype(*p.parameters, *q.parameters)))


def cross_entropy_truncated_normal(p, q):
    """log scale + log mass + E[c w + ½ w²] with w = (x - r)/scale, r the mode of q, as in TruncatedNormal."""
    (mean, variance), (loc, scale, low, high) = _moments(p), _wide(q)
    r, *position = q._about_mode(loc, scale, low, high)
    shift = mean - r
    return (ops.log(scale) + ops.log(q._moment(*position)) + position[0] * shift / scale
            + _spread(shift, variance, scale))


def _spread(shift, variance, scale):
    """½ (variance + shift²)/scale²; inf if there is no variance."""
    none = raw(variance) != raw(variance)
    value = 0.5 * (ops.where(none, 0, variance) + ops.square(ops.where(none, 0, shift))) / ops.square(scale)
    return ops.where(none, math.inf, value)


@register_cross(ALL, [Uniform])
def kl_to_uniform(p, q):
    """log of q's width."""
    low, high = _wide(q)
    return ops.log(high - low) + 0 * _wide(p)[0]


@register_cross(ALL, [Laplace])
def kl_to_laplace(p, q):
    """log 2 scale + E|x - loc|/scale, where E|x - m| = E x - m + 2 (m F(m) - ∫ x p(x) dx up to m)."""
    loc, scale = _wide(q)
    return ops.log(2 * scale) + _distance(p, loc) / scale


def _distance(p, m):
    """E|x - m|."""
    parameters = _wide(p)
    if isinstance(p, Logistic):
        z = (m - parameters[0]) / parameters[1]
        return parameters[1] * (ops.softplus(z) + ops.softplus(-z))
    mean = type(p)(*parameters).mean
    if isinstance(p, Uniform | Beta | TruncatedNormal):
        low, high = _ends(p)
        inside = (raw(m) > low) & (raw(m) < high)
        below = raw(m) <= low
        m_inside = ops.where(inside, m, raw(mean))
        side = array_module(low).where(below, 1.0, -1.0)
        return ops.where(inside, _distance_inside(p, parameters, mean, m_inside), side * (mean - m))
    if isinstance(p, Gamma | LogNormal):
        inside = raw(m) > 0
        return ops.where(inside, _distance_inside(p, parameters, mean, ops.where(inside, m, 1)), mean - m)
    if isinstance(p, StudentT):
        finite = raw(parameters[0]) > 1
        df = ops.where(finite, parameters[0], 2)
        mean = ops.where(finite, mean, 0)
        return ops.where(finite, _distance_inside(p, (df, *parameters[1:]), mean, m), math.inf)
    return _distance_inside(p, parameters, mean, m)


def _distance_inside(p, parameters, mean, m):
    """E|x - m| for m within the support."""
    wide = type(p)(*parameters)
    return mean - m + 2 * (m * wide.cdf(m) - _first_moment_below(wide, m))


def _first_moment_below(p, m):
    """∫ x p(x) dx over the support up to m, for p in float64."""
    if isinstance(p, Uniform):
        return 0.5 * (ops.square(m) - ops.square(p.low)) / (p.high - p.low)
    if isinstance(p, Gamma):
        return p.mean * Gamma(p.concentration + 1, p.rate).cdf(m)
    if isinstance(p, Beta):
        return p.mean * Beta(p.concentration1 + 1, p.concentration0).cdf(m)
    if isinstance(p, LogNormal):
        return p.mean * LogNormal(p.loc + ops.square(p.scale), p.scale).cdf(m)
    # The others are loc·F(m) less scale times a function whose derivative is z p(z).
    below = p.loc * p.cdf(m)
    z = (m - p.loc) / p.scale
    if isinstance(p, StudentT):
        density = ops.exp(p.log_prob(m))
        return below - ops.square(p.scale) * density * (p.df + ops.square(z)) / (p.df - 1)
    if isinstance(p, TruncatedNormal):
        _, c, left, right = p._about_mode(*_wide(p))
        w = z - c
        fall = ops.exp(-w * (c + 0.5 * w)) - ops.exp(left * (c - 0.5 * left))
        return below - p.scale * fall / p._moment(c, left, right)
    return below - p.scale * ops.exp(-0.5 * ops.square(z) - 0.5 * LOG_2PI)


def _log_moments(p):
    """Mean and variance of log x, for x > 0."""
    if isinstance(p, LogNormal):
        loc, scale = _wide(p)
        return loc, ops.square(scale)
    if isinstance(p, Uniform):
        low, high = (ops.where(_ends(p)[0] >= 0, end, other) for end, other in zip(_wide(p), (1, 2), strict=True))
        zero = raw(low) == 0
        log_low, log_high = ops.log(ops.where(zero, 1, low)), ops.log(high)
        # E(log x - log high)² keeps digits that E log² x would lose
        t = log_low - log_high
        mean = -(1 + low * ops.where(zero, 0, t) / (high - low))
        square = (2 * high - low * ops.where(zero, 2, t * t - 2 * t + 2)) / (high - low)
        return log_high + mean, square - mean * mean
    if isinstance(p, Gamma):
        a, b = _wide(p)
        return ops.digamma(a) - ops.log(b), ops.polygamma(a, 1)
    a, b = _wide(p)
    return ops.digamma(a) - ops.digamma(a + b), ops.polygamma(a, 1) - ops.polygamma(a + b, 1)


@register_cross([*UNBOUNDED], [Gamma, LogNormal, Beta])
def kl_from_unbounded(p, q):
    """0, which is not used: q's support cannot cover p's, so the divergence is inf."""
    return 0 * _wide(p)[0] + 0 * _wide(q)[0]


@register_cross([*POSITIVE], [Beta])
def kl_from_positive(p, q):
    """0, which is not used: q's support cannot cover p's, so the divergence is inf."""
    return 0 * _wide(p)[0] + 0 * _wide(q)[0]


@register_cross([LogNormal, Beta, Uniform], [Gamma])
def kl_to_gamma(p, q):
    """log Γ(a) - a log b - (a - 1) E log x + b E x."""
    (a, b), (log_mean, _) = _wide(q), _log_moments(p)
    return ops.lgamma(a) - a * ops.log(b) - (a - 1) * log_mean + b * type(p)(*_wide(p)).mean


@register_cross([Gamma, Beta, Uniform], [LogNormal])
def kl_to_log_normal(p, q):
    """log scale + ½ log 2π + E log x + ½ (Var log x + (E log x - loc)²)/scale²."""
    (loc, scale), (log_mean, log_variance) = _wide(q), _log_moments(p)
    return ops.log(scale) + 0.5 * LOG_2PI + log_mean + _spread(log_mean - loc, log_variance, scale)


@register_cross([Uniform], [Beta])
def kl_uniform_beta(p, q):
    """log B(a, b) - (a - 1) E log x - (b - 1) E log(1 - x)."""
    (a, b), (low, high) = _wide(q), _wide(p)
    inside = _covered(p, q)
    low, high = ops.where(inside, low, 0), ops.where(inside, high, 1)
    below, above = _log_moments(Uniform(low, high))[0], _log_moments(Uniform(1 - high, 1 - low))[0]
    return ops.lbeta(a, b) - (a - 1) * below - (b - 1) * above
