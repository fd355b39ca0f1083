"""What a constant column is: one rule for everything that divides by a column's spread."""

import numpy as np


def constant_columns(loc, scale, n: int, dtype=np.float64) -> np.ndarray:
    """Which columns are constant, a boolean array: those whose spread is what rounding makes of one number.

    `loc` and `scale` are the means and standard deviations of columns of `n` numbers of `dtype`, both computed in
    float64. A column counts as constant if its standard deviation is at most n·ε times the size of its mean (the
    rounding of a plain sum of n equal numbers), or one unit in the last place of its dtype. The rule does not depend on
    the column's unit.
    """
    rounding = max(n * np.finfo(np.float64).eps, np.finfo(dtype).eps)
    return np.asarray(scale) <= rounding * np.abs(loc)
