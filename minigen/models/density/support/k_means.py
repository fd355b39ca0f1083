"""Starting points for mixtures: k-means with the seeds of k-means++.

k-means looks for K centres that make Σ_n min_k |x_n - c_k|² small, going back and forth between giving each example to
its nearest centre and moving each centre to the mean of its examples. It is EM with equal spherical components of
vanishing variance, and ends in a minimum near its start. Seeds that are drawn one after the other, each an example
with probability proportional to its squared distance from the seeds before it, are far apart and on expectation
within a factor 8 (log K + 2) of the least sum.

Lloyd, "Least squares quantization in PCM", 1982; Arthur and Vassilvitskii, "k-means++: The Advantages of Careful
Seeding", 2007, section 2.2 and theorem 1.1.
"""

import numpy as np

BLOCK = 1 << 22  # numbers in memory at a time


def k_means_seeds(x, k, rng):
    """The numbers of `k` rows of `x` `(n, D)` drawn by the k-means++ rule; a row comes twice only if it must."""
    chosen = [rng.integers(len(x))]
    x = x - x.mean(axis=0)
    squares = (x * x).sum(axis=1)
    rounding = 8 * x.shape[1] ** 0.5 * np.finfo(x.dtype).eps
    distances = np.full(len(x), np.inf)
    for _ in range(k - 1):
        last, own = x[chosen[-1]], squares[chosen[-1]]
        to_last = squares - 2 * (x @ last) + own
        to_last[to_last <= rounding * (squares + own)] = 0
        total = np.cumsum(np.minimum(distances, to_last, out=distances))
        if total[-1] > 0:
            # in (0, total]: never a row that lies on a seed, whose distance is 0
            chosen.append(int(np.searchsorted(total, (1 - rng.random()) * total[-1])))
        else:
            chosen.append(rng.integers(len(x)))
    return np.array(chosen)


def k_means(x, k, rng, iterations=10):
    """`(labels, centres)` of `iterations` rounds of k-means on rows `x` `(n, D)`: the nearest centre of each row.

    A centre without examples stays where it is.
    """
    centres = x[k_means_seeds(x, k, rng)].astype(np.float64)
    for _ in range(iterations):
        labels = nearest_centre(x, centres)
        counts = np.bincount(labels, minlength=k)
        order = np.argsort(labels, kind="stable")
        starts = np.cumsum(counts) - counts
        some = counts > 0  # sums of rows from each start to the next, of labels that have rows
        centres[some] = np.add.reduceat(x[order], starts[some], axis=0, dtype=np.float64) / counts[some, None]
    return nearest_centre(x, centres), centres


def nearest_centre(x, centres):
    """The number of the nearest of `centres` `(K, D)` for each row, int64 `(n,)`."""
    middle = centres.mean(axis=0)
    centres = centres - middle
    squares, labels = (centres**2).sum(axis=1), np.empty(len(x), np.int64)
    for part in _blocks(x, len(centres)):
        labels[part] = (squares - 2 * ((x[part] - middle) @ centres.T)).argmin(axis=1)
    return labels


def _blocks(x, width):
    """Slices of the rows of which neither the rows nor `width` numbers for each are too many for memory."""
    rows = max(1, BLOCK // max(width, x.shape[1]))
    return [slice(start, start + rows) for start in range(0, len(x), rows)]
