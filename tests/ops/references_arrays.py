"""References of the ops that reduce, rearrange and index arrays; see `references`."""

from __future__ import annotations

import numpy as np
from scipy import special

from ops.references import REFERENCES, reference

REFERENCES.update({
    "sum": np.sum,
    "mean": np.mean,
    "var": np.var,
    "max": np.amax,
    "min": np.amin,
    "logsumexp": lambda x, axis, keepdims: np.log(np.exp(x).sum(axis=axis, keepdims=keepdims)),
    "softmax": lambda x, axis: special.softmax(x, axis=axis) if x.size else x,
    "log_softmax": lambda x, axis: special.log_softmax(x, axis=axis) if x.size else x,
    "cumsum": lambda x, axis: np.add.accumulate(x, axis),
    "norm": lambda x, axis, keepdims: np.hypot.reduce(x, axis=axis, keepdims=keepdims) if x.ndim else np.abs(x),
    "reshape": np.reshape,
    "transpose": np.transpose,
    "broadcast_to": lambda x, shape: x + np.zeros(shape, x.dtype),
    "pad": lambda x, widths, value: np.pad(x, widths, mode="constant", constant_values=value),
    "stack": np.stack,
    "getitem": lambda x, index: np.array(x)[index],
    "take": np.take,
    "take_along_axis": np.take_along_axis,
    "split": lambda x, sections, axis: tuple(np.split(x, sections, axis=axis)),
})


@reference("concatenate")
def _(arrays, axis):
    return np.concatenate([x.ravel() for x in arrays]) if axis is None else np.concatenate(arrays, axis)


@reference("flip")
def _(x, axis):
    axes = range(x.ndim) if axis is None else {a % x.ndim for a in np.atleast_1d(axis)}
    return x[tuple(slice(None, None, -1 if a in axes else None) for a in range(x.ndim))].copy()


@reference("scatter")
def _(values, index, shape):
    positions = np.arange(np.prod(shape)).reshape(shape)[index]
    sums = np.zeros(np.prod(shape), values.dtype)
    for position, value in zip(positions.ravel(), values.ravel(), strict=True):
        sums[position] += value
    return sums.reshape(shape)
