"""Kernels that depend on a distance alone: their normalisation, spread, and samples, in any number of dimensions.

A kernel density p(u) = K(|u|) / Z on R^d has, with moments M(q) = ∫₀^∞ r^(q-1) K(r) dr and V_d the unit ball's volume,

    Z = d·V_d·M(d)        V_d = π^(d/2) / Γ(d/2 + 1)        variance of a coordinate = M(d + 2) / (d·M(d))

and a sample of it is a uniform direction times a radius with density r^(d-1) K(r) / M(d).

    gaussian      exp(-r²/2)      tophat        1            epanechnikov  1 - r²
    exponential   exp(-r)         linear        1 - r        cosine        cos(πr/2)         (the last four: for r < 1)

Silverman, "Density Estimation for Statistics and Data Analysis", 1986, section 4.2.
"""

import math

import numpy as np

from ....kernels.kernel_density import SHAPES as SHAPES


def log_moment(shape, q):
    """log ∫₀^∞ r^(q-1) K(r) dr for q > 0."""
    if shape == "gaussian":
        return (q / 2 - 1) * math.log(2) + math.lgamma(q / 2)
    if shape == "exponential":
        return math.lgamma(q)
    if shape == "cosine":  # its power series, term by term
        terms = [(-1) ** k * (math.pi / 2) ** (2 * k) / (math.factorial(2 * k) * (q + 2 * k)) for k in range(16)]
        return math.log(math.fsum(terms))
    return math.log({"tophat": 1 / q, "epanechnikov": 2 / (q * (q + 2)), "linear": 1 / (q * (q + 1))}[shape])


def log_normaliser(shape, d):
    """log Z, with ∫ K(|u|) du = Z over R^d."""
    return math.log(d) + d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1) + log_moment(shape, d)


def deviation(shape, d):
    """The standard deviation of each coordinate under the kernel."""
    return math.exp((log_moment(shape, d + 2) - log_moment(shape, d)) / 2) / math.sqrt(d)


def sample(shape, n, d, rng):
    """`n` exact samples of the kernel, float64 `(n, d)`."""
    noise = rng.standard_normal((n, d), np.float64)
    if shape == "gaussian":
        return noise
    lengths = np.sqrt((noise * noise).sum(axis=1))
    return noise * (_radius(shape, n, d, rng) / lengths)[:, None]


def _radius(shape, n, d, rng):
    """Random numbers with density proportional to r^(d-1) K(r).

    u^(1/a) with u uniform has density a·r^(a-1), that of Beta(a, 1), and the product of a Beta(a, 1) and a
    Beta(a + 1, 1) is a Beta(a, 2), with density proportional to r^(a-1)·(1 - r).
    """
    if shape == "exponential":  # Gamma(d): the sum of d exponential waiting times
        return rng.exponential((n, d), np.float64).sum(axis=1)
    first = rng.random(n, np.float64) ** (1 / d)
    if shape == "tophat":
        return first
    if shape == "epanechnikov":  # r² is Beta(d/2, 2)
        return first * rng.random(n, np.float64) ** (1 / (d + 2))
    r = first * rng.random(n, np.float64) ** (1 / (d + 1))
    if shape == "linear":
        return r
    # cos(πr/2) = sin(π(1-r)/2) is at most (1-r)·π/2: rejection from the linear kernel
    gap = 1 - r
    rejected = np.flatnonzero(rng.random(n, np.float64) * (math.pi / 2) * gap >= np.sin(math.pi / 2 * gap))
    if len(rejected):
        r[rejected] = _radius(shape, len(rejected), d, rng)
    return r
