"""Examples as images: which are, and their values between black and white."""

import math

import numpy as np


def is_image(spec):
    """Whether an example can be drawn: (height, width, 1 or 3), or a vector of a square number of at least 64."""
    if not isinstance(spec.kind, str):
        return False
    if len(spec.shape) == 1:
        return spec.dimensions >= 64 and math.isqrt(spec.dimensions) ** 2 == spec.dimensions
    return len(spec.shape) == 3 and spec.shape[2] in (1, 3)


def is_planar(spec):
    """Whether an example is a point in the plane: two continuous numbers."""
    kinds = spec.kind if isinstance(spec.kind, tuple) else (spec.kind,)
    return spec.dimensions == 2 and set(kinds) == {"continuous"}


def to_images(x, spec):
    """Examples as values in [0, 1]: divided by levels - 1 if discrete, stretched to their range if continuous."""
    x = np.asarray(x, np.float64)
    if spec.kind == "discrete":
        return x / (spec.levels - 1)
    if spec.kind == "continuous":
        low, high = x.min(), x.max()
        return (x - low) / (high - low if high > low else 1.0)
    return x
