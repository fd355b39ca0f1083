"""Means and standard deviations of columns, in which values may be missing."""

import numpy as np

from ....arrays.columns import constant_columns


def column_moments(rows, observed=None):
    """The mean and the standard deviation of the observed values of each column, `(D,)`, of rows `(n, D)`.

    Columns that are constant but for rounding have a deviation of exactly 0. Raises ValueError for a column that is
    observed nowhere, and for numbers whose squares are infinite.
    """
    present = np.ones(rows.shape) if observed is None else observed.astype(np.float64)
    counts = present.sum(axis=0)
    if not counts.all():
        raise ValueError(f"x: column {int(np.argmin(counts))} (from 0) is observed in no example")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (rows * present).sum(axis=0) / counts
        deviation = np.sqrt((((rows - mean) * present) ** 2).sum(axis=0) / counts)
    if not np.isfinite(deviation).all():
        raise ValueError("x: the numbers are too large to have a variance in float64")
    return mean, np.where(constant_columns(mean, deviation, len(rows)), 0.0, deviation)
