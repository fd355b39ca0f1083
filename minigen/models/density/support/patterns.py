"""Examples in groups that have the same values observed."""

import numpy as np


def patterns(observed):
    """The different rows of a mask `(n, D)`: a list of pairs of row numbers and booleans `(D,)`, each pattern once."""
    kinds, kind_of_row = np.unique(observed, axis=0, return_inverse=True)
    kind_of_row = kind_of_row.reshape(-1)
    order = np.argsort(kind_of_row, kind="stable")
    counts = np.bincount(kind_of_row, minlength=len(kinds))
    ends = np.cumsum(counts)
    return [(order[end - count : end], kind) for kind, end, count in zip(kinds, ends, counts, strict=True)]
