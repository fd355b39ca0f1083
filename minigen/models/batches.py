"""Examples as a model takes them: their shape, and values in their range."""

import numpy as np

from ..arrays import array_module
from ..autograd import Tensor, raw
from ..protocols import DataSpec


def check_batch(x, spec: DataSpec, name: str = "x"):
    """A batch of examples (array or Tensor), `(batch, *spec.shape)`, at least one.

    Raises ValueError for another shape, for binary values other than 0 and 1, and for discrete values other than the
    integers 0 … levels - 1. Values on a GPU are not looked at: that would wait for it.
    """
    x = x if isinstance(x, Tensor) or hasattr(x, "dtype") else Tensor(x).data
    if x.shape[1:] != spec.shape or not x.shape:
        raise ValueError(f"{name}: expected shape (batch, {', '.join(map(str, spec.shape))}), got {x.shape}")
    if len(x) == 0:
        raise ValueError(f"{name}: expected at least one example, got shape {x.shape}")
    values = raw(x)
    if array_module(values) is np:
        if spec.kind == "binary" and not ((values == 0) | (values == 1)).all():
            raise ValueError(f"{name}: expected binary data, values 0 and 1")
        if spec.kind == "discrete" and not are_levels(values, spec.levels):
            raise ValueError(f"{name}: expected integers from 0 to {spec.levels - 1}, "
                             f"got {values.dtype} values from {values.min()} to {values.max()}")
    return x


def are_levels(values, levels: int) -> bool:
    """Whether all numbers of an array (at least one, any dtype) are integers 0 … levels - 1."""
    whole = values.dtype.kind in "iub" or (values == np.floor(values)).all()
    return bool(whole and values.min() >= 0 and values.max() < levels)
