"""Starting points for mixtures: k-means with the seeds of k-means++.

k-means looks for K centres that make Σ_n min_k |x_n - c_k|² small. It goes back and forth between giving each example
to its nearest centre and moving each centre to the mean of its examples. It is EM with equal spherical components of
vanishing variance, and ends in a minimum near its start. The seeds are drawn one after the other, each an example with
probability proportional to its squared distance from the seeds before it. They lie far apart, and on expectation within
a factor 8 (log K + 2) of the least sum.

Lloyd, "Least squares quantization in PCM", 1982; Arthur and Vassilvitskii, "k-means++: The Advantages of Careful
Seeding", 2007, section 2.2 and theorem 1.1.
"""

import numpy as np

from ....arrays.categories import categories

BLOCK = 1 << 22  # numbers in memory at a time


def k_means_seeds(x, k, rng):
    """The numbers of `k` rows of `x` `(n, D)` drawn by the k-means++ rule; a row comes twice only if it must."""
    seeds = [rng.integers(len(x))]
    x = x - x.mean(axis=0)
    squares = (x * x).sum(axis=1)  # (n,)
    rounding = 8 * x.shape[1] ** 0.5 * np.finfo(x.dtype).eps
    distances = np.full(len(x), np.inf)  # squared, from the nearest seed
    for _ in range(k - 1):
        last = seeds[-1]
        to_last = squares - 2 * (x @ x[last]) + squares[last]
        to_last[to_last <= rounding * (squares + squares[last])] = 0
        np.minimum(distances, to_last, out=distances)
        if distances.any():
            seeds.append(int(categories(distances, 1, rng)[0]))  # never a row that lies on a seed, whose distance is 0
        else:
            seeds.append(rng.integers(len(x)))
    return np.array(seeds)


def k_means(x, k, rng, iterations=10):
    """`(labels, centres)` of `iterations` rounds of k-means on rows `x` `(n, D)`: the nearest centre of each row.

    A centre without examples stays where it is.
    """
    centres = x[k_means_seeds(x, k, rng)].astype(np.float64)  # (K, D)
    for _ in range(iterations):
        labels = nearest_centre(x, centres)
        counts = np.bincount(labels, minlength=k)
        order = np.argsort(labels, kind="stable")
        starts = np.cumsum(counts) - counts
        filled = counts > 0
        # reduceat sums the rows from each start to the next one
        sums = np.add.reduceat(x[order], starts[filled], axis=0, dtype=np.float64)
        centres[filled] = sums / counts[filled, None]
    return nearest_centre(x, centres), centres


def nearest_centre(x, centres):
    """The number of the nearest of `centres` `(K, D)` for each row, int64 `(n,)`."""
    middle = centres.mean(axis=0)
    centres = centres - middle
    squares = (centres**2).sum(axis=1)
    labels = np.empty(len(x), np.int64)
    for rows in _blocks(x, len(centres)):
        labels[rows] = (squares - 2 * ((x[rows] - middle) @ centres.T)).argmin(axis=1)
    return labels


def _blocks(x, width):
    """Slices of the rows, so small that the rows and `width` numbers for each of them fit in memory."""
    size = max(1, BLOCK // max(width, x.shape[1]))
    return [slice(start, start + size) for start in range(0, len(x), size)]
