"""What layers hold their arguments against."""

import math

import numpy as np

from ..autograd import Tensor


def extent(name: str, value) -> int:
    """`value` if it is a positive integer; TypeError or ValueError otherwise."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected a positive integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value}")
    return int(value)


def positive(name: str, value) -> float:
    """`value` if it is a finite number above 0; TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: expected a number above 0, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: expected a number above 0, got {value}")
    return value


def features(layer: str, x, n: int, dtype):
    """x, integers made numbers of `dtype`, if its last axis has extent `n`; TypeError or ValueError otherwise."""
    shape = getattr(x, "shape", None)
    if shape is None:
        raise TypeError(f"{layer} input: expected a Tensor or an array, got {type(x).__name__}")
    if not shape or shape[-1] != n:
        raise ValueError(f"{layer} input: expected shape (..., {n}), got {shape}")
    if x.dtype.kind in "biu":  # int64 with float32 would make float64
        return (x.data if isinstance(x, Tensor) else x).astype(dtype)
    return x
