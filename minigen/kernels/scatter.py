"""The adjoint of indexing: values added into zeros."""

import numpy as np

from ..arrays import array_module


def scatter(values, index, shape):
    """Zeros of `shape` with `values` added at `index`; where an index comes twice, both values are added."""
    xp = array_module(values)
    result = xp.zeros(shape, values.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(part is None or part is Ellipsis or isinstance(part, slice | int | np.integer) for part in parts):
        result[index] = values  # slices and integers name no element twice
    else:
        xp.add.at(result, index, values)
    return result
