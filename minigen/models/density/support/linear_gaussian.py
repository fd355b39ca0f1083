"""Inference in the linear-Gaussian model, and the moments of its posterior that expectation-maximisation needs.

    z ~ N(0, I)        x = W z + μ + e,    e ~ N(0, Ψ), Ψ diagonal

With V = Ψ^-½ W and u = Ψ^-½ (x - μ), of the observed coordinates alone,

    p(z | x) = N(m, C)    C = (I + Vᵀ V)⁻¹    m = C Vᵀ u
    log p(x) = -½ (|u - V m|² + |m|² + log det(I + Vᵀ V) + log det Ψ + D log 2π)

by Woodbury's identity and the matrix determinant lemma: nothing larger than M × M is inverted, and the quadratic form
is a sum of squares, so that no digits are lost where Ψ is small.

Bishop, "Pattern Recognition and Machine Learning", 2006, section 12.2; Rubin and Thayer, "EM Algorithms for ML Factor
Analysis", 1982.
"""

import math

import numpy as np

from .... import ops
from ....arrays.constants import LOG_2PI

BLOCK = 2**21  # numbers in the covariances that are held at a time


class Observations:
    """Examples `(n, D)` in an order in which those that have the same coordinates observed stand together.

    `patterns` are the different rows of the mask, and the rows with pattern k are `rows[bounds[k]:bounds[k + 1]]`;
    `order` says where they stood. The rows may be a Tensor.
    """

    def __init__(self, rows, observed=None):
        if observed is None:
            self.patterns = np.ones((min(1, len(rows)), rows.shape[1]), bool)
            pattern_of_row = np.zeros(len(rows), np.int64)
        else:
            self.patterns, pattern_of_row = np.unique(observed, axis=0, return_inverse=True)
        pattern_of_row = pattern_of_row.reshape(-1)
        self.order = np.argsort(pattern_of_row, kind="stable")
        self.rows = rows if len(self.patterns) == 1 else rows[self.order]
        self.bounds = np.append(0, np.cumsum(np.bincount(pattern_of_row, minlength=len(self.patterns))))

    def restore(self, values):
        """Values computed for each row, in the order in which the examples came."""
        return values if len(self.patterns) == 1 else values[np.argsort(self.order)]


def infer(data, loc, weight, noise):
    """Yield posteriors for one block of patterns after another: `(block, means, covariances, log_probs)`.

    `data` are Observations, `loc` μ `(D,)`, `weight` W `(D, M)` and `noise` the diagonal of Ψ `(D,)`. `block` is a
    slice of the patterns; means `(rows, M)` and log_probs `(rows,)` are of the rows with these, covariances
    `(patterns, M, M)`.
    """
    whiten = 1 / np.sqrt(noise)
    v = weight * whiten[:, None]  # (D, M)
    size = max(1, BLOCK // v.shape[1] ** 2)
    for first in range(0, len(data.patterns), size):
        block = slice(first, first + size)
        present = data.patterns[block].astype(np.float64)
        bounds = data.bounds[first : first + len(present) + 1]
        counts = np.diff(bounds)
        mask = np.repeat(present, counts, axis=0)  # (rows, D)
        u = (data.rows[bounds[0] : bounds[-1]] - loc) * whiten * mask
        precisions = np.eye(v.shape[1]) + _grams(v, present)
        covariances = np.linalg.inv(precisions)
        projections = u @ v  # Vᵀ u, (rows, M)
        ends = bounds - bounds[0]
        means = ops.concatenate([projections[a:b] @ c for a, b, c in zip(ends, ends[1:], covariances, strict=False)])
        squares = ops.square(u - (means @ v.T) * mask).sum(axis=1) + ops.square(means).sum(axis=1)
        constants = np.linalg.slogdet(precisions)[1] + present @ (np.log(noise) + LOG_2PI)
        yield block, means, covariances, -0.5 * (squares + np.repeat(constants, counts))


def _grams(v, present):
    """Vᵀ V of the observed coordinates, for each pattern: `(patterns, M, M)`."""
    if len(present) == 1:
        return ((v * present[0][:, None]).T @ v)[None]
    m = v.shape[1]
    return (present @ (v[:, :, None] * v[:, None, :]).reshape(-1, m * m)).reshape(-1, m, m)


def masked_moments(data, loc, weight, noise):
    """The E-step where values are missing: `(moments, log-likelihood)`, both per example.

    The moments are sums over the examples in which a coordinate d is observed, of y = (z, 1) and of a = x_d - μ_d:
    E[y yᵀ] `(D, M + 1, M + 1)`, a E[y] `(D, M + 1)`, a² `(D,)`, and their number `(D,)`.
    """
    d, m = weight.shape
    n = len(data.rows)
    counts = np.diff(data.bounds)  # of rows with each pattern
    yy = np.zeros((d, (m + 1) ** 2))
    ay = np.zeros((d, m + 1))
    aa = np.zeros(d)
    total = 0.0
    for block, means, covariances, log_probs in infer(data, loc, weight, noise):
        present = data.patterns[block].astype(np.float64)
        bounds = data.bounds[block.start : block.stop + 1]
        a = (data.rows[bounds[0] : bounds[-1]] - loc) * np.repeat(present, counts[block], axis=0)
        y = np.append(means, np.ones((len(means), 1)), axis=1)  # (rows, M + 1)
        ends = bounds - bounds[0]
        sums = np.zeros((len(present), m + 1, m + 1))  # of E[y yᵀ] over the rows with each pattern
        sums[:, :m, :m] = counts[block, None, None] * covariances
        for pattern in range(len(present)):
            y_rows = y[ends[pattern] : ends[pattern + 1]]
            sums[pattern] += y_rows.T @ y_rows
        yy += present.T @ sums.reshape(len(present), -1)
        ay += a.T @ y
        aa += (a * a).sum(axis=0)
        total += float(log_probs.sum())
    moments = yy.reshape(d, m + 1, m + 1), ay, aa, counts @ data.patterns.astype(np.float64)
    return tuple(moment / n for moment in moments), total / n


class Axes:
    """The sample's mean, and its covariance by variances along principal axes, from the largest: `(k,)` and `(k, D)`.

    k is the smaller of D and the number of examples.
    """

    def __init__(self, rows):
        self.mean = rows.mean(axis=0)
        centred = rows - self.mean
        if len(rows) > rows.shape[1]:
            values, vectors = np.linalg.eigh(centred.T @ centred / len(rows))
            self.variances = np.maximum(values[::-1], 0)
            self.axes = vectors.T[::-1]
        else:
            _, values, self.axes = np.linalg.svd(centred / math.sqrt(len(rows)), full_matrices=False)
            self.variances = values**2

    def moments(self, loc, weight, noise):
        """The E-step of complete data, as `masked_moments` gives it with one matrix for all coordinates.

        Examples enter by their covariance about μ alone, which is that of k + 1 rows however many there were.
        """
        m = weight.shape[1]
        a = np.append(np.sqrt(self.variances)[:, None] * self.axes, [self.mean - loc], axis=0)  # (k + 1, D)
        whiten = 1 / np.sqrt(noise)
        u = a * whiten
        v = weight * whiten[:, None]
        precision = np.eye(m) + v.T @ v
        covariance = np.linalg.inv(precision)
        means = u @ v @ covariance
        yy = np.block([[covariance + means.T @ means, means[-1:].T], [means[-1:], np.ones((1, 1))]])
        moments = yy[None], np.append(a.T @ means, a[-1:].T, axis=1), (a * a).sum(axis=0), np.ones(len(loc))
        squares = ((u - means @ v.T) ** 2).sum() + (means**2).sum()
        constants = np.linalg.slogdet(precision)[1] + (np.log(noise) + LOG_2PI).sum()
        return moments, -0.5 * float(squares + constants)


def maximise(moments, loc):
    """The M-step: `(μ, W, residuals)`, the regression of each coordinate on (z, 1) and the squares that it leaves.

    W and the change of μ solve E[y yᵀ] (W_d, Δμ_d) = a E[y]; residuals `(D,)` are sums of E[(x_d - μ_d - W_d z)²].
    """
    yy, ay, aa, _ = moments
    slopes = np.linalg.solve(yy, ay[..., None])[..., 0]
    return loc + slopes[:, -1], slopes[:, :-1], aa - (slopes * ay).sum(axis=1)
