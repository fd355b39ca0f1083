"""Probabilistic principal component analysis and factor analysis: the linear-Gaussian latent variable model.

    p(z) = N(0, I)        p(x | z) = N(W z + μ, Ψ)        p(x) = N(μ, W Wᵀ + Ψ)

Ψ = σ² I is probabilistic principal component analysis. For complete data with covariance S its likelihood is highest at

    σ² = mean of the D - M smallest eigenvalues of S        W = U (Λ - σ² I)^½

with Λ the M largest and U their eigenvectors. A diagonal Ψ is factor analysis, which has no closed form: it is fitted
by expectation-maximisation, and so are both where values are missing. W is determined up to a rotation of z; it is
turned so that the elements of z are independent given complete x, the best determined first.

The density and the posterior p(z | x) are exact, so that every bound on log p(x) can be held against them.

Tipping and Bishop, "Probabilistic Principal Component Analysis", 1999, equations 6 to 8; Rubin and Thayer, "EM
Algorithms for ML Factor Analysis", 1982; Ilin and Raiko, "Practical Approaches to Principal Component Analysis in the
Presence of Missing Values", 2010.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...arrays.checks import non_negative_number, one_of, positive_integer, positive_number
from ...arrays.constants import LOG_2PI
from ...autograd import Tensor
from ...distributions import MultivariateNormal, Normal
from ...inference import em_steps
from ...layers import Buffer
from ..takes import Takes
from .support.column_moments import column_moments
from .support.estimator import Estimator
from .support.example_rows import as_rows
from .support.linear_gaussian import Axes, Observations, infer, masked_moments, maximise

NOISES = ("isotropic", "diagonal")
CHUNK = 2**22  # numbers of examples that are worked on at a time


@dataclass(frozen=True)
class Config:
    """Latent dimensions M, the form of the noise's covariance, its smallest variance, and when EM stops.

    `latent_dim=None` is 10, or D - 1 if that is less. `noise` is "isotropic" (probabilistic principal component
    analysis) or "diagonal" (factor analysis). No noise variance is below `floor` times the variance of its column (1 if
    that is constant), or isotropic, times the mean of these: this is what constant columns get, data in a subspace of M
    dimensions, and coordinates that the factors explain completely. EM stops after `max_iterations`, or when the
    log-likelihood rises by less than `tolerance` nats per example.
    """

    latent_dim: int | None = None
    noise: str = "isotropic"
    floor: float = 1e-6
    max_iterations: int = 1000
    tolerance: float = 1e-8

    def __post_init__(self):
        if self.latent_dim is not None:
            positive_integer("latent_dim", self.latent_dim)
        one_of("noise", self.noise, NOISES)
        positive_number("floor", self.floor)
        non_negative_number("tolerance", self.tolerance)
        positive_integer("max_iterations", self.max_iterations)


class ProbabilisticPCA(Estimator):
    """Probabilistic PCA or factor analysis of continuous data, examples of any shape read as rows.

    `loc` is μ `(D,)`, `weight` W `(D, M)`, `noise` the variances on the diagonal of Ψ, `(1,)` or `(D,)`, and `least`
    the least that these may be. Before it is fitted W is drawn from `rng`. Missing values are marginalised exactly.
    Raises ValueError for other data, conditional data, and unless `latent_dim` is below D.
    """

    Config = Config
    takes = Takes(kinds=("continuous",), missing=True, mixed=True)
    conditions_on_any = True

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        d = spec.dimensions
        m = min(10, d - 1) if config.latent_dim is None else config.latent_dim
        if not 0 < m < d:
            raise ValueError(f"latent_dim: expected less than the {d} dimensions of the data, got {config.latent_dim}")
        self.config = replace(config, latent_dim=m)
        self.loc = Buffer(np.zeros(d))
        self.weight = Buffer(as_generator(rng).standard_normal((d, m), np.float64) / math.sqrt(m))
        self.noise = Buffer(np.ones(1 if config.noise == "isotropic" else d))
        self.least = Buffer(np.full(self.noise.shape, config.floor))

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) in nats, float64 `(n,)`, of the observed values alone; x may be a Tensor, and is differentiated."""
        self.check_condition(condition, len(x))
        rows, observed = self._rows(x, observed)
        if isinstance(x, Tensor):
            rows = x.reshape(rows.shape)
            if observed is not None:
                rows = ops.where(observed, rows, 0.0)
        step = max(1, CHUNK // rows.shape[1])
        log_probs = []
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            data = Observations(rows[chunk], None if observed is None else observed[chunk])
            ordered = ops.concatenate([block_log_probs for *_, block_log_probs in infer(data, *self._parameters())])
            log_probs.append(data.restore(ordered))
        return ops.concatenate(log_probs) if log_probs else np.zeros(0)

    @property
    def prior(self) -> Normal:
        """p(z) = N(0, I), float64, of events `(latent_dim,)`."""
        m = self.config.latent_dim
        return Normal(np.zeros(m), np.ones(m), event_ndim=1)

    def encode(self, x, condition=None, observed=None) -> MultivariateNormal:
        """The exact p(z | x), given the observed values alone: events `(latent_dim,)`.

        There is one covariance for all examples if nothing is missing, else one for each.
        """
        self.check_condition(condition, len(x))
        rows, observed = self._rows(x, observed)
        if not len(rows):
            raise ValueError("x: expected at least one example, got none")
        data = Observations(rows, observed)
        means = []
        covariances = []
        for _, mean, covariance, _ in infer(data, *self._parameters()):
            means.append(mean)
            covariances.append(covariance)
        means = data.restore(np.concatenate(means))  # (n, M)
        covariances = np.concatenate(covariances)  # (patterns, M, M)
        if observed is None:
            return MultivariateNormal(means, covariances[0])
        return MultivariateNormal(means, data.restore(np.repeat(covariances, np.diff(data.bounds), axis=0)))

    def decode(self, z, condition=None) -> Normal:
        """p(x | z) = N(W z + μ, Ψ) for z of shape `(..., latent_dim)`: events of `spec.shape`."""
        self.check_condition(condition, len(z))
        loc, weight, noise = self._parameters()
        shape = self.spec.shape
        mean = (z @ weight.T + loc).reshape(*z.shape[:-1], *shape)
        return Normal(mean, np.sqrt(noise).reshape(shape), event_ndim=len(shape))

    def bound(self, x, q, observed=None):
        """E_q[log p(x, z) - log q(z)] without sampling, nats `(n,)`: log p(x) less KL(q ‖ p(z | x)).

        `q` is a normal distribution of events `(latent_dim,)`, one or one for each example: a MultivariateNormal, or a
        Normal with `event_ndim=1`. Its parameters may be Tensors, and are differentiated.
        """
        m = self.config.latent_dim
        if not isinstance(q, Normal | MultivariateNormal) or q.event_shape != (m,):
            raise ValueError(f"q: expected a normal distribution of events ({m},), got {q!r}")
        rows, observed = self._rows(x, observed)
        loc, weight, noise = self._parameters()
        if isinstance(q, Normal):
            spread = q.variance @ (weight * weight).T  # the variance of each coordinate of W z
        else:
            spread = ((weight @ q.covariance) * weight).sum(axis=-1)
        terms = (ops.square(rows - loc - q.mean @ weight.T) + spread) / noise + (np.log(noise) + LOG_2PI)  # (n, D)
        if observed is not None:
            terms = terms * observed
        prior = (ops.square(q.mean) + q.variance).sum(axis=-1) + m * LOG_2PI
        return q.entropy() - 0.5 * (terms.sum(axis=-1) + prior)

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch`: at once if the noise is isotropic and nothing is missing, else by EM.

        EM starts at the closed form for the data in units of their standard deviations (isotropic noise: as they are),
        means in place of missing values; nothing is random. Yields metrics with `log_likelihood` in nats per example.
        Raises ValueError for fewer than M + 2 examples, and for what `column_moments` refuses.
        """
        rows, observed = self.training_rows(batch)
        rows = rows.astype(np.float64)
        state = {} if state is None else state
        m = self.config.latent_dim
        if len(rows) < m + 2:
            raise ValueError(f"x: expected at least {m + 2} examples for {m} latent dimensions, got {len(rows)}")
        mean, deviation = column_moments(rows, observed)
        complete = rows if observed is None else np.where(observed, rows, mean)
        axes = Axes(complete)
        if not state:
            self._start(complete, axes, deviation)
        if observed is None and self.config.noise == "isotropic":
            if not state:
                state["fitted"] = True
                yield {"iteration": 0, "log_likelihood": axes.moments(*self._parameters())[1], "converged": True}
        else:
            data = axes if observed is None else Observations(rows, observed)
            yield from em_steps(self, data, self.config.max_iterations, self.config.tolerance, state=state)
        self._turn()

    def e_step(self, data):
        """The posterior's moments that determine W, μ and Ψ, and the log-likelihood, both per example.

        `data` are `linear_gaussian.Axes` of complete examples, or `Observations`.
        """
        if isinstance(data, Axes):
            return data.moments(*self._parameters())
        return masked_moments(data, *self._parameters())

    def m_step(self, statistics):
        """Take the regression of x on z, and the variances that it leaves."""
        loc, weight, residuals = maximise(statistics, self.loc.data)
        counts = statistics[3]
        if self.config.noise == "isotropic":
            residuals = residuals.sum(keepdims=True)
            counts = counts.sum(keepdims=True)
        self._take(loc, weight, residuals / counts)

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced by their mean given the observed ones, or with `rng` by a draw; float64."""
        rows, observed = self._rows(x, observed)
        if observed is None:
            return rows.reshape(np.shape(x))
        # For any y from the model, y_m + W (E[z | x_o] - E[z | y_o]) has the conditional distribution of x_m.
        loc, weight, _ = self._parameters()
        y = loc if rng is None else self._sample(len(rows), as_generator(rng)).reshape(rows.shape)
        data = Observations(rows - y + loc, observed)
        means = data.restore(np.concatenate([means for _, means, _, _ in infer(data, *self._parameters())]))  # (n, M)
        return np.where(observed, rows, y + means @ weight.T).reshape(np.shape(x))

    @property
    def covariance(self):
        """W Wᵀ + Ψ, the covariance of x, `(D, D)`."""
        _, weight, noise = self._parameters()
        return weight @ weight.T + np.diag(noise)

    @property
    def parameter_count(self):
        """D for μ, D M less the M (M - 1) / 2 of a rotation for W, and 1 or D for Ψ."""
        d, m = self.weight.shape
        return d + d * m - m * (m - 1) // 2 + self.noise.shape[0]

    def _sample(self, n, rng):
        loc, weight, noise = self._parameters()
        z = rng.standard_normal((n, self.config.latent_dim), np.float64)
        x = z @ weight.T + loc + np.sqrt(noise) * rng.standard_normal((n, len(loc)), np.float64)
        return x.reshape(n, *self.spec.shape)

    def _rows(self, x, observed):
        rows, observed = as_rows(x, self.spec, observed)
        return rows.astype(np.float64), observed

    def _parameters(self):
        """μ, W and the diagonal of Ψ."""
        return self.loc.data, self.weight.data, np.broadcast_to(self.noise.data, self.loc.shape)

    def _start(self, rows, axes, deviation):
        """Take the closed form for complete rows, whose principal axes and columns' deviations these are."""
        m = self.config.latent_dim
        variances = np.where(deviation > 0, deviation**2, 1.0)
        if self.config.noise == "diagonal":
            units = np.sqrt(variances)
            least = self.config.floor * variances
            scaled = Axes(rows / units)
        else:
            units = np.ones(1)
            least = self.config.floor * variances.mean(keepdims=True)
            scaled = axes
        noise = max(scaled.variances[m:].sum() / (len(deviation) - m), (least / units**2)[0])
        weight = scaled.axes[:m].T * np.sqrt(np.maximum(scaled.variances[:m] - noise, 0))
        self.least.assign(least)
        self._take(axes.mean, weight * units[:, None], noise * units**2)

    def _take(self, loc, weight, noise):
        self.loc.assign(loc)
        self.weight.assign(weight)
        self.noise.assign(np.maximum(noise, self.least.data))

    def _turn(self):
        """Rotate z so that Wᵀ Ψ⁻¹ W is diagonal, from the largest; the largest of each column of Ψ^-½ W is positive."""
        _, weight, noise = self._parameters()
        v = weight / np.sqrt(noise)[:, None]
        vectors = np.linalg.eigh(v.T @ v)[1][:, ::-1]
        v = v @ vectors
        largest = v[np.abs(v).argmax(axis=0), np.arange(v.shape[1])]
        self.weight.assign(weight @ vectors * np.where(largest < 0, -1.0, 1.0))
