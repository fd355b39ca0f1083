"""Do two sets of samples come from one distribution? Distances between samples, and permutation tests with them.

With a kernel k, independent X, X' ~ P and independent Y, Y' ~ Q,

    MMD²(P, Q) = E k(X, X') + E k(Y, Y') - 2 E k(X, Y)

is 0 only for P = Q if k is characteristic, as the Gaussian kernel is. The estimate is unbiased if the terms of a point
with itself are left out of the averages; it may then fall below 0. The energy distance is the same expression for
k(x, y) = -|x - y|.

If P = Q, all relabellings of the pooled rows are as likely as the labels themselves. So the rank of the statistic among
those of random relabellings gives an exact p-value, for any kernel.

Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test", 2012 (lemma 6 is the estimate);
Székely and Rizzo, "Energy statistics", 2013; Sejdinovic et al., "Equivalence of distance-based and RKHS-based
statistics", 2013; Zaremba, Gretton and Blaschko, "B-tests", 2013; Phipson and Smyth, "Permutation p-values should
never be zero", 2010.
"""

import math
from typing import NamedTuple

import numpy as np

from ..arrays import as_generator
from ..arrays.checks import integer
from .sample_rows import as_rows, centred, pieces, squared_distances

HEURISTIC_ROWS = 1000  # rows whose distances choose a bandwidth


class TwoSampleTest(NamedTuple):
    """A test of "both sets of samples have one distribution". A small p-value speaks against it.

    `statistic` is the unbiased estimate (MMD² or energy distance). `method` says how the p-value was computed.
    """

    statistic: float
    p_value: float
    method: str


def mmd_squared(x, y, bandwidth=None, unbiased=True):
    """The squared maximum mean discrepancy between samples x `(n, ...)` and y `(m, ...)`, a float.

    The kernel is exp(-|x - y|² / (2·bandwidth²)), or the mean of several for a sequence of bandwidths. The default
    bandwidth is the median distance between the pooled rows (of at most 1000 of them). `unbiased=False` keeps the terms
    of points with themselves: this is the squared distance between the empirical distributions, never negative.
    Raises ValueError for fewer than two examples, for shapes that do not fit, and for a bandwidth that is not positive.
    """
    x, y = _both(x, y)
    pooled = np.concatenate([x, y])
    kernel = gaussian_kernel(_median_distance(pooled) if bandwidth is None else bandwidth)
    return float(_statistic(pooled, kernel, len(x), unbiased=unbiased)[0])


def energy_distance(x, y, unbiased=True):
    """The energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| between samples x `(n, ...)` and y `(m, ...)`, a float.

    Of one-dimensional distributions it is 2·∫ (F - G)². Arguments and errors as for `mmd_squared`.
    """
    x, y = _both(x, y)
    return float(_statistic(np.concatenate([x, y]), energy_kernel, len(x), unbiased=unbiased)[0])


def mmd_test(x, y, rng, bandwidth=None, permutations=500):
    """Test equality of distribution by the maximum mean discrepancy: a TwoSampleTest.

    The p-value is exact, from `permutations` random relabellings: (1 + number as extreme) / (1 + permutations). With
    `permutations=None` it is asymptotic, for samples too large for n² kernel values. Then the rows are cut into about
    √n blocks, each of which gives an unbiased estimate. The statistic is the mean of these, and over its standard error
    it is nearly normal. Raises ValueError as `mmd_squared` does, and for fewer than 19 permutations.
    """
    x, y = _both(x, y)
    rng = as_generator(rng)
    pooled = np.concatenate([x, y])
    # rows are picked without regard to their labels, so that the kernel is the same function for every relabelling
    chosen = rng.permutation(len(pooled))[:HEURISTIC_ROWS]
    kernel = gaussian_kernel(_median_distance(pooled[chosen]) if bandwidth is None else bandwidth)
    if permutations is None:
        return _block_test(x, y, kernel, rng)
    return _permutation_test(pooled, kernel, len(x), rng, permutations)


def energy_test(x, y, rng, permutations=500):
    """Test equality of distribution by the energy distance: as `mmd_test`, without a bandwidth to choose."""
    x, y = _both(x, y)
    rng = as_generator(rng)
    if permutations is None:
        return _block_test(x, y, energy_kernel, rng)
    return _permutation_test(np.concatenate([x, y]), energy_kernel, len(x), rng, permutations)


def gaussian_kernel(bandwidth):
    """The function of squared distances mean_h exp(-d² / (2h²)) over one or several bandwidths h."""
    widths = np.atleast_1d(np.asarray(bandwidth, np.float64))
    if widths.ndim != 1 or widths.size == 0 or not (np.isfinite(widths) & (widths > 0)).all():
        raise ValueError(f"bandwidth: expected positive numbers, got {bandwidth!r}")

    def kernel(squares):
        return sum(np.exp(squares * (-0.5 / width**2)) for width in widths) / len(widths)

    return kernel


def energy_kernel(squares):
    """The function of squared distances -d."""
    return -np.sqrt(squares)


def _both(x, y):
    x = as_rows("x", x, least=2)
    y = as_rows("y", y, like=("x", x), least=2)
    return centred(x, y)


def _median_distance(rows):
    """The median distance between different rows. If they are all the same, any kernel will do, and it is 1."""
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), HEURISTIC_ROWS)).astype(int)]
    squares = squared_distances(rows, rows)[np.triu_indices(len(rows), 1)]
    squares = squares[squares > 0]
    return math.sqrt(np.median(squares)) if len(squares) else 1.0


def _statistic(pooled, kernel, n, members=None, unbiased=True):
    """The discrepancies of labellings, `(labellings,)`: `members` `(rows, labellings)` is true for a row of x.

    With a = members and K without its diagonal, aᵀKa, aᵀK1 and 1ᵀK1 give the sums within x, within y and between them.
    A triangle of K is visited once, a tile at a time, for all labellings.
    """
    if members is None:
        members = (np.arange(len(pooled)) < n)[:, None]
    m = len(pooled) - n
    within, from_x, total = 0.0, 0.0, 0.0
    blocks = pieces(len(pooled))
    for i, rows in enumerate(blocks):
        a = members[rows].astype(np.float64)
        for j, columns in enumerate(blocks[: i + 1]):
            b = a if i == j else members[columns].astype(np.float64)
            tile = kernel(squared_distances(pooled[rows], pooled[columns]))
            if i == j:
                np.fill_diagonal(tile, 0)
            factor = 1 if i == j else 2  # the tile above the diagonal is the transpose of one below
            within += factor * np.einsum("ip,ip->p", a, tile @ b)
            from_x += a.T @ tile.sum(axis=1) + (0 if i == j else b.T @ tile.sum(axis=0))
            total += factor * tile.sum()
    within_x, between, within_y = within, from_x - within, total - 2 * from_x + within
    if unbiased:
        return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m)
    itself = float(kernel(np.zeros(1))[0])
    return (within_x / n + itself) / n + (within_y / m + itself) / m - 2 * between / (n * m)


def _permutation_test(pooled, kernel, n, rng, permutations):
    integer("permutations", permutations, 19)
    members = np.zeros((len(pooled), permutations + 1), bool)
    members[:n, 0] = True
    for column in range(1, permutations + 1):
        members[rng.permutation(len(pooled))[:n], column] = True
    values = _statistic(pooled, kernel, n, members)
    # labellings that differ only in which of two equal rows they take differ by rounding, and count as equal
    slack = 1e-12 * np.abs(values).max()
    extreme = int((values[1:] >= values[0] - slack).sum())
    return TwoSampleTest(float(values[0]), (1 + extreme) / (1 + permutations), f"{permutations} permutations")


def _block_test(x, y, kernel, rng):
    n = min(len(x), len(y))
    size = max(2, math.isqrt(n))
    count = n // size
    if count < 10:
        raise ValueError(f"permutations: the asymptotic test needs at least 100 examples of each, got {n}; "
                         "give a number of permutations")
    x, y = x[rng.permutation(len(x))], y[rng.permutation(len(y))]
    values = np.empty(count)
    for block in range(count):
        rows = slice(block * size, (block + 1) * size)
        values[block] = _statistic(np.concatenate([x[rows], y[rows]]), kernel, size)[0]
    mean, error = values.mean(), values.std(ddof=1) / math.sqrt(count)
    score = mean / error if error > 0 else 0.0 if mean == 0 else math.copysign(math.inf, mean)
    return TwoSampleTest(float(mean), 0.5 * math.erfc(score / math.sqrt(2)), f"{count} blocks of {size}")
