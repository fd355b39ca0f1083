"""Means and standard deviations of columns, in which values may be missing."""

import numpy as np

CONSTANT = 1e-13  # a deviation so small beside the mean is rounding error


def column_moments(rows, mask=None):
    """The mean and the standard deviation of the observed values of each column, `(D,)`, of rows `(n, D)`.

    Columns that are constant but for rounding have a deviation of exactly 0. Raises ValueError for a column that is
    observed nowhere, and for numbers whose squares are infinite.
    """
    seen = np.ones(rows.shape) if mask is None else mask.astype(np.float64)
    counts = seen.sum(axis=0)
    if not counts.all():
        raise ValueError(f"x: column {int(np.argmin(counts))} (from 0) is observed in no example")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (rows * seen).sum(axis=0) / counts
        deviation = np.sqrt((((rows - mean) * seen) ** 2).sum(axis=0) / counts)
    if not np.isfinite(deviation).all():
        raise ValueError("x: the numbers are too large to have a variance in float64")
    return mean, np.where(deviation > CONSTANT * np.abs(mean), deviation, 0.0)
