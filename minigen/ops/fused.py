"""Ops that one kernel computes whole, each beside the same function in elementary ops."""

import numpy as np

from .. import kernels
from ..autograd.primitive import primitive
from .activations import softplus
from .elementwise import sqrt


@primitive(residuals=("gain", "normalised", "scale"), byproducts=("normalised", "scale"))
def layer_norm(x, gain, bias, /, eps=1e-5):
    """(x - mean) / √(variance + eps)·gain + bias, mean and variance over the last axis (Ba et al., 2016)."""
    return kernels.layer_norm(x, gain, bias, eps)


@layer_norm.defvjp
def _(g, residuals, needed):
    gain, normalised, scale = residuals
    return (kernels.layer_norm_vjp(g, gain, normalised, scale) if needed[0] else None,
            g * normalised if needed[1] else None, g)


@layer_norm.defcomposite
def _(x, gain, bias, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps) * gain + bias


@primitive(residuals=("x", "logits"))
def bernoulli_log_prob(x, logits, /):
    """log p(x) in nats where each p(xᵢ = 1) = sigmoid(lᵢ): Σ x·l - log(1 + exp(l)) over the last axis."""
    return kernels.bernoulli_log_prob(x, logits)


@bernoulli_log_prob.defvjp
def _(g, residuals, needed):
    x, logits = residuals
    gx = None
    if needed[0]:
        gx = g[..., None] * logits
        if np.ndim(x) and gx.shape[-1] != x.shape[-1] != 1:  # one logit for a whole row of x
            gx = gx.repeat(x.shape[-1], axis=-1)
    return gx, kernels.bernoulli_log_prob_vjp(g, x, logits) if needed[1] else None


@bernoulli_log_prob.defcomposite
def _(x, logits):
    return (x * logits - softplus(logits)).sum(axis=-1)
