"""Checks of the arguments that layers take."""

import math

import numpy as np

from ..autograd import Tensor


def extent(name: str, value) -> int:
    """The value as an int. Raises TypeError if it is not an integer, and ValueError if it is below 1."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected a positive integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value}")
    return int(value)


def positive(name: str, value) -> float:
    """The value. Raises TypeError if it is not a number, and ValueError if it is not above 0 and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: expected a number above 0, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: expected a number above 0, got {value}")
    return value


def features(layer: str, x, n: int, dtype):
    """x, with integers made numbers of `dtype`.

    Raises TypeError if x is not an array, and ValueError if its last axis does not have extent `n`.
    """
    shape = getattr(x, "shape", None)
    if shape is None:
        raise TypeError(f"{layer} input: expected a Tensor or an array, got {type(x).__name__}")
    if not shape or shape[-1] != n:
        raise ValueError(f"{layer} input: expected shape (..., {n}), got {shape}")
    if x.dtype.kind in "biu":  # int64 with float32 would make float64
        return (x.data if isinstance(x, Tensor) else x).astype(dtype)
    return x
