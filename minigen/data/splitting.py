"""Random splits that depend on a seed alone."""

import math

import numpy as np

from ..arrays import as_generator


def split_indices(n: int, fractions, seed) -> list[np.ndarray]:
    """Row numbers 0 to n - 1 in random order, cut into one int64 array for each of `fractions`.

    Array i ends at row round(n times the sum of fractions up to i), so sizes differ from their fractions by
    less than a row. `seed` is an integer or a generator. Raises ValueError unless all fractions are positive,
    sum to at most 1 and leave no array empty.
    """
    fractions = tuple(fractions)
    if not fractions or not all(fraction > 0 for fraction in fractions) or math.fsum(fractions) > 1 + 1e-9:
        raise ValueError(f"fractions: expected positive numbers that sum to at most 1, got {fractions}")
    ends = [min(n, round(n * math.fsum(fractions[: i + 1]))) for i in range(len(fractions))]
    starts = [0, *ends[:-1]]
    if not all(start < end for start, end in zip(starts, ends, strict=True)):
        raise ValueError(f"fractions: {n} rows are too few to split by the fractions {fractions}")
    order = as_generator(seed).permutation(n)
    return [order[start:end] for start, end in zip(starts, ends, strict=True)]


def split(x, fractions, seed) -> tuple:
    """The rows of `x`, split at random by `fractions`; arguments and errors as for `split_indices`."""
    x = np.asarray(x)
    if x.ndim == 0:
        raise ValueError("x: expected an array with rows, got a single number")
    return tuple(x[rows] for rows in split_indices(len(x), fractions, seed))
