"""Starting values for weights: functions `(shape, rng, dtype) -> array`.

A weight has shape `(..., inputs, outputs)`, the leading axes being a convolution's taps. The scale is chosen so
that a layer keeps the variance of what passes through it: forward (He), or forward and backward in the mean
(Glorot). `gain` multiplies the standard deviation.
"""

import math

import numpy as np

from ..arrays import as_dtype, as_generator

SQRT2 = math.sqrt(2)


def glorot_uniform(shape, rng, dtype="float32", gain=1.0):
    """Uniform with variance 2·gain² / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return _uniform(shape, rng, dtype, _glorot(shape, gain))


def glorot_normal(shape, rng, dtype="float32", gain=1.0):
    """Normal with variance 2·gain² / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return _normal(shape, rng, dtype, _glorot(shape, gain))


def he_uniform(shape, rng, dtype="float32", gain=SQRT2):
    """Uniform with variance gain² / fan_in, by default for ReLU, which halves the power (He et al., 2015)."""
    return _uniform(shape, rng, dtype, _he(shape, gain))


def he_normal(shape, rng, dtype="float32", gain=SQRT2):
    """Normal with variance gain² / fan_in, by default for ReLU, which halves the power (He et al., 2015)."""
    return _normal(shape, rng, dtype, _he(shape, gain))


def orthogonal(shape, rng, dtype="float32", gain=1.0):
    """`gain` times a random matrix with orthonormal columns (rows, if it has more columns than rows).

    Every such matrix is equally likely; leading axes count as rows (Saxe et al., 2014).
    """
    _fans(shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    normal = as_generator(rng).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)  # QR with a positive diagonal is unique, hence q uniform
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(as_dtype(dtype), order="C")


def zeros(shape, rng=None, dtype="float32"):
    """All zeros; `rng` is not used."""
    return np.zeros(shape, as_dtype(dtype))


def _fans(shape):
    """How many inputs meet in one output, and how many outputs one input reaches."""
    if len(shape) < 2:
        raise ValueError(f"shape: expected a weight's (..., inputs, outputs), got {tuple(shape)}")
    taps = math.prod(shape[:-2])
    return taps * shape[-2], taps * shape[-1]


def _glorot(shape, gain):
    fan_in, fan_out = _fans(shape)
    return gain * math.sqrt(2 / max(fan_in + fan_out, 1))


def _he(shape, gain):
    return gain / math.sqrt(max(_fans(shape)[0], 1))


def _uniform(shape, rng, dtype, deviation):
    limit = deviation * math.sqrt(3)  # the variance of a uniform variable on (-a, a) is a²/3
    return as_generator(rng).uniform(-limit, limit, shape, as_dtype(dtype))


def _normal(shape, rng, dtype, deviation):
    values = as_generator(rng).standard_normal(shape, as_dtype(dtype))
    values *= deviation
    return values
