"""Mixtures as conditionals of real numbers and of pixels: their parameters in a network's output, and their density."""

import math

import numpy as np

from ... import ops
from ...distributions import DiscretizedLogisticMixture
from ...kernels.heads import LAPLACE_MIXTURE, LEAST_LOG_SCALE, NORMAL_MIXTURE, pixel_rows

HEADS = {"normal": NORMAL_MIXTURE, "laplace": LAPLACE_MIXTURE}
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def floored(parameters, floor):
    """Mixture parameters (logits, locations, log scales on the last axis) whose scales are at least `floor`.

    The log scale that a network says is bent to log(floor + exp(·)): columns with ties would otherwise be worth an
    unbounded likelihood.
    """
    logits, loc, log_scale = ops.split(parameters, 3, axis=-1)
    return ops.concatenate([logits, loc, ops.log(ops.exp(log_scale) + floor)], axis=-1)


def mixture_log_prob(x, parameters, family):
    """log Σ_c π_c p_c(x) of each x; parameters of shape `(*x.shape, 3·components)`, family "normal" or "laplace".

    p_c is N(x; loc, scale²) or exp(-|x - loc| / scale) / (2 scale).
    """
    logits, loc, log_scale = ops.split(parameters, 3, axis=-1)
    z = (x[..., None] - loc) * ops.exp(-log_scale)
    kernel = -0.5 * ops.square(z) - HALF_LOG_2PI if family == "normal" else -ops.abs(z) - math.log(2)
    return ops.logsumexp(ops.log_softmax(logits, -1) + kernel - log_scale, axis=-1)


def mixture_noise(rng, shape, family, dtype):
    """What the heads draw a value from: a uniform number for the component, and one for the value within it."""
    noise = np.empty((*shape, 2), dtype)
    noise[..., 0] = rng.random(shape, dtype)
    noise[..., 1] = rng.standard_normal(shape, dtype) if family == "normal" else rng.random(shape, dtype)
    return noise


def pixel_log_prob(x, parameters, components, levels):
    """log Σ_m w_m Π_c P(x_c; μ_c, s_c) of each pixel: x `(..., colours)`, of integers 0 … levels - 1, to `(...)`.

    P is the mass of a logistic distribution in a level's bin. Parameters are laid out as the head PIXEL has them (see
    `kernels.heads`): a colour's location is moved by tanh(coefficient) times each colour before it, scaled to [-1, 1]
    (Salimans et al., 2017, equation 3).
    """
    colours = x.shape[-1]
    rows = ops.reshape(parameters, (*x.shape[:-1], pixel_rows(colours), components))
    x = x.astype(parameters.dtype)
    scaled, log_mass, at = x * (2 / (levels - 1)) - 1, 0, 1
    for c in range(colours):
        loc, log_scale = rows[..., at, :], ops.maximum(rows[..., at + 1, :], LEAST_LOG_SCALE)
        for j in range(c):
            loc = loc + ops.tanh(rows[..., at + 2 + j, :]) * scaled[..., j, None]
        mixture = DiscretizedLogisticMixture(rows[..., 0, :], loc, log_scale, levels)
        log_mass = log_mass + mixture.component_log_prob(x[..., c])
        at += 2 + c
    return ops.logsumexp(ops.log_softmax(rows[..., 0, :], -1) + log_mass, -1)


def check_whole_pixels(observed):
    """ValueError if only some colours of a pixel are observed, `(…, colours)`."""
    if (observed != observed[..., :1]).any():
        raise ValueError("given: expected all colours of a pixel to be observed, or none: they share a component")
