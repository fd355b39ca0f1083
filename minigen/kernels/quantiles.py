"""Distribution functions and quantiles of log x and logit x, on which values too small for a float can be written."""

import numpy as np

from ..arrays import array_module
from .quadrature import normal_piece, sigmoid
from .special import betainc, betaincinv, expand, gammainc, gammaincinv, lbeta, lgamma, ndtr, ndtri

LEAST = 1e-290  # below it the first term of a series is all that a float shows


def gamma_cdf(a, log_x):
    """P(X ≤ x) for X of distribution Gamma(a, 1); below LEAST xᵃ / Γ(a + 1)."""
    dtype, (a, s) = np.result_type(a.dtype, log_x.dtype), expand(a, log_x)
    xp = array_module(a)
    x = xp.exp(s)
    with np.errstate(over="ignore"):
        return xp.where(x < LEAST, xp.exp(a * s - lgamma(a + 1)), gammainc(a, x)).astype(dtype)


def gamma_quantile(a, p):
    """The log x at which `gamma_cdf` is p."""
    dtype, (a, p) = np.result_type(a.dtype, p.dtype), expand(a, p)
    xp = array_module(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = gammaincinv(a, p)
        return xp.where(x < LEAST, (xp.log(p) + lgamma(a + 1)) / a, xp.log(x)).astype(dtype)


def beta_cdf(a, b, logit):
    """P(X ≤ x) for X of distribution Beta(a, b), from the end that is nearer to x; next to 0 xᵃ / (a B(a, b))."""
    dtype, (a, b, s) = np.result_type(a.dtype, b.dtype, logit.dtype), expand(a, b, logit)
    xp = array_module(a)
    upper = s > 0
    a, b, s = xp.where(upper, b, a), xp.where(upper, a, b), -xp.abs(s)
    x = sigmoid(s)
    with np.errstate(over="ignore"):
        below = xp.where(x < LEAST, xp.exp(a * s - xp.log(a) - lbeta(a, b)), betainc(a, b, x))
    return xp.where(upper, 1 - below, below).astype(dtype)


def beta_quantile(a, b, p):
    """The logit x at which `beta_cdf` is p."""
    dtype, (a, b, p) = np.result_type(a.dtype, b.dtype, p.dtype), expand(a, b, p)
    xp = array_module(a)
    from_below, from_above = _log_odds(a, b, p), -_log_odds(b, a, 1 - p)
    return xp.where((p > 0.5) & (from_below > 0), from_above, from_below).astype(dtype)


def _log_odds(a, b, p):
    xp = array_module(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = betaincinv(a, b, p)
        return xp.where(x < LEAST, (xp.log(a * p) + lbeta(a, b)) / a, xp.log(x) - xp.log1p(-x))


def truncated_normal_quantile(c, left, right, p):
    """w with ∫ exp(-c t - ½ t²) dt from -left to w the fraction p of that to right; 0 ≤ p ≤ 1, NaN elsewhere.

    From a first guess by Newton's method on the logarithm of the mass from w outwards, on which nothing cancels. The
    guess is the normal quantile function's; for |c| > 10, where that has no digits left, the w beyond which the
    density has fallen as far as the mass should.
    """
    dtype = np.result_type(c.dtype, left.dtype, right.dtype, p.dtype)
    c, left, right, p = expand(c, left, right, p)
    xp = array_module(c)
    with np.errstate(all="ignore"):
        side = xp.where((c > 0) | ((c == 0) & (right > left)), 1.0, -1.0)  # on which most of the interval is
        share = xp.where(side > 0, 1 - p, p)  # of the mass that is beyond w on that side
        near, far = xp.where(side > 0, c - left, c + right), xp.where(side > 0, c + right, c - left)
        near, far = ndtr(-side * near), ndtr(-side * far)
        ordinary = -side * ndtri(far + share * (near - far)) - c
        size, width = xp.abs(c), left + right
        fallen = -xp.log(share + (1 - share) * xp.exp(-width * (size + 0.5 * width)))
        steep = side * 2 * fallen / (size + xp.sqrt(size * size + 2 * fallen))
        w = xp.where(size > 10, steep, ordinary)
        mass = normal_piece(c, right, 0) - normal_piece(c, -left, 0)
        for _ in range(3):
            w = xp.clip(w, -left, right)
            upper = c + w > 0
            beyond = normal_piece(c + w, xp.where(upper, right - w, -(w + left)), 0)
            ratio = xp.where(upper, 1 - p, p) * mass / xp.abs(beyond)
            w = xp.where(ratio < np.inf, w - beyond * (xp.log(ratio) + w * (c + 0.5 * w)), w)
        w = xp.where(p == 0, -left, xp.where(p == 1, right, xp.clip(w, -left, right)))
        return xp.where((p >= 0) & (p <= 1), w, np.nan).astype(dtype)
