"""Layer normalisation over the last axis, with its gradient (Ba, Kiros and Hinton, 2016)."""

from ..arrays import array_module


def layer_norm(x, gain, bias, eps):
    """(x - mean) / √(variance + eps)·gain + bias, the normalised x, and 1 / √(variance + eps)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    scale = 1 / array_module(x).sqrt(variance + eps)
    normalised = centred * scale
    return normalised * gain + bias, normalised, scale


def layer_norm_vjp(g, gain, normalised, scale):
    """The cotangent of x.

    With h = g·gain: (h - mean(h) - normalised·mean(h·normalised))·scale, the projection of h away from the constant
    vector and from the normalised one, since normalisation takes out the mean and the length.
    """
    h = g * gain
    along = (h * normalised).mean(axis=-1, keepdims=True)
    return (h - h.mean(axis=-1, keepdims=True) - normalised * along) * scale
