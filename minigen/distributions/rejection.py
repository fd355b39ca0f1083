"""Samplers by rejection: all samples are proposed at once, and those that are rejected are proposed again."""

import math

import numpy as np

from ..arrays import array_module


def log_gamma_samples(concentration, shape, rng):
    """log z for z from Gamma(concentration, 1), in float64; `concentration` broadcasts to `shape`.

    Marsaglia and Tsang, "A simple method for generating gamma variables" (2000): d v with v = (1 + z/√(9d))³, z normal
    and d = a - 1/3, accepted with probability exp(½ z² + d - d v + d log v). Below a = 1, a sample for a + 1 times
    u^(1/a), u uniform (their section 6); its logarithm is finite even if the product is too small for a float.
    """
    xp = array_module(concentration)
    a = xp.broadcast_to(concentration, shape).reshape(-1)
    small = a < 1
    d = xp.where(small, a + 1, a) - 1 / 3
    samples = xp.empty(d.shape, np.float64)
    missing = xp.arange(d.size)
    while missing.size:
        size = d[missing]
        z = rng.standard_normal(missing.size, np.float64, xp)
        cube_root = 1 + z / xp.sqrt(9 * size)
        log_v = 3 * xp.log(xp.maximum(cube_root, 1e-300))
        bound = 0.5 * z * z + size * (1 - cube_root**3 + log_v)
        # neither holds for NaN, so that NaN parameters do not loop for ever
        rejected = (cube_root <= 0) | (-rng.exponential(missing.size, np.float64, xp) >= bound)
        samples[missing] = xp.log(size) + log_v
        missing = missing[rejected]
    if small.any():
        samples = samples - xp.where(small, rng.exponential(d.size, np.float64, xp) / a, 0.0)
    return samples.reshape(shape)


def von_mises_samples(concentration, shape, rng):
    """Angles from -π to π of the von Mises distribution about 0, in float64; `concentration` broadcasts to `shape`.

    Best and Fisher, "Efficient simulation of the von Mises distribution" (1979): an angle θ from a wrapped Cauchy
    distribution, by cos θ = (1 + r c)/(r + c) with c the cosine of a uniform angle, is accepted with probability
    t exp(1 - t), t = κ (r - cos θ). Written in r - 1, 1 - c and 1 - cos θ, which keep their digits for large κ.
    """
    xp = array_module(concentration)
    k = xp.maximum(xp.broadcast_to(concentration, shape).reshape(-1), 1e-150)
    root = xp.sqrt(1 + 4 * k * k)
    tau = 1 + root
    rho = 2 * k * xp.sqrt(tau) / ((xp.sqrt(tau) + math.sqrt(2)) * tau)
    excess = (1 - rho) ** 2 / (2 * rho)  # r - 1
    samples = xp.empty(k.shape, np.float64)
    missing = xp.arange(k.size)
    while missing.size:
        half = 0.5 * math.pi * rng.random(missing.size, np.float64, xp)
        r, below = excess[missing], 2 * xp.sin(half) ** 2  # 1 - c
        fall = r * below / (r + 2 * xp.cos(half) ** 2)  # 1 - cos θ
        t = k[missing] * (r + fall)
        rejected = xp.log(t) + 1 - t < -rng.exponential(missing.size, np.float64, xp)
        samples[missing] = 2 * xp.arcsin(xp.sqrt(xp.minimum(0.5 * fall, 1)))
        missing = missing[rejected]
    sign = 2 * rng.bernoulli(0.5, (k.size,), np.float64, xp) - 1
    return (sign * samples).reshape(shape)
