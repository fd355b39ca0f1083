"""Checks of the arguments that layers take."""

from ..autograd import Tensor


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
