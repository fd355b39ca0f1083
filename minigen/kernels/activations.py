"""Sigmoid and softplus without overflow: both are written with exp(-|x|), which is at most 1."""

from ..arrays import array_module


def sigmoid(x):
    """1 / (1 + exp(-x)), with full relative accuracy in both tails."""
    xp = array_module(x)
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1, small) / (1 + small)


def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    xp = array_module(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))
