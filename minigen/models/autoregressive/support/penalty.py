"""A penalty on the size of weights."""

from .... import ops


def penalty(strength: float, weights):
    """½·strength·Σ|W|² over the weights. Biases are left out, since they only say how frequent values are."""
    if strength == 0:
        return 0.0
    return 0.5 * strength * sum(ops.square(weight).sum() for weight in weights)
