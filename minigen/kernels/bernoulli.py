"""Bernoulli log-likelihood from logits, summed over the last axis."""

from ..arrays import array_module
from .activations import sigmoid, softplus


def bernoulli_log_prob(x, logits):
    """Σ x·l - log(1 + exp(l)) over the last axis: log p(x) where p(x = 1) = sigmoid(l)."""
    return (x * logits - softplus(logits)).sum(axis=-1)


def bernoulli_log_prob_vjp(g, x, logits):
    """The cotangent of the logits, g·(x - sigmoid(l))."""
    xp = array_module(logits)
    return xp.expand_dims(g, -1) * (x - sigmoid(logits))
