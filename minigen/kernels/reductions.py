"""Sums of exponentials, shifted by the largest element so that they cannot overflow."""

from ..arrays import array_module


def _shift(x, axis, xp):
    """The largest element along `axis`, kept, and 0 where it is infinite (inf - inf would be NaN)."""
    if x.size == 0:
        return xp.zeros(x.sum(axis=axis, keepdims=True).shape, x.dtype)
    largest = x.max(axis=axis, keepdims=True)
    return xp.where(xp.isfinite(largest), largest, 0)


def logsumexp(x, axis=None, keepdims=False):
    """log Σ exp(x) over `axis`; -inf for no elements, or where every element is -inf."""
    xp = array_module(x)
    shift = _shift(x, axis, xp)
    total = xp.exp(x - shift).sum(axis=axis, keepdims=True)
    positive = total > 0
    result = xp.where(positive, xp.log(xp.where(positive, total, 1)), -float("inf")) + shift
    return result if keepdims else result.reshape(x.sum(axis=axis).shape)


def log_softmax(x, axis=-1):
    """x - log Σ exp(x) along `axis`, the shift taken off both terms so that large x keep their digits."""
    xp = array_module(x)
    shifted = x - _shift(x, axis, xp)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


def softmax(x, axis=-1):
    """exp(x) / Σ exp(x) along `axis`."""
    xp = array_module(x)
    weights = xp.exp(x - _shift(x, axis, xp))
    return weights / weights.sum(axis=axis, keepdims=True)
