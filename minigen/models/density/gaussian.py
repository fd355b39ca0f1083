"""The normal distribution, its mean and covariance fitted by maximum likelihood.

    log p(x) = -½ (x - μ)ᵀ Σ⁻¹ (x - μ) - ½ log det Σ - ½ D log 2π

The likelihood of n examples is highest at the sample's moments, μ = Σᵢ xᵢ / n and Σ = Σᵢ (xᵢ - μ)(xᵢ - μ)ᵀ / n; for a
diagonal Σ at the variances of the columns, for a spherical one (a multiple of the identity) at their mean.

Some coordinates of a normal vector are normal too (m: missing, o: observed):

    x_o ~ N(μ_o, Σ_oo)        x_m | x_o ~ N(μ_m + B (x_o - μ_o), Σ_mm - B Σ_om),    B = Σ_mo Σ_oo⁻¹

The first scores examples with missing values exactly, the second imputes them and is the E-step of fitting: a missing
value is replaced by its conditional mean, and its conditional covariance counts as spread.

Bishop, "Pattern Recognition and Machine Learning", 2006, equations 2.81, 2.82, 2.98, 2.121 and 2.122; Little and
Rubin, "Statistical Analysis with Missing Data", 2002, section 11.2.
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...arrays.checks import non_negative_number, one_of, positive_integer
from ...arrays.constants import LOG_2PI
from ...autograd import Tensor
from ...inference import em_steps
from ...layers import Buffer
from ..takes import Takes
from .support.column_moments import column_moments
from .support.estimator import Estimator
from .support.example_rows import as_rows
from .support.patterns import patterns

COVARIANCES = ("full", "diagonal", "spherical")


@dataclass(frozen=True)
class Config:
    """The form of the covariance, the smallest variance in any direction, and when EM for missing values stops.

    With columns scaled to variance 1 (constant ones as they are), the covariance that is fitted is the most likely one
    without an eigenvalue below `floor`: the sample's, with smaller eigenvalues raised. So there is a density also for
    a constant column, for columns that depend linearly on others, and for fewer examples than dimensions. `floor=0`
    refuses these instead. EM stops after `max_iterations`, or when the log-likelihood rises by less than `tolerance`
    nats per example.
    """

    covariance: str = "full"
    floor: float = 1e-6
    max_iterations: int = 1000
    tolerance: float = 1e-9

    def __post_init__(self):
        one_of("covariance", self.covariance, COVARIANCES)
        non_negative_number("floor", self.floor)
        non_negative_number("tolerance", self.tolerance)
        positive_integer("max_iterations", self.max_iterations)


class Gaussian(Estimator):
    """A normal distribution for continuous data, with missing values marginalised exactly.

    `loc` has shape `(D,)`; `covariance` is a matrix `(D, D)` if full and the variances `(D,)` otherwise. Before it is
    fitted it is standard normal. Raises ValueError for data of another kind or conditional data.
    """

    Config = Config
    takes = Takes(kinds=("continuous",), missing=True, mixed=True)
    conditions_on_any = True

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.full = self.config.covariance == "full"
        self.loc = Buffer(np.zeros(spec.dimensions))
        self.covariance = Buffer(np.eye(spec.dimensions) if self.full else np.ones(spec.dimensions))

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) in nats, float64 `(n,)`, of the observed values alone; x may be a Tensor, and is differentiated."""
        self.check_condition(condition, len(x))
        rows, observed = as_rows(x, self.spec, observed)  # (n, D)
        if isinstance(x, Tensor):
            rows = x.reshape(rows.shape)
            if observed is not None:
                rows = ops.where(observed, rows, 0.0)
        else:
            rows = rows.astype(np.float64)
        return self._log_prob(rows, observed)

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch`, at once or, a full covariance with missing values, by EM.

        Yields metrics with `log_likelihood` in nats per example and `at_floor`, in how many directions the floor set
        the variance. Until the last step of EM is done, the parameters are those in units of the columns' deviations.
        Raises ValueError for no examples, for a column that is observed nowhere, and with `floor=0` for a singular
        covariance.
        """
        rows, observed = self.training_rows(batch)
        rows = rows.astype(np.float64)
        if not len(rows):
            raise ValueError("x: expected at least one example, got none")
        # In units of the columns' deviations nothing is lost where columns differ by orders of magnitude.
        mean, deviation = column_moments(rows, observed)
        units = np.where(deviation > 0, deviation, 1.0)
        if self.config.covariance == "spherical":
            units = np.full(len(mean), math.sqrt(np.square(units).mean()))
        standard = (rows - mean) / units
        if observed is not None:
            standard *= observed
        state = {} if state is None else state
        if self.full and observed is not None:
            yield from self._em(standard, observed, units, state)
            self._scale(mean, units)
        elif not state:
            self._take(0 * mean, self._moments(standard, observed))
            at_floor = self._at_floor()
            self._scale(mean, units)
            state["fitted"] = True
            log_likelihood = float(self._log_prob(rows, observed).mean())
            yield {"iteration": 0, "log_likelihood": log_likelihood, "converged": True, "at_floor": at_floor}

    def e_step(self, data):
        """Sums over the examples of E[x - μ | x_o] and E[(x - μ)(x - μ)ᵀ | x_o] with their number; log-likelihood."""
        rows, observed = data
        loc = self.loc.data
        covariance = self.covariance.data
        first = np.zeros(loc.shape)
        second = np.zeros(covariance.shape)
        total = 0.0
        for chosen, o in patterns(observed):
            total += float(_log_normal(rows[chosen][:, o], loc[o], covariance[np.ix_(o, o)]).sum())
            slopes, rest = self._regression(o)
            deviations = self._filled(rows[chosen], o, slopes) - loc
            first += deviations.sum(axis=0)
            second += deviations.T @ deviations
            second[np.ix_(~o, ~o)] += len(chosen) * rest
        return (first, second, len(rows)), total / len(rows)

    def m_step(self, statistics):
        """The moments of the completed examples."""
        first, second, n = statistics
        shift = first / n
        self._take(self.loc.data + shift, second / n - np.outer(shift, shift))

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced by their mean given the observed ones, or with `rng` by a draw; float64."""
        rows, observed = as_rows(x, self.spec, observed)
        rows = rows.astype(np.float64)
        if observed is None:
            return rows.reshape(np.shape(x))
        # For any y ~ N(μ, Σ), y_m + B (x_o - y_o) has the conditional distribution of x_m.
        if rng is None:
            y = np.broadcast_to(self.loc.data, rows.shape)
        else:
            y = self._sample(len(rows), as_generator(rng)).reshape(rows.shape)
        if not self.full:
            return np.where(observed, rows, y).reshape(np.shape(x))
        for chosen, o in patterns(observed):
            slopes, _ = self._regression(o)
            rows[chosen] = self._filled(rows[chosen], o, slopes, y[chosen])
        return rows.reshape(np.shape(x))

    @property
    def matrix(self):
        """The covariance as a matrix `(D, D)`."""
        return self.covariance.data if self.full else np.diag(self.covariance.data)

    @property
    def parameter_count(self):
        """D for the mean, and D (D + 1) / 2, D or 1 for the covariance."""
        d = self.spec.dimensions
        return d + {"full": d * (d + 1) // 2, "diagonal": d, "spherical": 1}[self.config.covariance]

    def entropy(self):
        """½ log det Σ + ½ D (1 + log 2π) in nats."""
        if self.full:
            log_det = np.linalg.slogdet(self.covariance.data)[1]
        else:
            log_det = np.log(self.covariance.data).sum()
        return 0.5 * (float(log_det) + self.spec.dimensions * (1 + LOG_2PI))

    def kl(self, other):
        """KL(self ‖ other) in nats: ½ [tr Σ₂⁻¹ Σ₁ + (μ₂ - μ₁)ᵀ Σ₂⁻¹ (μ₂ - μ₁) - D + log det Σ₂ - log det Σ₁]."""
        if not isinstance(other, Gaussian) or other.spec.shape != self.spec.shape:
            raise ValueError(f"other: expected a Gaussian of examples of shape {self.spec.shape}, got {other!r}")
        shift = other.loc.data - self.loc.data
        second_moment = self.matrix + np.outer(shift, shift)  # of x ~ self about the mean of `other`
        trace = float(np.trace(np.linalg.solve(other.matrix, second_moment)))
        return 0.5 * (trace - self.spec.dimensions) + other.entropy() - self.entropy()

    def _log_prob(self, rows, observed):
        """log p of the observed values of rows `(n, D)`, which are 0 where they are not observed."""
        loc = self.loc.data
        covariance = self.covariance.data
        if not self.full:
            terms = ops.square(rows - loc) / covariance + (np.log(covariance) + LOG_2PI)
            if observed is not None:
                terms = terms * observed
            return -0.5 * terms.sum(axis=1)
        if observed is None:
            return _log_normal(rows, loc, covariance)
        if not len(rows):
            return np.zeros(0)
        log_probs = []
        row_numbers = []
        for chosen, o in patterns(observed):
            log_probs.append(_log_normal(rows[chosen][:, o], loc[o], covariance[np.ix_(o, o)]))
            row_numbers.append(chosen)
        return ops.concatenate(log_probs)[np.argsort(np.concatenate(row_numbers))]

    def _sample(self, n, rng):
        noise = rng.standard_normal((n, self.spec.dimensions), np.float64)
        covariance = self.covariance.data
        if self.full:
            deviations = noise @ np.linalg.cholesky(covariance).T
        else:
            deviations = noise * np.sqrt(covariance)
        return (self.loc.data + deviations).reshape(n, *self.spec.shape)

    def _moments(self, standard, observed):
        """The covariance of rows whose mean is 0, in the form that it has; of observed values only their variances."""
        if self.full and observed is None:
            return standard.T @ standard / len(standard)
        counts = np.full(standard.shape[1], len(standard)) if observed is None else observed.sum(axis=0)
        variances = np.square(standard).sum(axis=0) / counts
        if self.config.covariance == "spherical":
            variances[:] = (variances * counts).sum() / counts.sum()
        return np.diag(variances) if self.full else variances

    def _em(self, standard, observed, units, state):
        """Run EM on rows in these units; the metrics are those of the rows in their own units."""
        if not state:
            self._take(np.zeros(len(units)), self._moments(standard, observed))
        shift = float((observed @ np.log(units)).mean())  # log |d standard / dx| of an example
        steps = em_steps(self, (standard, observed), self.config.max_iterations, self.config.tolerance,
                         state=state)
        for metrics in steps:
            metrics["log_likelihood"] -= shift
            yield {**metrics, "at_floor": self._at_floor()}

    def _regression(self, o):
        """B = Σ_mo Σ_oo⁻¹ and Σ_mm - B Σ_om, where the columns `o` are observed."""
        covariance = self.covariance.data
        between = covariance[np.ix_(o, ~o)]
        slopes = np.linalg.solve(covariance[np.ix_(o, o)], between).T
        return slopes, covariance[np.ix_(~o, ~o)] - slopes @ between

    def _filled(self, rows, o, slopes, centre=None):
        """The rows with c_m + B (x_o - c_o) in place of the missing values; the centre c is by default the mean."""
        centre = np.broadcast_to(self.loc.data, rows.shape) if centre is None else centre
        rows = rows.copy()
        rows[:, ~o] = centre[:, ~o] + (rows[:, o] - centre[:, o]) @ slopes.T
        return rows

    def _at_floor(self):
        """In how many directions the variance is the floor."""
        variances = np.linalg.eigvalsh(self.covariance.data) if self.full else self.covariance.data
        return int((variances < self.config.floor * (1 + 1e-3)).sum())

    def _scale(self, mean, units):
        """From columns in these units, measured from `mean`, to the columns themselves."""
        self.loc.assign(mean + units * self.loc.data)
        self.covariance.assign(self.covariance.data * (np.outer(units, units) if self.full else units**2))

    def _take(self, loc, covariance):
        if not (np.isfinite(loc).all() and np.isfinite(covariance).all()):
            raise ValueError("x: the numbers are too large to have a variance in float64")
        self.loc.assign(loc)
        self.covariance.assign(_floored(covariance, self.config.floor))


def _log_normal(x, loc, covariance):
    """log N(x; μ, Σ) of rows, with Σ = L Lᵀ: |L⁻¹ (x - μ)|² and log det Σ = 2 Σ log L_ii."""
    factor = np.linalg.cholesky(covariance)
    z = ops.triangular_solve(factor, ops.transpose(x - loc))  # (D, n)
    return -0.5 * ops.square(z).sum(axis=0) - (np.log(np.diag(factor)).sum() + 0.5 * len(loc) * LOG_2PI)


def _floored(covariance, floor):
    """The covariance with eigenvalues below `floor` (and below rounding of the largest) raised to it."""
    diagonal = covariance.ndim == 1
    values, vectors = (covariance, None) if diagonal else np.linalg.eigh(covariance)
    rounding = len(values) * np.finfo(np.float64).eps * max(values.max(), 0.0)
    if values.min() > max(floor, rounding):
        return covariance
    if floor == 0:
        constant = np.flatnonzero((covariance if diagonal else np.diag(covariance)) <= rounding)
        why = f"column {constant[0]} (from 0) is constant" if len(constant) else "columns depend linearly on others"
        raise ValueError(f"x: the covariance is singular ({why}, or the examples are too few); a floor above 0 "
                         "gives every direction at least that variance")
    values = np.maximum(values, max(floor, 8 * rounding))
    return values if diagonal else (vectors * values) @ vectors.T
