"""log ∫ p(x)^a q(x)^(1-a) dx in closed form, from which the χ², Hellinger and α divergences follow.

In an exponential family, p(x) = h(x) exp(θ·T(x) - A(θ)), it is A(a θ_p + (1-a) θ_q) - a A(θ_p) - (1-a) A(θ_q), and inf
where a θ_p + (1-a) θ_q is not a valid parameter (Nielsen and Nock, On the chi square and higher-order chi distances,
2014).
"""

import math

import numpy as np

from ..arrays import to_numpy
from ..autograd import raw
from .beta import Beta
from .dirichlet import Dirichlet
from .finite import LEVELS, log_table
from .gamma import Gamma
from .independent import Independent
from .laplace import Laplace
from .log_normal import LogNormal
from .multivariate_normal import MultivariateNormal, as_multivariate
from .normal import Normal
from .one_hot import OneHot
from .poisson import Poisson
from .shapes import sum_last
from .uniform import Uniform
from .von_mises import VonMises

_FORMULAS = {}


def register_power_integral(p_type: type, q_type: type):
    """Decorator: the function `(p, q, a)` is log ∫ p^a q^(1-a) for these types (and their subclasses), a not 0 or 1."""

    def register(formula):
        _FORMULAS[p_type, q_type] = formula
        return formula

    return register


def log_power_integral(p, q, a: float):
    """log ∫ p(x)^a q(x)^(1-a) dx, over discrete values the sum; float64 of the batch's shape, no gradient.

    For a in (0, 1) it is -(1 - a) times Rényi's divergence of order a. Raises NotImplementedError for a pair of types
    without a closed form here.
    """
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            if (kind_p, kind_q) in _FORMULAS:
                with np.errstate(all="ignore"):
                    return np.asarray(_FORMULAS[kind_p, kind_q](p, q, a), np.float64)[()]
    raise NotImplementedError(f"log_power_integral: no closed form for ({type(p).__name__}, {type(q).__name__})")


def wide(value):
    """A parameter in float64, on this machine."""
    return np.asarray(to_numpy(raw(value)) if hasattr(value, "dtype") else value, np.float64)


def summed(p, q, by_element):
    """`each` element's logarithm added up over the event."""
    shape = np.broadcast_shapes(p.batch_shape + p.event_shape, q.batch_shape + q.event_shape)
    return sum_last(np.broadcast_to(by_element, shape), p.event_ndim)


@register_power_integral(Normal, Normal)
def power_normal(p, q, a):
    """With precisions λ, λ* = a λ_p + (1-a) λ_q: ½ log(λ_p^a λ_q^(1-a)/λ*) - ½ a (1-a) λ_p λ_q/λ* (μ_p - μ_q)²."""
    # in units of q's scale: s = λ_p/λ_q, λ*/λ_q = 1 + a (s - 1)
    t = -2 * (wide(p.log_scale) - wide(q.log_scale))
    excess = a * np.expm1(t)
    shift = (wide(p.loc) - wide(q.loc)) / wide(q.scale)
    by_element = 0.5 * (a * t - np.log1p(excess)) - 0.5 * a * (1 - a) * np.exp(t) / (1 + excess) * shift**2
    return summed(p, q, np.where(excess > -1, by_element, math.inf))


@register_power_integral(LogNormal, LogNormal)
def power_log_normal(p, q, a):
    """That of the normal distributions of the logarithms: it does not change under a bijection."""
    return power_normal(p.base, q.base, a)


@register_power_integral(MultivariateNormal, MultivariateNormal)
def power_multivariate_normal(p, q, a):
    """½ (a log|Λ_p| + (1-a) log|Λ_q| - log|Λ*|) - ½ a (1-a) d·Λ_p Λ*⁻¹ Λ_q d, Λ* = a Λ_p + (1-a) Λ_q.

    With L_q⁻¹ L_p = U S Vᵀ both become diagonal: variances S² and 1, and the distance Uᵀ L_q⁻¹ d.
    """
    lower_p, lower_q = wide(p.scale_tril), wide(q.scale_tril)
    shape = np.broadcast_shapes(lower_p.shape, lower_q.shape)
    ratio = np.linalg.solve(np.broadcast_to(lower_q, shape), np.broadcast_to(lower_p, shape))
    axes, size, _ = np.linalg.svd(ratio)
    distance = np.linalg.solve(lower_q, (wide(p.loc) - wide(q.loc))[..., None])
    shift = (np.swapaxes(axes, -1, -2) @ distance)[..., 0]
    independent_p, independent_q = Normal(shift, size, event_ndim=1), Normal(0.0 * shift, 1.0, event_ndim=1)
    return power_normal(independent_p, independent_q, a)


@register_power_integral(MultivariateNormal, Normal)
def power_multivariate_normal_normal(p, q, a):
    """With independent elements as a multivariate normal of diagonal covariance."""
    return power_multivariate_normal(p, as_multivariate(q), a)


@register_power_integral(Normal, MultivariateNormal)
def power_normal_multivariate_normal(p, q, a):
    """With independent elements as a multivariate normal of diagonal covariance."""
    return power_multivariate_normal(as_multivariate(p), q, a)


@register_power_integral(Gamma, Gamma)
def power_gamma(p, q, a):
    """log Γ(c*) - c* log b* less a and 1-a times those of p and q, c* and b* the averages; inf unless above 0."""
    (c, b), (c_q, b_q) = ((wide(d.concentration), wide(d.rate)) for d in (p, q))
    c_mean, b_mean = a * c + (1 - a) * c_q, a * b + (1 - a) * b_q
    inside = (c_mean > 0) & (b_mean > 0)
    c_mean, b_mean = np.where(inside, c_mean, 1), np.where(inside, b_mean, 1)
    by_element = (_lgamma(c_mean) - a * _lgamma(c) - (1 - a) * _lgamma(c_q)
            + a * c * np.log(b / b_mean) + (1 - a) * c_q * np.log(b_q / b_mean))
    return summed(p, q, np.where(inside, by_element, math.inf))


@register_power_integral(Dirichlet, Dirichlet)
def power_dirichlet(p, q, a):
    """log B(c*) - a log B(c_p) - (1-a) log B(c_q), log B(c) = Σ log Γ(c_k) - log Γ(Σ c_k); inf unless c* is above 0."""
    by_element = _log_betas(wide(p.concentration), wide(q.concentration), a)
    return sum_last(np.broadcast_to(by_element, np.broadcast_shapes(p.batch_shape + p.event_shape[:-1],
                                                             q.batch_shape + q.event_shape[:-1])), p.event_ndim - 1)


@register_power_integral(Beta, Beta)
def power_beta(p, q, a):
    """As for Dirichlet distributions of two elements."""
    both = (np.stack(np.broadcast_arrays(wide(d.concentration1), wide(d.concentration0)), axis=-1) for d in (p, q))
    return summed(p, q, _log_betas(*both, a))


def _log_betas(c_p, c_q, a):
    mean = a * c_p + (1 - a) * c_q
    inside = (mean > 0).all(axis=-1)
    mean = np.where(inside[..., None], mean, 1)
    log_b = [_lgamma(c).sum(axis=-1) - _lgamma(c.sum(axis=-1)) for c in (mean, c_p, c_q)]
    return np.where(inside, log_b[0] - a * log_b[1] - (1 - a) * log_b[2], math.inf)


@register_power_integral(Poisson, Poisson)
def power_poisson(p, q, a):
    """r_p^a r_q^(1-a) - a r_p - (1-a) r_q of the rates r."""
    r_p, r_q = wide(p.rate), wide(q.rate)
    t = np.log(r_p) - np.log(r_q)
    product = np.where((r_p == 0) & (r_q == 0), 0, r_p**a * r_q ** (1 - a))
    by_element = np.where(np.abs(t) < 1, r_q * (np.expm1(a * t) - a * np.expm1(t)), product - a * r_p - (1 - a) * r_q)
    return summed(p, q, by_element)


@register_power_integral(VonMises, VonMises)
def power_von_mises(p, q, a):
    """log I₀(κ*) - a log I₀(κ_p) - (1-a) log I₀(κ_q), κ* the length of a κ_p exp(i μ_p) + (1-a) κ_q exp(i μ_q)."""
    from scipy.special import i0e

    k_p, k_q = wide(p.concentration), wide(q.concentration)
    length = np.abs(a * k_p * np.exp(1j * wide(p.loc)) + (1 - a) * k_q * np.exp(1j * wide(q.loc)))
    logs = [np.log(i0e(k)) + k for k in (length, k_p, k_q)]
    return summed(p, q, logs[0] - a * logs[1] - (1 - a) * logs[2])


@register_power_integral(Laplace, Laplace)
def power_laplace(p, q, a):
    """log of exp(-κ d)/(λ+κ) + exp(-λ d)/(λ+κ) + (exp(-κ d) - exp(-λ d))/(λ-κ), the parts outside and between the locs.

    λ = a/s_p, κ = (1-a)/s_q, d the distance of the locs; less log((2 s_p)^a (2 s_q)^(1-a)). inf unless λ + κ > 0.
    """
    s_p, s_q, d = wide(p.scale), wide(q.scale), np.abs(wide(p.loc) - wide(q.loc))
    rate_p, rate_q = a / s_p, (1 - a) / s_q
    total, difference = rate_p + rate_q, np.abs(rate_p - rate_q) * d
    slower = np.minimum(rate_p, rate_q)
    between = d * np.where(difference == 0, 1, -np.expm1(-difference) / np.where(difference == 0, 1, difference))
    by_element = np.log((1 + np.exp(-difference)) / total + between) - slower * d
    by_element = by_element - a * np.log(2 * s_p) - (1 - a) * np.log(2 * s_q)
    return summed(p, q, np.where(total > 0, by_element, math.inf))


@register_power_integral(Uniform, Uniform)
def power_uniform(p, q, a):
    """log of the common width over w_p^a w_q^(1-a).

    inf if the density with the negative power is 0 where the other is not.
    """
    (low, high), (low_q, high_q) = ((wide(d.low), wide(d.high)) for d in (p, q))
    width, width_q = high - low, high_q - low_q
    common = np.maximum(np.minimum(high, high_q) - np.maximum(low, low_q), 0)
    by_element = np.log(common) - a * np.log(width) - (1 - a) * np.log(width_q)
    excluded = (common < width) if a > 1 else (common < width_q) if a < 0 else np.zeros((), bool)
    return summed(p, q, np.where(excluded, math.inf, by_element))


def power_finite(p, q, a):
    """log Σ_k p(k)^a q(k)^(1-a) of each element, over all values of both."""
    levels = max(next(count for kind, count in LEVELS.items() if isinstance(d, kind))(d) for d in (p, q))
    return summed(p, q, _log_sum(wide(log_table(p, levels)), wide(log_table(q, levels)), a))


for _p in LEVELS:
    for _q in LEVELS:
        register_power_integral(_p, _q)(power_finite)


@register_power_integral(OneHot, OneHot)
def power_one_hot(p, q, a):
    """As for the indices."""
    return power_finite(p.index, q.index, a)


@register_power_integral(Independent, Independent)
def power_independent(p, q, a):
    """Σ of the bases' integrals over the axes that both move into the event."""
    if p.reinterpreted != q.reinterpreted:
        raise NotImplementedError(f"log_power_integral: no closed form for Independent over {p.reinterpreted} and over "
                                  f"{q.reinterpreted} axes")
    return sum_last(log_power_integral(p.base, q.base, a), p.reinterpreted)


def _log_sum(log_p, log_q, a):
    never_p, never_q = log_p == -np.inf, log_q == -np.inf
    terms = a * np.where(never_p, 0, log_p) + (1 - a) * np.where(never_q, 0, log_q)
    terms = np.where(never_p, -np.inf if a > 0 else np.inf, terms)
    terms = np.where(never_q, -np.inf if a < 1 else np.inf, terms)
    return np.logaddexp.reduce(np.where(never_p & never_q, -np.inf, terms), axis=-1)


def _lgamma(x):
    from scipy.special import gammaln

    return gammaln(x)
