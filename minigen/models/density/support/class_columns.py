"""Columns that are independent given a class: categories with a table of probabilities, and normal numbers.

Both kinds have the methods that naive Bayes fits by: `log_prob` of each class, the `statistics` of examples weighted by
r[n, k], the weight of class k for example n, and `maximise`, which takes the parameters that are most likely under
them. `rows` are examples `(n, D)` and `mask` `(n, D)` is True where a value is observed, or None; only observed values
count.
"""

import math

import numpy as np

from ....layers import Buffer, Module


class CategoricalColumns(Module):
    """Columns `columns` with `levels` categories each: p(x_d = v | k) = exp(log_probability[k, offset_d + v]).

    The most likely probabilities of counts N are N_v / ΣN; with `smoothing` α those of counts raised by α, which
    maximise the posterior for a Dirichlet prior with concentration 1 + α (Murphy, "Machine Learning", 2012, section
    3.5.1.2). Binary columns are those with two categories.
    """

    def __init__(self, columns, levels, n_classes, smoothing):
        self.columns, self.levels, self.smoothing = columns, levels, float(smoothing)
        self.offsets = np.cumsum(levels) - levels
        self.log_probability = Buffer(np.tile(-np.log(np.repeat(levels, levels)), (n_classes, 1)))

    def log_prob(self, rows, mask):
        """Σ_d log p(x_d | k) over the observed columns, `(n, K)`."""
        return self._one_hot(rows, mask) @ np.ascontiguousarray(self.log_probability.data.T)

    def statistics(self, rows, mask, r):
        """The weighted counts of each category, `(ΣL, K)`."""
        return (self._one_hot(rows, mask).T @ r,)

    def maximise(self, counts):
        """Take the smoothed frequencies; a class without weight in a column keeps what it had."""
        counts = counts + self.smoothing
        totals = np.add.reduceat(counts, self.offsets, axis=0)
        totals = np.repeat(totals, self.levels, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(counts / totals)
        self.log_probability.assign(np.where(totals > 0, found, self.log_probability.data.T).T)

    def log_prior(self):
        """α·Σ log p, the logarithm of the prior but for a constant."""
        return self.smoothing * float(self.log_probability.data.sum()) if self.smoothing else 0.0

    def draw(self, classes, rng):
        """A draw from each of the given classes, int64 `(n, columns)`."""
        uniform = rng.random((len(classes), len(self.columns)), np.float64)
        drawn = np.empty(uniform.shape, np.int64)
        for d, (start, levels) in enumerate(zip(self.offsets, self.levels, strict=True)):
            cumulative = np.exp(self.log_probability.data[:, start : start + levels]).cumsum(axis=1)[classes]
            drawn[:, d] = (cumulative <= uniform[:, d : d + 1] * cumulative[:, -1:]).sum(axis=1)
        return drawn

    def centre(self, r):
        """The most probable category of each column when class k has probability r[n, k], int64 `(n, columns)`."""
        probability = r @ np.exp(self.log_probability.data)
        parts = [probability[:, start : start + levels].argmax(axis=1)
                 for start, levels in zip(self.offsets, self.levels, strict=True)]
        return np.stack(parts, axis=1)

    @property
    def parameter_count(self):
        """L - 1 for each class and column."""
        return len(self.log_probability.data) * int((self.levels - 1).sum())

    def _one_hot(self, rows, mask):
        """One-hot vectors of all columns side by side, a sparse matrix `(n, ΣL)`; nothing where a value is missing."""
        from scipy.sparse import csr_array

        places = rows[:, self.columns].astype(np.int64) + self.offsets
        if mask is None:
            ends = np.arange(len(rows) + 1) * len(self.columns)
            places = places.reshape(-1)
        else:
            seen = mask[:, self.columns]
            ends = np.concatenate([[0], np.cumsum(seen.sum(axis=1))])
            places = places[seen]
        shape = len(rows), int(self.levels.sum())
        return csr_array((np.ones(len(places)), places, ends), shape=shape)


class NormalColumns(Module):
    """Columns `columns` with p(x_d | k) = N(loc[k, d], variance[k, d]).

    The most likely parameters are the weighted moments; a variance below `floor` is raised to it, and refused if it
    is 0 and the floor too.
    """

    def __init__(self, columns, n_classes, floor):
        self.columns, self.floor = columns, float(floor)
        self.loc = Buffer(np.zeros((n_classes, len(columns))))
        self.variance = Buffer(np.ones((n_classes, len(columns))))

    def log_prob(self, rows, mask):
        """Σ_d log p(x_d | k) over the observed columns, `(n, K)`."""
        x, seen = self._taken(rows, mask)
        parts = []
        for loc, variance in zip(self.loc.data, self.variance.data, strict=True):
            terms = (x - loc) ** 2 / variance + np.log(2 * math.pi * variance)
            parts.append(-0.5 * (terms if seen is None else terms * seen).sum(axis=1))
        return np.stack(parts, axis=1)

    def statistics(self, rows, mask, r):
        """The weights of the observed values, and the weighted sums of their deviations from `loc` and of the squares.

        Each is `(K, columns)`. Sums of deviations, not of values, do not cancel where classes are narrow.
        """
        x, seen = self._taken(rows, mask)
        first, second = np.empty(self.loc.shape), np.empty(self.loc.shape)
        for k, loc in enumerate(self.loc.data):
            deviation = x - loc if seen is None else (x - loc) * seen
            first[k] = r[:, k] @ deviation
            with np.errstate(over="ignore"):  # `maximise` refuses what is infinite
                second[k] = r[:, k] @ (deviation * deviation)
        weight = np.broadcast_to(r.sum(axis=0)[:, None], first.shape) if seen is None else r.T @ seen
        return weight, first, second

    def maximise(self, weight, first, second):
        """Take the weighted moments; a class without weight in a column keeps what it had."""
        some = weight > 0
        divisor = np.where(some, weight, 1.0)
        shift = first / divisor
        loc = self.loc.data + shift
        variance = np.where(some, second / divisor - shift * shift, self.variance.data)
        if not (np.isfinite(loc).all() and np.isfinite(variance).all()):
            raise ValueError("x: the numbers are too large to have a variance in float64")
        rounding = (8 * np.finfo(np.float64).eps * loc) ** 2
        if self.floor == 0 and (variance <= rounding).any():
            k, d = np.argwhere(variance <= rounding)[0]
            raise ValueError(f"x: column {self.columns[d]} (from 0) is constant in class {k}; a floor above 0 gives "
                             "it at least that variance")
        self.loc.assign(loc)
        self.variance.assign(np.maximum(variance, self.floor))

    def log_prior(self):
        """0: moments have no prior here."""
        return 0.0

    def draw(self, classes, rng):
        """A draw from each of the given classes, float64 `(n, columns)`."""
        noise = rng.standard_normal((len(classes), len(self.columns)), np.float64)
        return self.loc.data[classes] + np.sqrt(self.variance.data[classes]) * noise

    def centre(self, r):
        """The mean of each column when class k has probability r[n, k], float64 `(n, columns)`."""
        return r @ self.loc.data

    @property
    def parameter_count(self):
        """A mean and a variance for each class and column."""
        return 2 * self.loc.data.size

    def _taken(self, rows, mask):
        x = rows[:, self.columns].astype(np.float64)
        return x, None if mask is None else mask[:, self.columns].astype(np.float64)
