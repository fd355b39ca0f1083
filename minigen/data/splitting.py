"""Random splits that depend on a seed alone."""

import math

import numpy as np

from ..arrays import as_generator


def split_indices(n: int, fractions, seed) -> list[np.ndarray]:
    """Row numbers 0 to n - 1 in random order, cut into parts of the given fractions (int64 arrays).

    Part i ends at row round(n times the sum of fractions up to i), so parts differ from their fractions by
    less than a row. `seed` is an integer or a generator. Raises ValueError unless all fractions are positive,
    sum to at most 1 and give each part a row.
    """
    fractions = tuple(fractions)
    if not fractions or not all(fraction > 0 for fraction in fractions) or math.fsum(fractions) > 1 + 1e-9:
        raise ValueError(f"fractions: expected positive numbers that sum to at most 1, got {fractions}")
    ends = [min(n, round(n * math.fsum(fractions[: i + 1]))) for i in range(len(fractions))]
    starts = [0, *ends[:-1]]
    if not all(start < end for start, end in zip(starts, ends, strict=True)):
        raise ValueError(f"fractions: {n} rows are too few to split into parts of {fractions}")
    order = as_generator(seed).permutation(n)
    return [order[start:end] for start, end in zip(starts, ends, strict=True)]


def split(x, fractions, seed) -> tuple:
    """The rows of `x` in random parts of the given fractions; arguments and errors as in `split_indices`."""
    x = np.asarray(x)
    if x.ndim == 0:
        raise ValueError("x: expected an array with rows, got a single number")
    return tuple(x[part] for part in split_indices(len(x), fractions, seed))
