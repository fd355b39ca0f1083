"""log Σ exp of NumPy arrays, for code that neither differentiates nor compiles (`minigen.ops` has the op)."""

import numpy as np


def logsumexp(values, axis: int = -1) -> np.ndarray:
    """log Σ exp(values) over one axis in float64 or the dtype of `values`; -inf where every term is -inf.

    The largest term is taken out first, so that nothing overflows.
    """
    largest = values.max(axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)  # inf - inf would be NaN
    with np.errstate(divide="ignore", over="ignore"):  # log 0, and exp beside a term of inf
        return np.log(np.exp(values - largest).sum(axis=axis)) + largest.squeeze(axis)
