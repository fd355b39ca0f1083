"""Integrals without a closed form, by one Gauss-Legendre rule over the stretch that matters.

All are of functions exp(f(t)) p(t) that are largest at the start, t = 0, and fall off like an exponential or a
normal density: the rule reaches to where exp(f) is exp(-40). Its points are closer together near the start, where a
function may bend on a shorter scale than it falls off on. Results have a relative error of about 1e-12, at worst
1e-9, in every tail too, as nothing is subtracted from anything; they are computed in float64 whatever the dtype. Each
family is closed under differentiation, which is what makes it worth having: a derivative is a member of the same
family with a further factor in p.
"""

import math

import numpy as np

from ..arrays import array_module
from . import special
from .special import expand

DEPTH = 40.0  # exp(-40) is 4e-18
BLOCK = 2**11  # elements at a time, times 48 nodes: a few arrays of 1 MB

_nodes, _weights = np.polynomial.legendre.leggauss(48)
NODES = (0.5 * (1 + _nodes)) ** 3  # v = u³ with u on [0, 1], so dv = 3u² du
WEIGHTS = 0.375 * _weights * (1 + _nodes) ** 2


def integrate(integrand, reach, *parameters):
    """∫₀^reach integrand(t, *parameters) dt for each element of arrays of one shape; the integrand broadcasts."""
    xp = array_module(reach)
    nodes, weights = xp.asarray(NODES), xp.asarray(WEIGHTS)
    flat = [array.reshape(-1, 1) for array in (reach, *parameters)]
    parts = []
    for start in range(0, max(reach.size, 1), BLOCK):
        extent, *some = (array[start : start + BLOCK] for array in flat)
        parts.append((integrand(extent * nodes, *some) @ weights) * extent[:, 0])
    return xp.concatenate(parts).reshape(reach.shape)


def fall(exponent, slope, start):
    """Where a concave exponent that is 0 at 0 has fallen to about -DEPTH, from a guess.

    By Newton's method on the logarithm of its fall as a function of log t, which is straight for every power of t.
    """
    t = start
    for _ in range(5):
        value = exponent(t)
        t = t * (DEPTH / -value) ** (value / (t * slope(t)))
    return t


def normal_piece(c, w, order):
    """∫₀ʷ exp(-c t - ½ t²) tⁿ dt, for c of the sign of w or 0: a piece of a normal density from t = 0 outwards."""
    dtype, (c, w) = np.result_type(c.dtype, w.dtype), expand(c, w)
    xp = array_module(c)
    sign = xp.where(w < 0, -1.0, 1.0)
    slope = xp.abs(c)
    reach = xp.minimum(xp.abs(w), 2 * DEPTH / (slope + xp.sqrt(slope * slope + 2 * DEPTH)))

    def integrand(t, c):
        return xp.exp(-t * (c + 0.5 * t)) * t**order

    return (sign ** (order + 1) * integrate(integrand, reach, sign * c)).astype(dtype)


def cosine_tail(concentration, start, order):
    """∫ₛ^π exp(κ (cos t - cos s)) (cos t - 1)ⁿ dt, for κ ≥ 0 and 0 ≤ s ≤ π."""
    dtype = np.result_type(concentration.dtype, start.dtype)
    k, s = expand(concentration, start)
    xp = array_module(k)
    with np.errstate(divide="ignore"):
        end = 2 * xp.arcsin(xp.sqrt(xp.minimum(1.0, xp.sin(0.5 * s) ** 2 + 0.5 * DEPTH / k)))

    def integrand(t, k, s):  # cos(s + t) - cos s as a product, which does not cancel
        return xp.exp(-2 * k * xp.sin(s + 0.5 * t) * xp.sin(0.5 * t)) * (-2 * xp.sin(0.5 * (s + t)) ** 2) ** order

    return integrate(integrand, end - s, k, s).astype(dtype)


def gamma_score(concentration, log_x, order):
    """∫₋∞ˢ ∂ⁿg(t)/∂aⁿ dt / g(s), n ≥ 1, for g the density of the logarithm of a Gamma(a) variable.

    g(t) = exp(a t - eᵗ) / Γ(a). The integral over all t is 0, so that beyond the mode the other tail is as good.
    """
    dtype = np.result_type(concentration.dtype, log_x.dtype)
    a, s = expand(concentration, log_x)
    xp = array_module(a)
    x = xp.exp(s)
    side = xp.where(x > a, 1.0, -1.0)
    moments = [special.polygamma(a, k) for k in range(order)]

    def exponent(t, a=a, x=x, side=side):
        return a * (side * t) - x * xp.expm1(side * t)

    def integrand(t, a, s, x, side, *moments):
        score = score_polynomial(order, 0, lambda i, j: s + side * t - moments[0] if i == 1 else -moments[i - 1])
        return score * xp.exp(exponent(t, a, x, side))

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        guess = xp.minimum(xp.sqrt(2 * DEPTH / x), xp.where(side > 0, xp.log1p(DEPTH / x), DEPTH / a + 1))
        reach = fall(exponent, lambda t: side * (a - x * xp.exp(side * t)), guess)
        return (-side * integrate(integrand, reach, a, s, x, side, *moments)).astype(dtype)


def beta_score(a, b, logit, m, n):
    """∫₋∞ˢ ∂ᵐ⁺ⁿg(t)/∂aᵐ∂bⁿ dt / g(s), m + n ≥ 1, for g the density of the logit of a Beta(a, b) variable.

    g(t) = σ(t)ᵃ σ(-t)ᵇ / B(a, b), with σ the logistic function.
    """
    dtype, (a, b, s) = np.result_type(a.dtype, b.dtype, logit.dtype), expand(a, b, logit)
    xp = array_module(a)
    side = xp.where(a * sigmoid(-s) < b * sigmoid(s), 1.0, -1.0)
    # Outwards from s, on either side: t steps away exp(-outer·t) (1 - p (1 - e⁻ᵗ))^-(a + b), p = σ(-side·s)
    outer, p, total = xp.where(side > 0, b, a), sigmoid(-side * s), a + b
    rank = m + n
    moments = [[special.polygamma(y, k) for k in range(rank)] for y in (a, b, total)]

    def exponent(t, outer=outer, p=p, total=total):
        return -outer * t - total * xp.log1p(p * xp.expm1(-t))

    def slope(t):
        decayed = p * xp.exp(-t)
        return -outer + total * decayed / (1 - p + decayed)

    def integrand(t, s, side, outer, p, total, *moments):
        here = s + side * t
        of_a, of_b, of_total = moments[:rank], moments[rank : 2 * rank], moments[2 * rank :]

        def cumulant(i, j):
            value = of_total[i + j - 1]
            value = value - of_a[i - 1] if j == 0 else value - of_b[j - 1] if i == 0 else value
            if i + j > 1:
                return value
            return value - xp.logaddexp(0.0, -here if i else here)

        return score_polynomial(m, n, cumulant) * xp.exp(exponent(t, outer, p, total))

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        reach = fall(exponent, slope, xp.minimum(xp.sqrt(2 * DEPTH / (total * p * (1 - p))), DEPTH / outer + 1))
        flat = [values for row in moments for values in row]
        return (-side * integrate(integrand, reach, s, side, outer, p, total, *flat)).astype(dtype)


def score_polynomial(m, n, cumulant):
    """∂ᵐ⁺ⁿf/∂aᵐ∂bⁿ / f, where cumulant(i, j) is ∂ⁱ⁺ʲ log f/∂aⁱ∂bʲ: a complete Bell polynomial, by its recursion."""
    if m == 0:
        return score_polynomial(n, 0, lambda i, j: cumulant(j, i)) if n else 1.0
    return sum(math.comb(m - 1, i) * math.comb(n, j) * cumulant(i + 1, j) * score_polynomial(m - 1 - i, n - j, cumulant)
               for i in range(m) for j in range(n + 1))


def sigmoid(x):
    """1 / (1 + exp(-x)), exact where it is small."""
    xp = array_module(x)
    small = xp.exp(-xp.abs(x))
    return xp.where(x > 0, 1.0, small) / (1 + small)
