"""Kernel density estimation: a bump of probability on every example.

    p(x) = 1/(n Z Π_d h_d) Σ_i K(r_i),        r_i² = Σ_d ((x_d - x_id) / h_d)²

with a kernel K of `radial_kernels`, whose integral is Z. Nothing is fitted but the bandwidths h:

    Scott's rule        h_d = σ_d n^(-1/(D+4))
    Silverman's rule    h_d = σ_d (n (D+2)/4)^(-1/(D+4))
    cross-validation    of several candidates the one with the largest Σ_i log p(x_i), p made without x_i's fold

The rules minimise the mean integrated squared error of a normal kernel on normal data, the first up to a constant
near 1. Another kernel gets the bandwidth at which its standard deviation is that of the normal one.

The smallest possible error falls as n^(-4/(D+4)): for the same error the examples must grow exponentially with D.

Scott, "Multivariate Density Estimation", 1992, section 6.3; Silverman, "Density Estimation for Statistics and Data
Analysis", 1986, equations 4.14, 4.15 and 3.43 (likelihood cross-validation).
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import kernels
from ...arrays import as_generator
from ...arrays.checks import integer, non_negative_number, one_of, positive_number
from ...arrays.columns import constant_columns
from ...layers import Buffer
from ..takes import Takes
from .support.estimator import Estimator
from .support.example_rows import as_rows
from .support.radial_kernels import SHAPES, deviation, log_normaliser
from .support.radial_kernels import sample as sample_kernel

RULES = ("scott", "silverman", "cross_validation")
MULTIPLES = tuple(np.geomspace(0.02, 2.5, 25).tolist())  # of Scott's bandwidths, the candidates unless others are given
FOLDS = 0  # the stream of random numbers that cuts the folds, the same for all candidates


@dataclass(frozen=True)
class Config:
    """The kernel and its bandwidth.

    `bandwidth` is a number, in the data's units and the same for every column, or a rule: "scott", "silverman" or
    "cross_validation". The rules give each column a bandwidth of its own, in proportion to its standard deviation, and
    a constant column `floor`; `floor=0` refuses constant columns. Cross-validation compares `candidates`, numbers like
    `bandwidth`; if there are none, multiples of Scott's bandwidths from 0.02 to 2.5. `folds` is into how many
    sets the examples are divided, of which each is scored by the others; 0 leaves out one example at a time.
    """

    kernel: str = "gaussian"
    bandwidth: float | str = "scott"
    candidates: tuple[float, ...] = ()
    folds: int = 0
    floor: float = 1e-3

    def __post_init__(self):
        one_of("kernel", self.kernel, SHAPES)
        if isinstance(self.bandwidth, str):
            if self.bandwidth not in RULES:
                raise ValueError(f"bandwidth: expected a number or one of {', '.join(RULES)}, got {self.bandwidth!r}")
        else:
            positive_number("bandwidth", self.bandwidth)
        if not isinstance(self.candidates, tuple | list):
            raise TypeError(f"candidates: expected a tuple of numbers, got {self.candidates!r}")
        candidates = tuple(positive_number("candidates", value) for value in self.candidates)
        object.__setattr__(self, "candidates", candidates)
        if integer("folds", self.folds, 0) == 1:
            raise ValueError("folds: expected 0 (leave one out) or at least 2, got 1")
        non_negative_number("floor", self.floor)


class KernelDensity(Estimator):
    """A kernel density estimate for continuous data.

    `points` `(n, D)` are the examples and `bandwidth` `(D,)` the columns' bandwidths. Before it is fitted there is one
    point at 0, and all bandwidths are 1. Evaluation takes memory for the points and the queries, not for their pairs.
    Raises ValueError for data of another kind or conditional data.
    """

    Config = Config
    takes = Takes(kinds=("continuous",), mixed=True)

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.points = Buffer(np.zeros((1, spec.dimensions)))
        self.bandwidth = Buffer(np.ones(spec.dimensions))

    def load_state_dict(self, state):
        """Take over the bandwidths and any number of points. Raises ValueError for a state that does not fit."""
        before, points = self.points, np.asarray(state.get("points"))
        if points.ndim == 2 and len(points) and points.shape[1] == self.spec.dimensions:
            self.points = Buffer(np.zeros(points.shape))
        try:
            super().load_state_dict(state)
        except ValueError:
            self.points = before
            raise

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) in nats, float64 `(n,)`; -inf where no kernel reaches."""
        self.check_condition(condition, len(x))
        rows, observed = as_rows(x, self.spec, observed)
        if observed is not None:
            raise ValueError("x: values are missing, and a kernel density estimate does not take missing values")
        return self._log_density(_as_points(rows), self.points.data, self.bandwidth.data)

    def fit_steps(self, batch, rng=0, state=None):
        """Keep the examples of `batch` and choose the bandwidths.

        Cross-validation yields for each candidate its `candidate` number, `bandwidth` (the columns' geometric mean)
        and `held_out`, its log-likelihood in nats per example. The last metrics have the `bandwidth` taken. (The
        likelihood of the examples themselves would say little: each sits under its own bump.) Raises ValueError for
        no examples, for missing values, for a constant column if `floor` is 0, and for cross-validation with fewer
        examples than folds or with no candidate that gives every held-out example a positive density.
        """
        points = _as_points(self.training_rows(batch)[0])
        config = self.config
        state = {} if state is None else state
        if state.get("fitted"):
            return
        if not len(points):
            raise ValueError("x: expected at least one example, got none")
        if config.bandwidth == "cross_validation":
            yield from self._cross_validate(points, as_generator(rng), state)
            bandwidth = state["best_bandwidth"]
            if bandwidth is None:
                raise ValueError("candidates: with any of them some example has density 0 without its fold; larger "
                                 f"ones, or a kernel without an end, reach it ({config.kernel} ends at 1 bandwidth)")
        elif isinstance(config.bandwidth, str):
            bandwidth = self._by_rule(points, config.bandwidth)
        else:
            bandwidth = np.full(self.spec.dimensions, float(config.bandwidth))
        self.points = Buffer(points.copy())
        self.bandwidth.assign(bandwidth)
        state["fitted"] = True
        yield {"iteration": 0, "bandwidth": _geometric_mean(bandwidth), "converged": True}

    def _cross_validate(self, points, rng, state):
        """Score one candidate after the other; `state` keeps the best one and how many were scored."""
        least = max(2, self.config.folds)
        if len(points) < least:
            raise ValueError(f"x: cross-validation needs at least {least} examples, got {len(points)}")
        if not state:
            state.update(scored=0, best=-math.inf, best_bandwidth=None)
        for number, candidate in enumerate(self._candidates(points)):
            if number < state["scored"]:
                continue
            score = self._held_out(points, candidate, rng.fold_in(FOLDS))
            state["scored"] = number + 1
            if score > state["best"]:
                state["best"] = score
                state["best_bandwidth"] = candidate
            yield {"candidate": number, "bandwidth": _geometric_mean(candidate), "held_out": score}

    def _held_out(self, points, bandwidth, rng):
        """The mean of log p(x_i), p made of the other folds' examples, in nats per example."""
        n = len(points)
        folds = self.config.folds
        if not folds:
            return float(self._log_density(points, points, bandwidth, leave_out=True).mean())
        fold = np.empty(n, np.int64)  # of each example
        fold[rng.permutation(n)] = np.arange(n) * folds // n
        scores = [self._log_density(points[fold == i], points[fold != i], bandwidth) for i in range(folds)]
        return float(np.concatenate(scores).mean())

    def _log_density(self, rows, points, bandwidth, leave_out=False):
        """log p(x) of rows, p made of `points`; with `leave_out` the rows are these, and p(x_i) is made without x_i."""
        kernel = self.config.kernel
        n = len(points) - leave_out
        log_volume = log_normaliser(kernel, points.shape[1]) + np.log(bandwidth).sum()
        return kernels.kernel_log_sum(rows, points, 1 / bandwidth, kernel, leave_out) - math.log(n) - log_volume

    def _sample(self, n, rng):
        centres = self.points.data[rng.integers(len(self.points.data), size=n)]
        bumps = sample_kernel(self.config.kernel, n, self.spec.dimensions, rng)
        return (centres + self.bandwidth.data * bumps).reshape(n, *self.spec.shape)

    def _candidates(self, points):
        if self.config.candidates:
            return [np.full(points.shape[1], float(value)) for value in self.config.candidates]
        scott = self._by_rule(points, "scott")
        return [multiple * scott for multiple in MULTIPLES]

    def _by_rule(self, points, rule):
        """The bandwidths of Scott's or Silverman's rule."""
        n, d = points.shape
        with np.errstate(over="ignore", invalid="ignore"):
            sigma = points.std(axis=0, ddof=1) if n > 1 else np.zeros(d)
            mean = points.mean(axis=0)
        if not np.isfinite(sigma).all():
            raise ValueError("x: the numbers are too large to have a variance in float64")
        constant = constant_columns(mean, sigma, n)
        if self.config.floor == 0 and constant.any():
            raise ValueError(f"x: column {int(np.argmax(constant))} (from 0) is constant, a rule has no "
                             "bandwidth for it; a floor above 0 is what it gets")
        factor = n ** (-1 / (d + 4)) if rule == "scott" else (n * (d + 2) / 4) ** (-1 / (d + 4))
        return np.where(constant, self.config.floor, sigma * factor / deviation(self.config.kernel, d))


def _as_points(rows):
    """Rows as the kernels take them."""
    return np.ascontiguousarray(rows, dtype=np.float64)


def _geometric_mean(bandwidth):
    """One number for the bandwidths of all columns."""
    return float(np.exp(np.log(bandwidth).mean()))
