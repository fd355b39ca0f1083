"""The norm of all gradients together, and its limit."""

from .. import kernels
from ..arrays import array_module
from ..arrays.checks import positive_number
from .buffer import ParameterGroup


def global_norm(gradients):
    """Euclidean norm of all gradients as one vector, as a 0-d array, on their device.

    `gradients` is a buffer or a group of one (its gathered gradients), or a list of arrays.
    """
    arrays = [array.reshape(-1) for array in _arrays(gradients)]
    return array_module(*arrays).asarray(kernels.global_norm(*arrays))


def clip_by_global_norm(gradients, max_norm: float):
    """Scale gradients in place so that their global norm is at most `max_norm`; returns the norm before.

    All are multiplied by max_norm / norm if norm > max_norm (Pascanu et al., 2013). Where the norm is not finite
    nothing is changed: the caller sees it and skips the step.
    """
    norm = global_norm(gradients)
    scale = clip_scale(norm, max_norm)
    for array in _arrays(gradients):
        array *= scale.astype(array.dtype)
    return norm


def clip_scale(norm, max_norm: float):
    """The factor that clips gradients of this global norm, a 0-d array: what an optimiser's step takes as `scale`."""
    max_norm = positive_number("max_norm", max_norm)
    xp = array_module(norm)
    inside = ~(norm > max_norm) | ~xp.isfinite(norm)
    return xp.asarray(xp.where(inside, 1.0, max_norm / xp.where(inside, 1.0, norm)))


def _arrays(gradients):
    if isinstance(gradients, ParameterGroup):
        return [segment.gradient for segment in gradients.segments]
    arrays = list(gradients)
    if not arrays:
        raise ValueError("gradients: expected at least one array, got none")
    return arrays
