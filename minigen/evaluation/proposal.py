"""A distribution that is easy to sample and close to a set of samples, as importance sampling needs.

    q(x) = (1 - δ)·Σ_k w_k N(x_c; μ_k, s·Σ_k) Π_j p_kj(x_j) + δ·t(x_c) Π_j p_j(x_j)

This is a mixture. In a component the continuous columns x_c are jointly normal, and the discrete columns x_j are
independent. It is fitted to samples by expectation-maximisation, and its covariances are then widened by s. A
multivariate t distribution over all samples, with flattened frequencies, takes a share δ: this "defence" bounds p/q
where the mixture has no mass. How well q fits decides how precise an estimate is, never whether it is right.

Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions", 1995; Fraley and Raftery,
"Bayesian Regularization for Normal Mixture Estimation", 2007 (the prior on covariances).
"""

import itertools
import math

import numpy as np

from ..arrays.categories import categories
from ..arrays.constants import LOG_2PI
from ..arrays.logsumexp import logsumexp

WIDEN, DEFENCE, FREEDOM = 1.15, 0.1, 4.0  # s, δ, and the degrees of freedom of t
COMPONENTS = (1, 6, 24)  # numbers that are tried: the one that fits held-out samples best is taken
ITERATIONS = 15
MAX_COVARIANCES = 2**16  # numbers in the covariances of all components
MAX_BLOCK = 2**22  # numbers in the rows that are worked on at once
MAX_INDICATORS = 2**25  # numbers in the table that says which value each discrete column of each sample has


class Proposal:
    """q fitted to samples `rows` `(n, D)`. `levels` has for each column how many values it takes (None: continuous).

    Raises ValueError if the discrete columns together have too many values for a table.
    """

    def __init__(self, rows, levels, rng):
        self.levels = levels
        self.real = np.array([j for j, level in enumerate(levels) if level is None], int)
        self.whole = np.array([j for j, level in enumerate(levels) if level is not None], int)
        sizes = [levels[j] for j in self.whole]
        self.ends = np.cumsum([0, *sizes])  # in a row of indicators, column j has entries ends[j] … ends[j + 1] - 1
        if self.ends[-1] * len(rows) > MAX_INDICATORS:
            raise ValueError(f"{self.ends[-1]} values of discrete columns are too many for a proposal")
        held_out = len(rows) // 4
        real, flags = rows[:, self.real].astype(np.float64), self._indicators(rows)
        train, test = slice(held_out, None), slice(0, held_out)
        best, chosen = -math.inf, None
        for count in COMPONENTS:
            if count > 1 and (count * 40 > len(rows) or count * len(self.real) ** 2 > MAX_COVARIANCES):
                break
            mixture = _em(real[train], flags[train], self.ends, count, rng.fold_in(count))
            score = logsumexp(_joint(mixture, real[test], flags[test])).mean() if held_out else -count
            if chosen is None or score > best:
                best, chosen = score, mixture
        self.components = len(chosen[0])
        log_weights, means, factors, log_tables = chosen
        self.mixture = (log_weights, means, factors * math.sqrt(WIDEN), log_tables)
        self.middle, self.factor = _moments(real, np.ones(len(real)), _spread(real))
        self.log_table = np.log(0.5 * np.exp(_frequencies(flags, np.ones(len(flags)), self.ends))
                                + 0.5 * _uniform(self.ends))

    def log_prob(self, rows):
        """log q of rows, `(n,)`."""
        size = max(1, MAX_BLOCK // max(1, len(self.real) + int(self.ends[-1])))
        blocks = [self._log_prob(rows[start : start + size]) for start in range(0, len(rows), size)]
        return np.concatenate(blocks) if blocks else np.zeros(0)

    def _log_prob(self, rows):
        real, flags = rows[:, self.real].astype(np.float64), self._indicators(rows)
        near = logsumexp(_joint(self.mixture, real, flags)) + math.log1p(-DEFENCE)
        far = _log_t(real, self.middle, self.factor) + flags @ self.log_table + math.log(DEFENCE)
        return np.logaddexp(near, far)

    def sample(self, n, rng):
        """`n` draws as rows `(n, D)`, float64."""
        log_weights, means, factors, log_tables = self.mixture
        rows = np.empty((n, len(self.levels)))
        shares = np.append((1 - DEFENCE) * np.exp(log_weights), DEFENCE)
        picked = categories(shares, n, rng)
        noise = rng.standard_normal((n, len(self.real)))
        # Student's t: a normal over the root of a chi-square with FREEDOM degrees (here of sums of exponentials)
        chi = 2 * rng.exponential((n, int(FREEDOM) // 2)).sum(axis=1) / FREEDOM
        for k in range(len(shares)):
            chosen, last = np.flatnonzero(picked == k), k == len(log_weights)
            mean, factor = (self.middle, self.factor) if last else (means[k], factors[k])
            stretch = np.sqrt(chi[chosen])[:, None] if last else 1.0
            rows[np.ix_(chosen, self.real)] = mean + noise[chosen] @ factor.T / stretch
            table, values = np.exp(self.log_table if last else log_tables[k]), np.empty((len(self.whole), len(chosen)))
            for column, (start, stop) in enumerate(itertools.pairwise(self.ends)):
                values[column] = categories(table[start:stop], len(chosen), rng)
            rows[np.ix_(chosen, self.whole)] = values.T
        return rows

    def _indicators(self, rows):
        """`(n, Σ levels)`: for each value of each discrete column, 1 if the row has that value, else 0."""
        flags = np.zeros((len(rows), self.ends[-1]))
        entries = rows[:, self.whole].astype(np.int64) + self.ends[:-1]
        np.put_along_axis(flags, entries, 1.0, axis=1)
        return flags


def _em(real, flags, ends, count, rng):
    """`(log_weights, means, factors, log_tables)` of `count` components after some steps of EM, begun at samples."""
    features = np.concatenate([(real - real.mean(axis=0)) / np.maximum(real.std(axis=0), 1e-12), flags], axis=1)
    centres = features[rng.permutation(len(features))[:count]]
    distances = (features**2).sum(axis=1)[:, None] - 2 * features @ centres.T + (centres**2).sum(axis=1)
    shares = np.eye(count)[distances.argmin(axis=1)]
    prior = _spread(real) / count ** (2 / max(1, real.shape[1]))
    for _ in range(ITERATIONS if count > 1 else 1):
        total = shares.sum(axis=0) + 1.0
        fits = [_moments(real, shares[:, k], prior) for k in range(count)]
        tables = np.stack([_frequencies(flags, shares[:, k], ends) for k in range(count)])
        means, factors = (np.stack(arrays) for arrays in zip(*fits, strict=True))
        mixture = np.log(total / total.sum()), means, factors, tables
        joint = _joint(mixture, real, flags)
        shares = np.exp(joint - logsumexp(joint)[:, None])
    return mixture


def _moments(real, weights, prior):
    """Mean, and the Cholesky factor of the covariance with `prior` added as if from d + 2 more points."""
    d = real.shape[1]
    if d == 0:
        return np.zeros(0), np.zeros((0, 0))
    total = weights.sum()
    mean = weights @ real / total if total > 0 else real.mean(axis=0)
    away = real - mean
    scatter = (away * weights[:, None]).T @ away
    return mean, np.linalg.cholesky((scatter + (d + 2) * prior) / (total + d + 2))


def _spread(real):
    """The covariance of rows, its diagonal raised a little in case rows are few or a column is constant."""
    centred = real - real.mean(axis=0)
    variance = real.var(axis=0)
    return centred.T @ centred / len(real) + np.diag(np.maximum(1e-9 * variance, 1e-200))


def _frequencies(flags, weights, ends):
    """Log-frequencies of the values of the discrete columns, with one more count a column, spread over its values."""
    even = _uniform(ends)
    return np.log((weights @ flags + even) / (weights.sum() + 1))


def _uniform(ends):
    sizes = np.diff(ends)
    return np.repeat(1 / np.maximum(sizes, 1), sizes)


def _joint(mixture, real, flags):
    """log w_k + log p(x | k), `(n, K)`."""
    log_weights, means, factors, log_tables = mixture
    joint = log_weights + flags @ log_tables.T
    if real.shape[1]:
        for k in range(len(log_weights)):
            joint[:, k] += _log_normal(real, means[k], factors[k])
    return joint


def _standardized(real, mean, factor):
    """|L⁻¹(x - mean)|² of rows, and log |L|."""
    if real.shape[1] == 0:
        return np.zeros(len(real)), 0.0
    # for few columns a product takes a tenth of the time of a triangular solve, with many threads still less
    z = (real - mean) @ np.linalg.inv(factor).T
    return (z**2).sum(axis=1), float(np.log(np.diag(factor)).sum())


def _log_normal(real, mean, factor):
    squares, log_det = _standardized(real, mean, factor)
    return -0.5 * squares - log_det - 0.5 * real.shape[1] * LOG_2PI


def _log_t(real, mean, factor):
    """The multivariate t distribution with FREEDOM degrees of freedom."""
    d = real.shape[1]
    squares, log_det = _standardized(real, mean, factor)
    constant = math.lgamma((FREEDOM + d) / 2) - math.lgamma(FREEDOM / 2) - 0.5 * d * math.log(FREEDOM * math.pi)
    return constant - log_det - 0.5 * (FREEDOM + d) * np.log1p(squares / FREEDOM)
