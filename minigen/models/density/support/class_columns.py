"""Columns that are independent given a class: categories with a table of probabilities, and normal numbers.

Both kinds have the methods that naive Bayes fits by: `log_prob` of each class, the `statistics` of examples weighted by
r[n, k], the weight of class k for example n, and `maximise`, which takes the parameters that are most likely under
them. `rows` are examples `(n, D)`, and `observed` `(n, D)` is True where a value is observed, or None; only observed
values count.
"""

import math

import numpy as np

from ....arrays.categories import category_by_cumulative
from ....arrays.columns import constant_columns
from ....arrays.constants import LOG_2PI
from ....layers import Buffer, Module


class CategoricalColumns(Module):
    """Columns `columns` with `levels` categories each: p(x_d = v | k) = exp(log_probability[k, offset_d + v]).

    The most likely probabilities of counts N are N_v / ΣN; with `smoothing` α those of counts raised by α, which
    maximise the posterior for a Dirichlet prior with concentration 1 + α (Murphy, "Machine Learning", 2012, section
    3.5.1.2). Binary columns are those with two categories.
    """

    def __init__(self, columns, levels, n_classes, smoothing):
        self.columns = columns
        self.levels = levels
        self.smoothing = float(smoothing)
        self.offsets = np.cumsum(levels) - levels
        self.log_probability = Buffer(np.tile(-np.log(np.repeat(levels, levels)), (n_classes, 1)))  # (K, ΣL)

    def log_prob(self, rows, observed):
        """Σ_d log p(x_d | k) over the observed columns, `(n, K)`."""
        return self._one_hot(rows, observed) @ np.ascontiguousarray(self.log_probability.data.T)

    def statistics(self, rows, observed, r):
        """The weighted counts of each category, `(ΣL, K)`."""
        return (self._one_hot(rows, observed).T @ r,)

    def maximise(self, counts):
        """Take the smoothed frequencies; a class without weight in a column keeps what it had."""
        counts = counts + self.smoothing
        totals = np.repeat(np.add.reduceat(counts, self.offsets, axis=0), self.levels, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            frequencies = np.log(counts / totals)
        self.log_probability.assign(np.where(totals > 0, frequencies, self.log_probability.data.T).T)

    def log_prior(self):
        """α·Σ log p, the logarithm of the prior but for a constant."""
        return self.smoothing * float(self.log_probability.data.sum()) if self.smoothing else 0.0

    def sample(self, classes, rng):
        """A category in each column, for each of these classes, int64 `(n, columns)`."""
        values = np.empty((len(classes), len(self.columns)), np.int64)
        for d, (start, levels) in enumerate(zip(self.offsets, self.levels, strict=True)):
            cumulative = np.exp(self.log_probability.data[:, start : start + levels]).cumsum(axis=1)
            values[:, d] = category_by_cumulative(cumulative[classes], rng)
        return values

    def centre(self, r):
        """The most probable category of each column when class k has probability r[n, k], int64 `(n, columns)`."""
        probability = r @ np.exp(self.log_probability.data)  # (n, ΣL)
        likely = [probability[:, start : start + levels].argmax(axis=1)
                  for start, levels in zip(self.offsets, self.levels, strict=True)]
        return np.stack(likely, axis=1)

    @property
    def parameter_count(self):
        """L - 1 for each class and column."""
        return len(self.log_probability.data) * int((self.levels - 1).sum())

    def _one_hot(self, rows, observed):
        """One-hot vectors of all columns side by side, a sparse matrix `(n, ΣL)`; nothing where a value is missing."""
        from scipy.sparse import csr_array

        indices = rows[:, self.columns].astype(np.int64) + self.offsets  # (n, columns)
        if observed is None:
            ends = np.arange(len(rows) + 1) * len(self.columns)
            indices = indices.reshape(-1)
        else:
            observed = observed[:, self.columns]
            ends = np.concatenate([[0], np.cumsum(observed.sum(axis=1))])
            indices = indices[observed]
        shape = len(rows), int(self.levels.sum())
        return csr_array((np.ones(len(indices)), indices, ends), shape=shape)


class NormalColumns(Module):
    """Columns `columns` with p(x_d | k) = N(loc[k, d], variance[k, d]).

    The most likely parameters are the weighted moments. A variance below `floor` is raised to it; one that is 0 is
    refused if the floor is 0 too.
    """

    def __init__(self, columns, n_classes, floor):
        self.columns = columns
        self.floor = float(floor)
        self.loc = Buffer(np.zeros((n_classes, len(columns))))
        self.variance = Buffer(np.ones((n_classes, len(columns))))

    def log_prob(self, rows, observed):
        """Σ_d log p(x_d | k) over the observed columns, `(n, K)`."""
        x, observed = self._columns_of(rows, observed)
        log_probs = []
        for loc, variance in zip(self.loc.data, self.variance.data, strict=True):
            terms = (x - loc) ** 2 / variance + (np.log(variance) + LOG_2PI)
            if observed is not None:
                terms = terms * observed
            log_probs.append(-0.5 * terms.sum(axis=1))
        return np.stack(log_probs, axis=1)

    def statistics(self, rows, observed, r):
        """The weights of the observed values, and the weighted sums of their deviations from `loc` and of the squares.

        Each is `(K, columns)`. Sums of deviations, not of values, do not cancel where classes are narrow.
        """
        x, observed = self._columns_of(rows, observed)
        first = np.empty(self.loc.shape)
        second = np.empty(self.loc.shape)
        for k, loc in enumerate(self.loc.data):
            deviations = x - loc
            if observed is not None:
                deviations = deviations * observed
            first[k] = r[:, k] @ deviations
            with np.errstate(over="ignore"):  # `maximise` refuses what is infinite
                second[k] = r[:, k] @ (deviations * deviations)
        if observed is None:
            weight = np.broadcast_to(r.sum(axis=0)[:, None], first.shape)
        else:
            weight = r.T @ observed
        return weight, first, second

    def maximise(self, weight, first, second):
        """Take the weighted moments; a class without weight in a column keeps what it had."""
        weighted = weight > 0
        divisor = np.where(weighted, weight, 1.0)
        shift = first / divisor
        loc = self.loc.data + shift
        variance = np.where(weighted, second / divisor - shift * shift, self.variance.data)
        if not (np.isfinite(loc).all() and np.isfinite(variance).all()):
            raise ValueError("x: the numbers are too large to have a variance in float64")
        if self.floor == 0:
            n = math.ceil(weight.max(initial=1))
            constant = constant_columns(loc, np.sqrt(np.maximum(variance, 0)), n)
            if constant.any():
                k, d = np.argwhere(constant)[0]
                raise ValueError(f"x: column {self.columns[d]} (from 0) is constant in class {k}; a floor above 0 "
                                 "gives it at least that variance")
        self.loc.assign(loc)
        self.variance.assign(np.maximum(variance, self.floor))

    def log_prior(self):
        """0: moments have no prior here."""
        return 0.0

    def sample(self, classes, rng):
        """A number in each column, for each of these classes, float64 `(n, columns)`."""
        noise = rng.standard_normal((len(classes), len(self.columns)), np.float64)
        return self.loc.data[classes] + np.sqrt(self.variance.data[classes]) * noise

    def centre(self, r):
        """The mean of each column when class k has probability r[n, k], float64 `(n, columns)`."""
        return r @ self.loc.data

    @property
    def parameter_count(self):
        """A mean and a variance for each class and column."""
        return 2 * self.loc.data.size

    def _columns_of(self, rows, observed):
        x = rows[:, self.columns].astype(np.float64)
        return x, None if observed is None else observed[:, self.columns].astype(np.float64)
