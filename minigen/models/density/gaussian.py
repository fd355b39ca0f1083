"""The normal distribution, its mean and covariance fitted by maximum likelihood.

    log p(x) = -½ (x - μ)ᵀ Σ⁻¹ (x - μ) - ½ log det Σ - ½ D log 2π

The likelihood of n examples is highest at the sample's moments, μ = Σᵢ xᵢ / n and Σ = Σᵢ (xᵢ - μ)(xᵢ - μ)ᵀ / n; for a
diagonal Σ at the variances of the columns, for a spherical one (a multiple of the identity) at their mean.

Parts of a normal vector are normal (m: missing, o: observed):

    x_o ~ N(μ_o, Σ_oo)        x_m | x_o ~ N(μ_m + B (x_o - μ_o), Σ_mm - B Σ_om),    B = Σ_mo Σ_oo⁻¹

The first scores examples with missing values exactly, the second imputes them and is the E-step of fitting: replace
what is missing by its conditional mean, and let its conditional covariance count as spread.

Bishop, "Pattern Recognition and Machine Learning", 2006, equations 2.81, 2.82, 2.98, 2.121 and 2.122; Little and
Rubin, "Statistical Analysis with Missing Data", 2002, section 11.2.
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...autograd.tensor import Tensor
from ...inference import em_steps
from ...layers import Buffer
from ..settings import check_size
from .closed_form import ClosedForm, as_rows
from .columns import column_moments

COVARIANCES = ("full", "diagonal", "spherical")
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Config:
    """The form of the covariance, the smallest variance in any direction, and when EM for missing values stops.

    With columns scaled to variance 1 (constant ones as they are), the covariance that is fitted is the most likely one
    without an eigenvalue below `floor`: the sample's, with smaller eigenvalues raised. This is what a constant column,
    columns that depend linearly on others, or fewer examples than dimensions get. `floor=0` refuses them instead. EM
    stops after `max_iterations`, or when the log-likelihood rises by less than `tolerance` nats per example.
    """

    covariance: str = "full"
    floor: float = 1e-6
    max_iterations: int = 1000
    tolerance: float = 1e-9

    def __post_init__(self):
        if self.covariance not in COVARIANCES:
            raise ValueError(f"covariance: expected one of {', '.join(COVARIANCES)}, got {self.covariance!r}")
        for name in ("floor", "tolerance"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
        check_size("max_iterations", self.max_iterations)


class Gaussian(ClosedForm):
    """A normal distribution for continuous data, with missing values marginalised exactly.

    `loc` has shape `(D,)`; `covariance` is a matrix `(D, D)` if full and the variances `(D,)` otherwise. Before it is
    fitted it is standard normal. Raises ValueError for data of another kind or conditional data.
    """

    Config = Config
    takes_missing = True

    def __init__(self, spec, config=None, *, rng=0):
        kinds = spec.kind if isinstance(spec.kind, tuple) else (spec.kind,)
        if set(kinds) != {"continuous"} or spec.condition is not None:
            what = f"{spec.kind} data" if spec.condition is None else "a condition"
            raise ValueError(f"gaussian: expected continuous data without a condition, got {what} (the kind continuous "
                             "may be asked for, then integers are taken as real numbers)")
        self.spec, self.config = spec, Config() if config is None else config
        self.full = self.config.covariance == "full"
        self.loc = Buffer(np.zeros(spec.dimensions))
        self.covariance = Buffer(np.eye(spec.dimensions) if self.full else np.ones(spec.dimensions))

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) in nats, float64 `(n,)`, of the observed values alone; x may be a Tensor, and is differentiated."""
        if condition is not None:
            raise ValueError("gaussian: log_prob takes no condition")
        rows, mask = as_rows(x, self.spec, observed)
        if isinstance(x, Tensor):
            rows = x.reshape(rows.shape) if mask is None else ops.where(mask, x.reshape(rows.shape), 0.0)
        else:
            rows = rows.astype(np.float64)
        loc, covariance = self.loc.data, self.covariance.data
        if not self.full:
            terms = ops.square(rows - loc) / covariance + (np.log(covariance) + LOG_2PI)
            return -0.5 * (terms if mask is None else terms * mask).sum(axis=1)
        if mask is None:
            return _log_prob(rows, loc, covariance)
        parts, places = [], []
        for chosen, seen in patterns(mask):
            parts.append(_log_prob(rows[chosen][:, seen], loc[seen], covariance[np.ix_(seen, seen)]))
            places.append(chosen)
        return ops.concatenate(parts)[np.argsort(np.concatenate(places))] if parts else np.zeros(0)

    def fit_steps(self, data, rng=0, *, observed=None, labels=None):
        """Fit to `data` `(n, *spec.shape)`, at once or, a full covariance with missing values, by EM.

        Yields metrics with `log_likelihood` in nats per example and `at_floor`, in how many directions the floor set
        the variance. Raises ValueError for data without rows, a column that is observed nowhere, and with `floor=0` a
        singular covariance.
        """
        rows, mask = as_rows(data, self.spec, observed)
        rows = rows.astype(np.float64)
        if not len(rows):
            raise ValueError("data: expected at least one example, got none")
        # In units of the columns' deviations nothing is lost where columns differ by orders of magnitude.
        mean, deviation = column_moments(rows, mask)
        units = np.where(deviation > 0, deviation, 1.0)
        if self.config.covariance == "spherical":
            units = np.full(len(mean), math.sqrt(np.square(units).mean()))
        standard = (rows - mean) / units
        if mask is not None:
            standard *= mask
        weight = len(rows) if mask is None else mask.sum(axis=0)
        variances = np.square(standard).sum(axis=0) / weight
        if self.config.covariance == "spherical":
            variances[:] = (variances * weight).sum() / (weight * np.ones(len(mean))).sum()
        if self.full:
            self._take(0 * mean, standard.T @ standard / len(rows) if mask is None else np.diag(variances))
        else:
            self._take(0 * mean, variances)
        if self.full and mask is not None:
            shift = float((mask @ np.log(units)).mean())  # log |d standard / dx| of an example
            for metrics in em_steps(self, (standard, mask), self.config.max_iterations, self.config.tolerance):
                metrics["log_likelihood"] -= shift
                yield {**metrics, "at_floor": self._at_floor()}
            self._scale(mean, units)
            return
        at_floor = self._at_floor()
        self._scale(mean, units)
        yield {"iteration": 0, "log_likelihood": self.score(data, observed), "converged": True, "at_floor": at_floor}

    def e_step(self, data):
        """Sums over the examples of E[x - μ | x_o] and E[(x - μ)(x - μ)ᵀ | x_o] with their number; log-likelihood."""
        rows, mask = data
        first, second, total = np.zeros(len(self.loc.data)), np.zeros(self.covariance.shape), 0.0
        for chosen, seen in patterns(mask):
            loc, covariance = self.loc.data, self.covariance.data
            total += float(_log_prob(rows[chosen][:, seen], loc[seen], covariance[np.ix_(seen, seen)]).sum())
            slopes, rest = self._regression(seen)
            deviations = self._filled(rows[chosen], seen, slopes) - loc
            first += deviations.sum(axis=0)
            second += deviations.T @ deviations
            second[np.ix_(~seen, ~seen)] += len(chosen) * rest
        return (first, second, len(rows)), total / len(rows)

    def m_step(self, statistics):
        """The moments of the completed examples."""
        first, second, n = statistics
        shift = first / n
        self._take(self.loc.data + shift, second / n - np.outer(shift, shift))

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced by their mean given the observed ones, or with `rng` by a draw; float64."""
        rows, mask = as_rows(x, self.spec, observed)
        rows = rows.astype(np.float64)
        if mask is None:
            return rows.reshape(np.shape(x))
        # For any y ~ N(μ, Σ), y_m + B (x_o - y_o) has the conditional distribution of x_m.
        if rng is None:
            centre = np.broadcast_to(self.loc.data, rows.shape)
        else:
            centre = self._sample(len(rows), as_generator(rng)).reshape(rows.shape)
        if not self.full:
            return np.where(mask, rows, centre).reshape(np.shape(x))
        for chosen, seen in patterns(mask):
            rows[chosen] = self._filled(rows[chosen], seen, self._regression(seen)[0], centre[chosen])
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
        log_det = np.linalg.slogdet(self.covariance.data)[1] if self.full else np.log(self.covariance.data).sum()
        return 0.5 * (float(log_det) + self.spec.dimensions * (1 + LOG_2PI))

    def kl(self, other):
        """KL(self ‖ other) in nats: ½ [tr Σ₂⁻¹ Σ₁ + (μ₂ - μ₁)ᵀ Σ₂⁻¹ (μ₂ - μ₁) - D + log det Σ₂ - log det Σ₁]."""
        if not isinstance(other, Gaussian) or other.spec.shape != self.spec.shape:
            raise ValueError(f"other: expected a Gaussian of examples of shape {self.spec.shape}, got {other!r}")
        shift = other.loc.data - self.loc.data
        both = self.matrix + np.outer(shift, shift)
        trace = float(np.trace(np.linalg.solve(other.matrix, both)))
        return 0.5 * (trace - self.spec.dimensions) + other.entropy() - self.entropy()

    def _sample(self, n, rng):
        noise = rng.standard_normal((n, self.spec.dimensions), np.float64)
        covariance = self.covariance.data
        noise = noise @ np.linalg.cholesky(covariance).T if self.full else noise * np.sqrt(covariance)
        return (self.loc.data + noise).reshape(n, *self.spec.shape)

    def _regression(self, seen):
        """B = Σ_mo Σ_oo⁻¹ and Σ_mm - B Σ_om for the observed columns `seen`."""
        covariance = self.covariance.data
        between = covariance[np.ix_(seen, ~seen)]
        slopes = np.linalg.solve(covariance[np.ix_(seen, seen)], between).T
        return slopes, covariance[np.ix_(~seen, ~seen)] - slopes @ between

    def _filled(self, rows, seen, slopes, centre=None):
        """The rows with c_m + B (x_o - c_o) in place of what is missing; the centre c is the mean if not given."""
        centre = np.broadcast_to(self.loc.data, rows.shape) if centre is None else centre
        rows = rows.copy()
        rows[:, ~seen] = centre[:, ~seen] + (rows[:, seen] - centre[:, seen]) @ slopes.T
        return rows

    def _at_floor(self):
        variances = np.linalg.eigvalsh(self.covariance.data) if self.full else self.covariance.data
        return int((variances < self.config.floor * (1 + 1e-3)).sum())

    def _scale(self, mean, units):
        """From columns in these units, measured from `mean`, to the columns themselves."""
        self.loc.assign(mean + units * self.loc.data)
        self.covariance.assign(self.covariance.data * (np.outer(units, units) if self.full else units**2))

    def _take(self, loc, covariance):
        if not (np.isfinite(loc).all() and np.isfinite(covariance).all()):
            raise ValueError("data: the numbers are too large to have a variance in float64")
        self.loc.assign(loc)
        self.covariance.assign(_floored(covariance, self.config.floor))


def patterns(mask):
    """The rows of a mask `(n, D)` by what they have: pairs of row numbers and booleans `(D,)`, each pattern once."""
    kinds, which = np.unique(mask, axis=0, return_inverse=True)
    which = which.reshape(-1)
    order, ends = np.argsort(which, kind="stable"), np.cumsum(np.bincount(which, minlength=len(kinds)))
    return [(order[end - count : end], kind)
            for kind, end, count in zip(kinds, ends, np.diff(ends, prepend=0), strict=True)]


def _log_prob(x, loc, covariance):
    """log N(x; μ, Σ) of rows, with Σ = L Lᵀ: |L⁻¹ (x - μ)|² and log det Σ = 2 Σ log L_ii."""
    factor = np.linalg.cholesky(covariance)
    z = ops.triangular_solve(factor, ops.transpose(x - loc))
    return -0.5 * ops.square(z).sum(axis=0) - (np.log(np.diag(factor)).sum() + 0.5 * len(loc) * LOG_2PI)


def _floored(covariance, floor):
    """The covariance with eigenvalues below `floor` (and below rounding of the largest) raised to it."""
    values, vectors = (covariance, None) if covariance.ndim == 1 else np.linalg.eigh(covariance)
    rounding = len(values) * np.finfo(np.float64).eps * max(values.max(), 0.0)
    if values.min() > max(floor, rounding):
        return covariance
    if floor == 0:
        constant = np.flatnonzero((covariance if vectors is None else np.diag(covariance)) <= rounding)
        why = f"column {constant[0]} (from 0) is constant" if len(constant) else "columns depend linearly on others"
        raise ValueError(f"data: the covariance is singular ({why}, or the examples are too few); a floor above 0 "
                         "gives every direction at least that variance")
    values = np.maximum(values, max(floor, 8 * rounding))
    return values if vectors is None else (vectors * values) @ vectors.T


