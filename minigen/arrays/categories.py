"""Random categories by inversion, for array code.

The category is the number of cumulative weights up to u times their total, u uniform in [0, 1). A category of weight
0 never comes, and the last cumulative weight is never reached: u is at most 1 - 2^-53, and u times a number rounds to
less than the number. Weights need not sum to 1.
"""

import numpy as np


def categories(weights, n: int, rng) -> np.ndarray:
    """`n` int64 indices into `weights`, a vector, each with probability proportional to its weight."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    return np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")


def category_of_rows(weights, rng) -> np.ndarray:
    """One int64 index for each row of `weights`, `(n, categories)`, with probability proportional to the row."""
    return category_by_cumulative(np.cumsum(weights, axis=1, dtype=np.float64), rng)


def category_by_cumulative(cumulative, rng) -> np.ndarray:
    """`category_of_rows` by cumulative weights `(n, categories)`, for callers that sum them once and use them often."""
    return (cumulative <= (rng.random(len(cumulative)) * cumulative[:, -1])[:, None]).sum(axis=1)
